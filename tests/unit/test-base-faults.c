/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/base with the n-th libc call failing, for every n. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/conf.h"
#include "lib/base/file.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "tests/unit/inject.h"
#include "tests/unit/unit.h"

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define OLD	  "the old content"
#define NEW	  "the new content, longer"

static int entries(void)
{
	vmha_autodir DIR *d = opendir(unit_dir());
	int n = 0;

	CHECK(d != NULL);
	while (readdir(d)) {
		n++;
	}
	return n - 2;
}

static int op_err(struct vmha_err **err)
{
	vmha_autoerr struct vmha_err *e = NULL;

	CHECK_INT(vmha_err_set(&e, -EIO, "first %d", 1), -EIO);
	CHECK(e != NULL);
	vmha_err_prefix(&e, "before");
	CHECK(e->code < 0);
	CHECK(*vmha_err_text(e));
	CHECK_INT(vmha_err_errno(&e, -EBUSY, "second"), -EBUSY);
	CHECK(e != NULL);
	vmha_err_prefix(&e, "before");
	CHECK(e->code < 0);
	CHECK(*vmha_err_text(e));
	(void)err;
	return 0;
}

static void err_holds_without_memory(void)
{
	inject_sweep(op_err, NULL);
}

static int op_str(struct vmha_err **err)
{
	vmha_autostr struct vmha_str s = { 0 };
	vmha_autofree char *text = NULL;
	vmha_autofree char *printed = NULL;
	int i;

	for (i = 0; i < 50; i++) {
		(void)vmha_str_add(&s, "%d ", i);
	}
	(void)vmha_str_add_bytes(&s, "x", 1);
	text = vmha_str_steal(&s);
	if (!text) {
		return vmha_err_set(err, -ENOMEM, "steal");
	}
	/* a string that lost a piece must not look whole */
	CHECK(vmha_str_starts(text, "0 1 2 ") && strlen(text) == 141);
	printed = vmha_str_printf("%s", text);
	return printed ? 0 : vmha_err_set(err, -ENOMEM, "printf");
}

static void str_never_loses_a_piece(void)
{
	inject_sweep(op_str, NULL);
}

static int op_conf(struct vmha_err **err)
{
	static const char before[] = "a = 1\n#b = 2\nc = [ \"x\" ]\na = 3\n";
	vmha_autofree char *text = NULL;
	vmha_autofree char *value = NULL;
	vmha_autofree char *quoted = vmha_conf_quote("y");
	vmha_autofree char *plain = quoted ? vmha_conf_unquote(quoted) : NULL;
	int r;

	if (!plain) {
		return vmha_err_set(err, -ENOMEM, "quote");
	}
	r = vmha_conf_set(before, VMHA_CONF_LIBVIRT, "a", quoted, &text, err);
	if (r == 0) {
		r = vmha_conf_get(text, VMHA_CONF_LIBVIRT, "a", &value, err);
	}
	CHECK(r == 0 ? strcmp(value, "\"y\"") == 0 : r == -ENOMEM);
	return r;
}

static void conf_is_set_or_fails(void)
{
	inject_sweep(op_conf, NULL);
}

static int op_write(struct vmha_err **err)
{
	return vmha_file_write(unit_path("f"), NEW, strlen(NEW), 0600, err);
}

static void put_old(void)
{
	CHECK_INT(vmha_file_write(unit_path("f"), OLD, strlen(OLD), 0600, NULL), 0);
}

/* Old or new, never half; success means new; nothing else is left in the directory. */
static void after_write(int result)
{
	vmha_autofree char *text = NULL;

	CHECK_INT(vmha_file_read(unit_path("f"), 100, &text, NULL, NULL), 0);
	CHECK(strcmp(text, NEW) == 0 || (result < 0 && strcmp(text, OLD) == 0));
	CHECK_INT(entries(), 1);
	put_old();
}

static void write_leaves_old_or_new(void)
{
	put_old();
	inject_sweep(op_write, after_write);
	inject_sweep_harmless(op_write);
}

static int op_read(struct vmha_err **err)
{
	vmha_autofree char *text = NULL;
	int r = vmha_file_read(unit_path("f"), 100, &text, NULL, err);

	CHECK(r < 0 ? !text : strcmp(text, OLD) == 0);
	return r;
}

static void read_is_whole_or_fails(void)
{
	put_old();
	inject_sweep(op_read, NULL);
	inject_sweep_harmless(op_read);
}

static int op_remove(struct vmha_err **err)
{
	return vmha_file_remove(unit_path("f"), err);
}

