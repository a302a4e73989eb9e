/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/base/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"

#undef vmha_err_set
#undef vmha_err_errno

/* Stands in where no error can be allocated, so that a failure never looks like none. */
static const struct vmha_err out_of_memory = { .code = -ENOMEM };

static struct vmha_err *err_out_of_memory(void)
{
	union {
		const struct vmha_err *in;
		struct vmha_err *out;
	} u = { .in = &out_of_memory };

	return u.out; /* never written to, never freed */
}

/* What a tool said in several lines becomes one: each run of line ends and blanks is one blank. */
static void text_flatten(char *text)
{
	char *to = text;
	char *from;

	if (!strpbrk(text, "\r\n")) {
		return;
	}
	for (from = text; *from; from++) {
		if (!isspace((unsigned char)*from)) {
			*to++ = *from;
		} else if (to > text && to[-1] != ' ') {
			*to++ = ' ';
		}
	}
	if (to > text && to[-1] == ' ') {
		to--;
	}
	*to = '\0';
}

static int err_store(struct vmha_err **err, int code, char *text)
{
	struct vmha_err *e = calloc(1, sizeof(*e));

	if (!e) {
		free(text);
		vmha_err_free(*err);
		*err = err_out_of_memory();
		return code;
	}
	if (text) {
		text_flatten(text);
	}
	e->code = code;
	e->text = text;
	vmha_err_free(*err);
	*err = e;
	return code;
}

static char *text_format(const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0) {
		return NULL;
	}
	return text;
}

int vmha_err_set(struct vmha_err **err, int code, const char *fmt, ...)
{
	va_list ap;
	char *text;

	if (!err) {
		return code;
	}
	va_start(ap, fmt);
	text = text_format(fmt, ap);
	va_end(ap);
	return err_store(err, code, text);
}

int vmha_err_errno(struct vmha_err **err, int code, const char *fmt, ...)
{
	vmha_autofree char *what = NULL;
	char *text = NULL;
	va_list ap;

	if (!err) {
		return code;
	}
	va_start(ap, fmt);
	what = text_format(fmt, ap);
	va_end(ap);
	if (asprintf(&text, "%s: %s", what ? what : "?", strerror(-code)) < 0) {
		text = NULL;
	}
	return err_store(err, code, text);
}

void vmha_err_prefix(struct vmha_err **err, const char *fmt, ...)
{
	vmha_autofree char *what = NULL;
	char *text = NULL;
	va_list ap;

	if (!err || !*err) {
		return;
	}
	va_start(ap, fmt);
	what = text_format(fmt, ap);
	va_end(ap);
	if (*err != &out_of_memory && what &&
	    asprintf(&text, "%s: %s", what, vmha_err_text(*err)) >= 0) {
		text_flatten(text);
		free((*err)->text);
		(*err)->text = text;
	}
}

const char *vmha_err_text(const struct vmha_err *err)
{
	if (!err) {
		return "no error";
	}
	return err->text ? err->text : strerror(-err->code);
}

void vmha_err_free(struct vmha_err *err)
{
	if (err && err != &out_of_memory) {
		free(err->text);
		free(err);
	}
}
