/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"

static int err_store(struct vmha_err **err, int code, char *text)
{
	struct vmha_err *e;

	if (!err) {
		free(text);
		return code;
	}
	e = calloc(1, sizeof(*e));
	if (!e) {
		free(text);
		return code;
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

int vmha_err_prefix(struct vmha_err **err, const char *fmt, ...)
{
	vmha_autofree char *what = NULL;
	char *text = NULL;
	va_list ap;

	if (!err || !*err) {
		return 0;
	}
	va_start(ap, fmt);
	what = text_format(fmt, ap);
	va_end(ap);
	if (what && asprintf(&text, "%s: %s", what, vmha_err_text(*err)) >= 0) {
		free((*err)->text);
		(*err)->text = text;
	}
	return (*err)->code;
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
	if (err) {
		free(err->text);
		free(err);
	}
}