static int op_rename(struct vmha_err **err)
{
	return vmha_file_rename(unit_path("f"), unit_path("g"), err);
}

static void after_rename(int result)
{
	(void)result;
	CHECK_INT(entries(), 1); /* one name or the other */
	(void)vmha_file_remove(unit_path("g"), NULL);
	put_old();
}

static void remove_and_rename(void)
{
	put_old();
	inject_sweep(op_rename, after_rename);
	inject_sweep(op_remove, NULL);
}

static int op_mkdirs(struct vmha_err **err)
{
	return vmha_file_mkdirs(unit_path("a/b"), 0700, err);
}

static int op_rmdir(struct vmha_err **err)
{
	return vmha_file_rmdir(unit_path("r"), err);
}

static void after_rmdir(int result)
{
	(void)result;
	CHECK_INT(vmha_file_mkdirs(unit_path("r"), 0700, NULL), 0);
}

static void rmdirs(void)
{
	after_rmdir(0);
	inject_sweep(op_rmdir, after_rmdir);
}

static void mkdirs(void)
{
	inject_sweep(op_mkdirs, NULL);
}

static int op_run(struct vmha_err **err)
{
	vmha_autoresult struct vmha_proc_result res = { 0 };
	int r = vmha_proc_check(ARGV("sh", "-c", "cat; echo two >&2"), "one\n", VMHA_SPAN_S(20),
				&res, err);

	CHECK(r < 0 ? !res.output && !res.errors
		    : !strcmp(res.output, "one\n") && !strcmp(res.errors, "two\n"));
	return r;
}

static void after_run(int result)
{
	(void)result;
	CHECK_INT(waitpid(-1, NULL, WNOHANG), -1); /* no child left */
	CHECK_INT(errno, ECHILD);
}

static void run_gives_all_or_fails(void)
{
	inject_sweep(op_run, after_run);
	inject_sweep_harmless(op_run);
}

static void run_leaves_a_hanging_child_behind(void)
{
	vmha_autoerr struct vmha_err *e = NULL;
	struct vmha_proc_result res = { 0 };
	struct vmha_mono start = vmha_mono_now();
	int r;

	inject_kill_nothing(true);
	r = vmha_proc_run(ARGV("sleep", "6"), NULL, VMHA_SPAN_MS(50), &res, &e);
	inject_kill_nothing(false);
	CHECK_INT(r, -ETIMEDOUT);
	CHECK(vmha_span_ms(vmha_mono_diff(start, vmha_mono_now())) < 5500);
	CHECK(waitpid(-1, NULL, 0) > 0); /* it ends by itself */
}

static pid_t child;
static uint64_t child_ticks;

static void child_make(void)
{
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		(void)pause();
		_exit(0);
	}
	CHECK_INT(vmha_proc_start_time(child, &child_ticks), 0);
}

static int op_wait(struct vmha_err **err)
{
	struct vmha_mono soon = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_MS(1));
	int r = vmha_proc_wait_gone(child, child_ticks, soon);

	CHECK(r < 0); /* it lives: whatever fails, it must never be called gone */
	return r == -ETIMEDOUT ? 0 : vmha_err_errno(err, r, "wait");
}

static int op_kill(struct vmha_err **err)
{
	struct vmha_mono later = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(20));
	int r = vmha_proc_kill(child, child_ticks, later);

	return r < 0 ? vmha_err_errno(err, r, "kill") : 0;
}

static void after_kill(int result)
{
	if (result == 0) {
		CHECK_INT(waitpid(child, NULL, WNOHANG), child);
		child_make();
	}
}

static void a_live_process_is_never_called_gone(void)
{
	child_make();
	inject_sweep(op_wait, NULL);
	inject_sweep(op_kill, after_kill);
	CHECK_INT(kill(child, SIGKILL), 0);
	CHECK_INT(waitpid(child, NULL, 0), child);
}

static const struct unit_test tests[] = {
	UNIT_TEST(err_holds_without_memory),
	UNIT_TEST(str_never_loses_a_piece),
	UNIT_TEST(conf_is_set_or_fails),
	UNIT_TEST(write_leaves_old_or_new),
	UNIT_TEST(read_is_whole_or_fails),
	UNIT_TEST(remove_and_rename),
	UNIT_TEST(mkdirs),
	UNIT_TEST(rmdirs),
	UNIT_TEST(run_gives_all_or_fails),
	UNIT_TEST(run_leaves_a_hanging_child_behind),
	UNIT_TEST(a_live_process_is_never_called_gone),
};

UNIT_MAIN(tests)
