/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/proc.h"
#include "tests/unit/unit.h"

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

static struct vmha_mono in_ms(int ms)
{
	return vmha_mono_add(vmha_mono_now(), VMHA_SPAN_MS(ms));
}

static void run_gives_all_back(void)
{
	vmha_autoresult struct vmha_proc_result res = { 0 };

	CHECK_INT(vmha_proc_run(ARGV("sh", "-c", "cat; echo bad >&2; exit 3"), "in\n",
				VMHA_SPAN_S(20), &res, NULL),
		  0);
	CHECK_INT(res.status, 3);
	CHECK_STR(res.output, "in\n");
	CHECK_STR(res.errors, "bad\n");
}

static void run_without_input_reads_nothing(void)
{
	vmha_autoresult struct vmha_proc_result res = { 0 };

	CHECK_INT(vmha_proc_run(ARGV("cat"), NULL, VMHA_SPAN_S(20), &res, NULL), 0);
	CHECK_INT(res.status, 0);
	CHECK_STR(res.output, "");
	vmha_proc_result_free(&res);
	CHECK(!res.output && !res.errors);
}

static void run_takes_much_on_both_streams(void)
{
	vmha_autoresult struct vmha_proc_result res = { 0 };

	CHECK_INT(vmha_proc_run(ARGV("sh", "-c",
				     "head -c 300000 /dev/zero | tr '\\0' x;"
				     "head -c 300000 /dev/zero | tr '\\0' y >&2"),
				NULL, VMHA_SPAN_S(20), &res, NULL),
		  0);
	CHECK_INT(strlen(res.output), 300000);
	CHECK_INT(strlen(res.errors), 300000);
}

static void run_refuses_a_flood(void)
{
	vmha_autoerr struct vmha_err *e = NULL;
	struct vmha_proc_result res = { 0 };

	CHECK_INT(vmha_proc_run(ARGV("cat", "/dev/zero"), NULL, VMHA_SPAN_S(60), &res, &e), -EFBIG);
	CHECK(!res.output);
	CHECK_HAS(vmha_err_text(e), "cat");
}

static void run_tells_a_missing_program(void)
{
	vmha_autoerr struct vmha_err *e = NULL;
	struct vmha_proc_result res = { 0 };

	CHECK_INT(vmha_proc_run(ARGV("vmha-no-such"), NULL, VMHA_SPAN_S(20), &res, &e), -ENOENT);
	CHECK_HAS(vmha_err_text(e), "vmha-no-such");
}

static void run_tells_a_signal(void)
{
	vmha_autoresult struct vmha_proc_result res = { 0 };

	CHECK_INT(
		vmha_proc_run(ARGV("sh", "-c", "kill -TERM $$"), NULL, VMHA_SPAN_S(20), &res, NULL),
		0);
	CHECK_INT(res.status, 128 + SIGTERM);
}

static void run_kills_the_whole_group_in_time(void)
{
	vmha_autoerr struct vmha_err *e = NULL;
	struct vmha_proc_result res = { 0 };
	struct vmha_mono start = vmha_mono_now();

	CHECK_INT(vmha_proc_run(ARGV("sh", "-c", "sleep 60 & sleep 60"), NULL, VMHA_SPAN_MS(200),
				&res, &e),
		  -ETIMEDOUT);
	CHECK_HAS(vmha_err_text(e), "sh");
	CHECK(vmha_span_ms(vmha_mono_diff(start, vmha_mono_now())) < 20000);
	CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
	/* also one that closed its streams */
	CHECK_INT(vmha_proc_run(ARGV("sh", "-c", "exec >/dev/null 2>&1; sleep 60"), NULL,
				VMHA_SPAN_MS(200), &res, &e),
		  -ETIMEDOUT);
}

static void check_wants_status_0(void)
{
	vmha_autoerr struct vmha_err *e = NULL;
	vmha_autoresult struct vmha_proc_result res = { 0 };

	CHECK_INT(vmha_proc_check(ARGV("echo", "x"), NULL, VMHA_SPAN_S(20), &res, &e), 0);
	CHECK_STR(res.output, "x\n");
	CHECK_INT(vmha_proc_check(ARGV("true"), NULL, VMHA_SPAN_S(20), NULL, &e), 0);
	CHECK(!e);
	CHECK_INT(vmha_proc_check(ARGV("sh", "-c", "echo why >&2; exit 4"), NULL, VMHA_SPAN_S(20),
				  NULL, &e),
		  -EIO);
	CHECK_STR(vmha_err_text(e), "sh failed (exit 4): why");
	CHECK_INT(vmha_proc_check(ARGV("sh", "-c", "echo said; exit 4"), NULL, VMHA_SPAN_S(20),
				  NULL, &e),
		  -EIO);
	CHECK_STR(vmha_err_text(e), "sh failed (exit 4): said");
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	return pid;
}

