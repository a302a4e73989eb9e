/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The holder's protocol over a fake libdlm (fake_dlm.c); the kernel's own is tried in tests/vm. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/core/lockvalue.h"
#include "lib/port/lock_dlm.h"
#include "tests/unit/fake_dlm.h"
#include "tests/unit/unit.h"

#define LS "vmha-vol1"

static struct vmha_mono in_ms(int64_t ms)
{
	return vmha_mono_add(vmha_mono_now(), VMHA_SPAN_MS(ms));
}

static void begin(void)
{
	CHECK_INT(chdir(unit_dir()), 0);
	CHECK_INT(mkdir(FAKE_DLM_SYSFS, 0755), 0);
}

static void joined(void)
{
	begin();
	CHECK_INT(vmha_dlm_join(LS, in_ms(5000), NULL), 0);
	CHECK(vmha_dlm_joined(LS));
}

static void flag_set(const char *name)
{
	CHECK_INT(close(open(name, O_CREAT | O_WRONLY, 0600)), 0);
}

static void what_is_missing_is_said(void)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_dlm *lock = NULL;

	CHECK_INT(chdir(unit_dir()), 0);
	CHECK(!vmha_dlm_joined(LS));
	CHECK_INT(vmha_dlm_join(LS, in_ms(5000), &err), -EHOSTDOWN);
	CHECK_HAS(vmha_err_text(err), "modprobe dlm");
	CHECK_INT(mkdir(FAKE_DLM_SYSFS, 0755), 0);
	flag_set(FAKE_DLM_NO_DAEMON);
	CHECK_INT(vmha_dlm_join(LS, in_ms(5000), &err), -EHOSTDOWN);
	CHECK_HAS(vmha_err_text(err), "dlm_controld does not run");
	CHECK_INT(vmha_dlm_open(LS, "admin", &lock, &err), -EHOSTDOWN);
	CHECK_HAS(vmha_err_text(err), "not joined DLM lockspace vmha-vol1");
}

static void a_join_that_hangs_is_left_behind(void)
{
	vmha_autoerr struct vmha_err *err = NULL;

	begin();
	flag_set(FAKE_DLM_HANGS);
	CHECK_INT(vmha_dlm_join(LS, in_ms(50), &err), -ETIMEDOUT);
	CHECK_HAS(vmha_err_text(err), "not joined yet");
	CHECK_INT(unlink(FAKE_DLM_HANGS), 0);
}

static void joining_and_leaving_may_be_repeated(void)
{
	joined();
	CHECK_INT(vmha_dlm_join(LS, in_ms(5000), NULL), 0);
	CHECK_INT(vmha_dlm_leave(LS, in_ms(5000), NULL), 0);
	CHECK(!vmha_dlm_joined(LS));
	CHECK_INT(vmha_dlm_leave(LS, in_ms(5000), NULL), 0);
}

static void one_has_it(void)
{
	struct vmha_dlm *a = NULL;
	struct vmha_dlm *b = NULL;

	joined();
	CHECK_INT(vmha_dlm_open(LS, "admin", &a, NULL), 0);
	CHECK_INT(vmha_dlm_convert(a, VMHA_DLM_EXCLUSIVE, false, in_ms(5000), NULL, NULL, NULL), 0);
	CHECK_INT(vmha_dlm_open(LS, "admin", &b, NULL), 0);
	CHECK_INT(vmha_dlm_convert(b, VMHA_DLM_EXCLUSIVE, true, in_ms(5000), NULL, NULL, NULL),
		  -EAGAIN);
	CHECK_INT(vmha_dlm_request(b, VMHA_DLM_EXCLUSIVE, false, NULL, NULL), 0);
	CHECK_INT(vmha_dlm_request(b, VMHA_DLM_EXCLUSIVE, false, NULL, NULL), -EBUSY);
	CHECK_INT(vmha_dlm_wait(b, in_ms(50), NULL, NULL), -ETIMEDOUT);
	vmha_dlm_close(a);
	CHECK_INT(vmha_dlm_wait(b, in_ms(5000), NULL, NULL), 0);
	CHECK(vmha_dlm_lock_alive(b));
	vmha_dlm_close(b);
	vmha_dlm_close(NULL);
}

static void a_value_is_handed_on(void)
{
	const struct vmha_lockvalue mine = { .node = 3, .epoch = 7 };
	struct vmha_lockvalue said = { 0 };
	struct vmha_dlm_value value = { 0 };
	struct vmha_dlm *a = NULL;
	bool held = true;

	joined();
	CHECK_INT(vmha_dlm_peek(LS, "coordinator", in_ms(5000), &value, &held, NULL), 0);
	CHECK(!held && !vmha_lockvalue_parse(value.bytes, &said));
	CHECK_INT(vmha_dlm_open(LS, "coordinator", &a, NULL), 0);
	CHECK_INT(vmha_dlm_convert(a, VMHA_DLM_NULL, false, in_ms(5000), NULL, NULL, NULL), 0);
	CHECK_INT(vmha_dlm_convert(a, VMHA_DLM_EXCLUSIVE, false, in_ms(5000), NULL, NULL, NULL), 0);
	vmha_lockvalue_print(&mine, value.bytes);
	CHECK_INT(vmha_dlm_convert(a, VMHA_DLM_EXCLUSIVE, false, in_ms(5000), &value, NULL, NULL),
		  0);
	memset(&value, 0, sizeof(value));
	CHECK_INT(vmha_dlm_peek(LS, "coordinator", in_ms(5000), &value, &held, NULL), 0);
	CHECK(held && vmha_lockvalue_parse(value.bytes, &said));
	CHECK_INT(said.node, 3);
	CHECK_INT(said.epoch, 7);
	vmha_dlm_close(a);
	CHECK_INT(vmha_dlm_peek(LS, "coordinator", in_ms(5000), &value, &held, NULL), 0);
	CHECK(!held && vmha_lockvalue_parse(value.bytes, &said));
	CHECK_INT(said.epoch, 7);
}

/* The caller is killed -9: nobody is there to give the lock back. */
static void a_dead_caller_holds_nothing(void)
{
	struct vmha_dlm *a = NULL;
	int ready[2];
	char byte;
	pid_t pid;

	joined();
	CHECK_INT(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (vmha_dlm_open(LS, "admin", &a, NULL) == 0 &&
		    vmha_dlm_convert(a, VMHA_DLM_EXCLUSIVE, false, in_ms(5000), NULL, NULL, NULL) ==
			    0) {
			(void)!write(ready[1], "x", 1);
		}
		(void)pause();
		_exit(0);
	}
	CHECK_INT(read(ready[0], &byte, 1), 1);
	CHECK_INT(vmha_dlm_open(LS, "admin", &a, NULL), 0);
	CHECK_INT(vmha_dlm_request(a, VMHA_DLM_EXCLUSIVE, false, NULL, NULL), 0);
	CHECK_INT(vmha_dlm_wait(a, in_ms(50), NULL, NULL), -ETIMEDOUT);
	CHECK_INT(kill(pid, SIGKILL), 0);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
	CHECK_INT(vmha_dlm_wait(a, in_ms(5000), NULL, NULL), 0);
	vmha_dlm_close(a);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static const struct unit_test tests[] = {
	UNIT_TEST(what_is_missing_is_said),
	UNIT_TEST(a_join_that_hangs_is_left_behind),
	UNIT_TEST(joining_and_leaving_may_be_repeated),
	UNIT_TEST(one_has_it),
	UNIT_TEST(a_value_is_handed_on),
	UNIT_TEST(a_dead_caller_holds_nothing),
};

UNIT_MAIN(tests)
