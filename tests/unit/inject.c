/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/inject.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define SWEEP_MAX 10000

static struct {
	bool armed;
	enum inject_mode mode;
	int left;
	bool fired;
	const char *name;
} state;

static atomic_long live_blocks;
static bool kill_nothing;

void inject_arm(enum inject_mode mode, int nth)
{
	state.armed = true;
	state.mode = mode;
	state.left = nth;
	state.fired = false;
	state.name = "";
}

bool inject_disarm(void)
{
	state.armed = false;
	return state.fired;
}

const char *inject_fired(void)
{
	return state.name;
}

long inject_live_blocks(void)
{
	return live_blocks;
}

/* @return true when this call is the one */
static bool hit(enum inject_mode mode, const char *name, int code)
{
	if (!state.armed || state.mode != mode || --state.left != 0) {
		return false;
	}
	state.armed = false;
	state.fired = true;
	state.name = name;
	errno = code;
	return true;
}

static void *counted(void *p)
{
	if (p) {
		live_blocks++;
	}
	return p;
}

/* Functions of int or ssize_t that fail with -1 and may or may not be interruptible. */
#define WRAP(ret, name, code, interruptible, params, args)                                         \
	ret __real_##name params;                                                                  \
	ret __wrap_##name params;                                                                  \
	ret __wrap_##name params                                                                   \
	{                                                                                          \
		if (hit(INJECT_FAIL, #name, code)) {                                               \
			return (ret)-1;                                                            \
		}                                                                                  \
		if ((interruptible) && hit(INJECT_EINTR, #name, EINTR)) {                          \
			return (ret)-1;                                                            \
		}                                                                                  \
		return __real_##name args;                                                         \
	}

/* clang-format off */
WRAP(int, fsync, EIO, false, (int fd), (fd))
WRAP(int, rename, EIO, false, (const char *from, const char *to), (from, to))
WRAP(int, unlink, EIO, false, (const char *path), (path))
WRAP(int, rmdir, EIO, false, (const char *path), (path))
WRAP(int, mkdir, ENOSPC, false, (const char *path, mode_t mode), (path, mode))
WRAP(int, fchmod, EPERM, false, (int fd, mode_t mode), (fd, mode))
WRAP(int, pipe2, EMFILE, false, (int fds[2], int flags), (fds, flags))
WRAP(pid_t, fork, EAGAIN, false, (void), ())
WRAP(int, memfd_create, EMFILE, false, (const char *name, unsigned int flags), (name, flags))
WRAP(off_t, lseek, EIO, false, (int fd, off_t off, int whence), (fd, off, whence))
WRAP(int, poll, ENOMEM, true, (struct pollfd *p, nfds_t n, int ms), (p, n, ms))
WRAP(pid_t, waitpid, ECHILD, true, (pid_t pid, int *st, int flags), (pid, st, flags))
WRAP(int, pidfd_open, EMFILE, false, (pid_t pid, unsigned int flags), (pid, flags))
WRAP(int, pidfd_send_signal, EPERM, false, (int fd, int sig, void *info, unsigned int flags),
     (fd, sig, info, flags))
WRAP(int, gethostname, EPERM, false, (char *name, size_t len), (name, len))
/* clang-format on */

int __real_kill(pid_t pid, int sig);
int __wrap_kill(pid_t pid, int sig);
int __wrap_kill(pid_t pid, int sig)
{
	return kill_nothing ? 0 : __real_kill(pid, sig);
}

void inject_kill_nothing(bool nothing)
{
	kill_nothing = nothing;
}

int __real_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return hit(INJECT_FAIL, "open", EMFILE) ? -1 : __real_open(path, flags, mode);
}

ssize_t __real_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	if (hit(INJECT_FAIL, "read", EIO) || hit(INJECT_EINTR, "read", EINTR)) {
		return -1;
	}
	return __real_read(fd, buf, len > 1 && hit(INJECT_SHORT, "read", 0) ? 1 : len);
}

ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	if (hit(INJECT_FAIL, "write", ENOSPC) || hit(INJECT_EINTR, "write", EINTR)) {
		return -1;
	}
	return __real_write(fd, buf, len > 1 && hit(INJECT_SHORT, "write", 0) ? 1 : len);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	return hit(INJECT_FAIL, "calloc", ENOMEM) ? NULL : counted(__real_calloc(n, size));
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	return hit(INJECT_FAIL, "malloc", ENOMEM) ? NULL : counted(__real_malloc(size));
}

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size)
{
	void *q;

	if (hit(INJECT_FAIL, "realloc", ENOMEM)) {
		return NULL;
	}
	q = __real_realloc(p, size);
	if (!p) {
		(void)counted(q);
	}
	return q;
}