static void start_time_tells_processes_apart(void)
{
	uint64_t mine = 0;
	uint64_t again = 0;
	uint64_t first = 0;

	CHECK_INT(vmha_proc_start_time(getpid(), &mine), 0);
	CHECK_INT(vmha_proc_start_time(getpid(), &again), 0);
	CHECK_INT(mine, again);
	CHECK_INT(vmha_proc_start_time(1, &first), 0);
	CHECK(first <= mine);
	CHECK(vmha_proc_is(getpid(), mine));
	CHECK(!vmha_proc_is(getpid(), mine + 1));
	CHECK_INT(vmha_proc_start_time(0, &again), -ESRCH);
	CHECK_INT(vmha_proc_start_time(-1, &again), -ESRCH);
	CHECK_INT(vmha_proc_start_time(1 << 30, &again), -ESRCH);
}

static void a_zombie_is_gone(void)
{
	pid_t pid = sleeper();
	uint64_t ticks = 0;
	siginfo_t info;

	CHECK_INT(vmha_proc_start_time(pid, &ticks), 0);
	CHECK_INT(kill(pid, SIGKILL), 0);
	CHECK_INT(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	CHECK_INT(vmha_proc_start_time(pid, &ticks), -ESRCH);
	CHECK_INT(vmha_proc_wait_gone(pid, ticks, in_ms(0)), 0);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

static void *thread_pause(void *unused)
{
	(void)pause();
	return unused;
}

/* The leader has ended, a thread (which may be writing) has not: QEMU in the kernel looks so. */
static void a_dead_leader_with_a_thread_is_not_gone(void)
{
	pid_t pid = fork();
	uint64_t ticks = 0;
	int i;

	CHECK(pid >= 0);
	if (pid == 0) {
		pthread_t t;

		(void)pthread_create(&t, NULL, thread_pause, NULL);
		pthread_exit(NULL);
	}
	for (i = 0; i < 20; i++) {
		vmha_mono_pace(VMHA_SPAN_MS(10));
		CHECK_INT(vmha_proc_start_time(pid, &ticks), 0);
	}
	CHECK_INT(vmha_proc_wait_gone(pid, ticks, in_ms(50)), -ETIMEDOUT);
	CHECK_INT(vmha_proc_kill(pid, ticks, in_ms(20000)), 0);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
}

static void kill_spares_another_process_of_that_number(void)
{
	pid_t pid = sleeper();
	uint64_t ticks = 0;

	CHECK_INT(vmha_proc_start_time(pid, &ticks), 0);
	CHECK_INT(vmha_proc_kill(pid, ticks + 1, in_ms(1000)), 0);
	CHECK(vmha_proc_is(pid, ticks));
	CHECK_INT(vmha_proc_wait_gone(pid, ticks, in_ms(50)), -ETIMEDOUT);
	CHECK_INT(vmha_proc_kill(pid, ticks, in_ms(20000)), 0);
	CHECK(!vmha_proc_is(pid, ticks));
	CHECK_INT(vmha_proc_kill(pid, ticks, in_ms(0)), 0);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
	CHECK_INT(vmha_proc_wait_gone(pid, ticks, in_ms(0)), 0);
	CHECK_INT(vmha_proc_wait_gone(0, ticks, in_ms(0)), 0);
}

static const struct unit_test tests[] = {
	UNIT_TEST(run_gives_all_back),
	UNIT_TEST(run_without_input_reads_nothing),
	UNIT_TEST(run_takes_much_on_both_streams),
	UNIT_TEST(run_refuses_a_flood),
	UNIT_TEST(run_tells_a_missing_program),
	UNIT_TEST(run_tells_a_signal),
	UNIT_TEST(run_kills_the_whole_group_in_time),
	UNIT_TEST(check_wants_status_0),
	UNIT_TEST(start_time_tells_processes_apart),
	UNIT_TEST(a_zombie_is_gone),
	UNIT_TEST(a_dead_leader_with_a_thread_is_not_gone),
	UNIT_TEST(kill_spares_another_process_of_that_number),
};

UNIT_MAIN(tests)
