/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 47

static int str_reserve(struct vmha_str *s, size_t more)
{
	size_t size = s->size ? s->size : 64;
	char *text;

	if (s->failed) {
		return -ENOMEM;
	}
	while (size < s->len + more + 1) {
		size *= 2;
	}
	if (size == s->size) {
		return 0;
	}
	text = realloc(s->text, size);
	if (!text) {
		s->failed = true;
		return -ENOMEM;
	}
	s->text = text;
	s->size = size;
	return 0;
}

int vmha_str_add_bytes(struct vmha_str *s, const void *data, size_t len)
{
	int r = str_reserve(s, len);

	if (r < 0) {
		return r;
	}
	if (len) {
		memcpy(s->text + s->len, data, len);
	}
	s->len += len;
	s->text[s->len] = '\0';
	return 0;
}

int vmha_str_add(struct vmha_str *s, const char *fmt, ...)
{
	char *piece = NULL;
	va_list ap;
	int n;
	int r;

	va_start(ap, fmt);
	n = vasprintf(&piece, fmt, ap);
	va_end(ap);
	if (n < 0) {
		s->failed = true;
		return -ENOMEM;
	}
	r = vmha_str_add_bytes(s, piece, (size_t)n);
	free(piece);
	return r;
}

char *vmha_str_steal(struct vmha_str *s)
{
	char *text = s->text;

	if (s->failed) {
		vmha_str_free(s);
		return NULL;
	}
	*s = (struct vmha_str){ 0 };
	return text ? text : strdup("");
}

void vmha_str_free(struct vmha_str *s)
{
	free(s->text);
	*s = (struct vmha_str){ 0 };
}

char *vmha_str_printf(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : text;
}

bool vmha_str_eq(const char *a, const char *b)
{
	if (!a || !b) {
		return a == b;
	}
	return strcmp(a, b) == 0;
}

bool vmha_str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool vmha_str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s);
	size_t m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

int vmha_str_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	unsigned long long v;
	char *end = NULL;

	if (!s || !isdigit((unsigned char)*s)) {
		return -EINVAL;
	}
	errno = 0;
	v = strtoull(s, &end, 10);
	if (*end != '\0') {
		return -EINVAL;
	}
	if (errno == ERANGE || v < min || v > max) {
		return -ERANGE;
	}
	*ret_value = v;
	return 0;
}

bool vmha_str_is_name(const char *s)
{
	size_t i;

	if (!s || !*s || *s == '.' || *s == '-') {
		return false;
	}
	for (i = 0; s[i]; i++) {
		/* isalnum() would let in more in some locales */
		if (i >= NAME_MAX_LEN || !strchr("abcdefghijklmnopqrstuvwxyz"
						 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-",
						 s[i])) {
			return false;
		}
	}
	return true;
}
