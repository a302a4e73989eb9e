/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_BASE_ERR_H
#define VMHA_BASE_ERR_H

/**
 * An error: a negative errno and a text for the administrator.  Functions that can fail return the
 * code and fill `*err` through their last parameter; a caller that does not want the text passes
 * NULL.  Only the first error is kept: later ones chain their text in front with vmha_err_prefix().
 * When memory runs out on the way `*err` is set all the same, with a text of its own.
 */
struct vmha_err {
	int code;   /* negative errno */
	char *text; /* one line: line ends of the arguments become blanks; NULL: memory ran out */
};

/**
 * Record an error.
 * @param[out] err where to, may be NULL; an error already there is replaced
 * @param code     negative errno
 * @return code, so that `return vmha_err_set(err, -EINVAL, "...")` reads well
 */
int vmha_err_set(struct vmha_err **err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** As vmha_err_set() with ": " and strerror(-code) behind the text. */
int vmha_err_errno(struct vmha_err **err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * Put "text: " in front of an error that a callee left in @err, if there is one.  Returns nothing:
 * with @err NULL the code is only known to the caller.
 */
void vmha_err_prefix(struct vmha_err **err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Static analysers look at one file at a time: tell them that what goes in comes back, and is < 0.
 */
#ifdef VMHA_ANALYZER
#define VMHA_ERR_CONTRACT(func, err, code, ...)                                                    \
	({                                                                                         \
		const int code_ = (code);                                                          \
		(void)(func)(err, code_, __VA_ARGS__);                                             \
		if (code_ >= 0) {                                                                  \
			__builtin_unreachable();                                                   \
		}                                                                                  \
		code_;                                                                             \
	})
#define vmha_err_set(err, code, ...)   VMHA_ERR_CONTRACT(vmha_err_set, err, code, __VA_ARGS__)
#define vmha_err_errno(err, code, ...) VMHA_ERR_CONTRACT(vmha_err_errno, err, code, __VA_ARGS__)
#endif

/** @return the text of @err; never NULL */
const char *vmha_err_text(const struct vmha_err *err);

/** Free @err (NULL is fine). */
void vmha_err_free(struct vmha_err *err);

#endif