void __real_free(void *p);
void __wrap_free(void *p);
void __wrap_free(void *p)
{
	if (p) {
		live_blocks--;
	}
	__real_free(p);
}

char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
char *__wrap_strdup(const char *s)
{
	return hit(INJECT_FAIL, "strdup", ENOMEM) ? NULL : counted(__real_strdup(s));
}

char *__real_strndup(const char *s, size_t len);
char *__wrap_strndup(const char *s, size_t len);
char *__wrap_strndup(const char *s, size_t len)
{
	return hit(INJECT_FAIL, "strndup", ENOMEM) ? NULL : counted(__real_strndup(s, len));
}

/* Both families: _FORTIFY_SOURCE calls the second. */
int __real_vasprintf(char **text, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
int __wrap_vasprintf(char **text, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
int __wrap_vasprintf(char **text, const char *fmt, va_list ap)
{
	int n;

	if (hit(INJECT_FAIL, "vasprintf", ENOMEM)) {
		*text = (char *)(uintptr_t)1; /* undefined after a failure: not to be used */
		return -1;
	}
	n = __real_vasprintf(text, fmt, ap);
	if (n >= 0) {
		(void)counted(*text);
	}
	return n;
}

int __wrap_asprintf(char **text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int __wrap_asprintf(char **text, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = __wrap_vasprintf(text, fmt, ap);
	va_end(ap);
	return n;
}

int __wrap___vasprintf_chk(char **text, int flag, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));
int __wrap___vasprintf_chk(char **text, int flag, const char *fmt, va_list ap)
{
	(void)flag;
	return __wrap_vasprintf(text, fmt, ap);
}

int __wrap___asprintf_chk(char **text, int flag, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int __wrap___asprintf_chk(char **text, int flag, const char *fmt, ...)
{
	va_list ap;
	int n;

	(void)flag;
	va_start(ap, fmt);
	n = __wrap_vasprintf(text, fmt, ap);
	va_end(ap);
	return n;
}

static void expect(bool ok, const char *what, int nth, int result)
{
	if (!ok) {
		printf("# %s, with call %d, %s(), disturbed; result %d\n", what, nth, state.name,
		       result);
		CHECK(ok);
	}
}

/* @return true when the operation passed undisturbed; *ret_result is what it returned */
static bool sweep_round(int (*op)(struct vmha_err **err), enum inject_mode mode, int nth,
			int *ret_result)
{
	struct vmha_err *err = NULL;
	int fds = unit_fd_count();
	long blocks = live_blocks;
	bool fired;
	int r;

	inject_arm(mode, nth);
	r = op(&err);
	fired = inject_disarm();
	expect(r <= 0, "positive result", nth, r);
	expect(r == 0 || err, "failed without an error object", nth, r);
	expect(!err || *vmha_err_text(err), "empty error text", nth, r);
	vmha_err_free(err);
	expect(unit_fd_count() == fds, "descriptors left", nth, r);
	expect(live_blocks == blocks, "memory left", nth, r);
	*ret_result = r;
	return !fired;
}

void inject_sweep(int (*op)(struct vmha_err **err), void (*after)(int result))
{
	int r = -1;
	int nth;

	for (nth = 1; nth < SWEEP_MAX; nth++) {
		bool undisturbed = sweep_round(op, INJECT_FAIL, nth, &r);

		if (after) {
			after(r);
		}
		if (undisturbed) {
			expect(r == 0, "failed undisturbed", nth, r);
			return;
		}
	}
	expect(false, "no end of the sweep", nth, r);
}

static void sweep_mode(int (*op)(struct vmha_err **err), enum inject_mode mode)
{
	int r = -1;
	int nth;

	for (nth = 1; nth < SWEEP_MAX; nth++) {
		bool undisturbed = sweep_round(op, mode, nth, &r);

		expect(r == 0, mode == INJECT_EINTR ? "signal noticed" : "short transfer noticed",
		       nth, r);
		if (undisturbed) {
			return;
		}
	}
	expect(false, "no end of the sweep", nth, r);
}

void inject_sweep_harmless(int (*op)(struct vmha_err **err))
{
	sweep_mode(op, INJECT_EINTR);
	sweep_mode(op, INJECT_SHORT);
}
