/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define COLUMNS_MAX 16
#define KEY_MAX	    64

/* Columns a terminal needs for UTF-8 text, near enough for names: bytes that begin a character. */
static size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++) {
		n += ((unsigned char)*s & 0xc0) != 0x80;
	}
	return n;
}

static const json_t *value_find(const json_t *object, const char *key)
{
	const char *dot = strchr(key, '.');
	char first[KEY_MAX];

	if (!dot) {
		return json_object_get(object, key);
	}
	(void)snprintf(first, sizeof(first), "%.*s", (int)(dot - key), key);
	return value_find(json_object_get(object, first), dot + 1);
}

static int value_text(const json_t *value, struct vmha_str *to)
{
	const json_t *item;
	size_t i;

	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		return vmha_str_add(to, "%s",
				    *json_string_value(value) ? json_string_value(value) : "-");
	case JSON_INTEGER:
		return vmha_str_add(to, "%lld", (long long)json_integer_value(value));
	case JSON_REAL:
		return vmha_str_add(to, "%.3g", json_real_value(value));
	case JSON_TRUE:
		return vmha_str_add(to, "yes");
	case JSON_FALSE:
		return vmha_str_add(to, "no");
	case JSON_ARRAY:
		if (!json_array_size(value)) {
			return vmha_str_add(to, "-");
		}
		json_array_foreach((json_t *)(uintptr_t)value, i, item)
		{
			if ((i && vmha_str_add(to, ", ") < 0) || value_text(item, to) < 0) {
				return -ENOMEM;
			}
		}
		return 0;
	case JSON_OBJECT:
		return vmha_str_add(to, "...");
	case JSON_NULL:
	default:
		return vmha_str_add(to, "-");
	}
}

/* @return the cell's text for the caller to free; NULL when memory ran out */
static char *cell_text(const json_t *object, const char *key)
{
	vmha_autostr struct vmha_str s = { 0 };

	return value_text(value_find(object, key), &s) < 0 ? NULL : vmha_str_steal(&s);
}

static int widths_find(const json_t *list, const struct vmha_column *columns, size_t *widths,
		       size_t *ret_count)
{
	size_t n = 0;
	size_t i;

	for (; n < COLUMNS_MAX && columns[n].title; n++) {
		widths[n] = text_width(columns[n].title);
		for (i = 0; i < json_array_size(list); i++) {
			vmha_autofree char *cell =
				cell_text(json_array_get(list, i), columns[n].key);

			if (!cell) {
				return -ENOMEM;
			}
			widths[n] = text_width(cell) > widths[n] ? text_width(cell) : widths[n];
		}
	}
	*ret_count = n;
	return 0;
}

static void cell_print(FILE *to, const char *text, size_t width, bool last)
{
	(void)fputs(text, to);
	if (!last) {
		(void)fprintf(to, "%*s", (int)(width - text_width(text) + 2), "");
	}
}

int vmha_output_table(FILE *to, const json_t *list, const struct vmha_column *columns,
		      const char *indent)
{
	size_t widths[COLUMNS_MAX];
	size_t count = 0;
	size_t row;
	size_t c;
	int r = widths_find(list, columns, widths, &count);

	if (r < 0) {
		return r;
	}
	(void)fputs(indent, to);
	for (c = 0; c < count; c++) {
		cell_print(to, columns[c].title, widths[c], c + 1 == count);
	}
	(void)fputc('\n', to);
	for (row = 0; row < json_array_size(list); row++) {
		(void)fputs(indent, to);
		for (c = 0; c < count; c++) {
			vmha_autofree char *cell =
				cell_text(json_array_get(list, row), columns[c].key);

			if (!cell) {
				return -ENOMEM;
			}
			cell_print(to, cell, widths[c], c + 1 == count);
		}
		(void)fputc('\n', to);
	}
	return ferror(to) ? -EIO : 0;
}

int vmha_output_json(json_t *value)
{
	int r = value ? 0 : -ENOMEM;

	if (r == 0 && vmha_output_is_json()) {
		r = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY) < 0 ? -EIO : 0;
		(void)fputc('\n', stdout);
	}
	json_decref(value);
	return r < 0 ? r : fflush(stdout) == 0 ? 0 : -EIO;
}

int vmha_output_list(json_t *list, const struct vmha_column *columns, const char *empty)
{
	int r = 0;

	if (list && !vmha_output_is_json()) {
		if (json_array_size(list)) {
			r = vmha_output_table(stdout, list, columns, "");
		} else {
			(void)printf("%s\n", empty);
		}
	}
	if (r < 0) {
		json_decref(list);
		return r;
	}
	return vmha_output_json(list);
}

static int object_lines(const json_t *object, const struct vmha_column *lines)
{
	size_t width = 0;
	size_t i;

	for (i = 0; lines[i].title; i++) {
		width = text_width(lines[i].title) > width ? text_width(lines[i].title) : width;
	}
	for (i = 0; lines[i].title; i++) {
		vmha_autofree char *text = cell_text(object, lines[i].key);

		if (!text) {
			return -ENOMEM;
		}
		if (!value_find(object, lines[i].key)) {
			continue;
		}
		(void)printf("%s:%*s %s\n", lines[i].title,
			     (int)(width - text_width(lines[i].title)), "", text);
	}
	return 0;
}

int vmha_output_object(json_t *object, const struct vmha_column *lines)
{
	int r = object && !vmha_output_is_json() ? object_lines(object, lines) : 0;

	if (r < 0) {
		json_decref(object);
		return r;
	}
	return vmha_output_json(object);
}

void vmha_output_step(const char *fmt, ...)
{
	FILE *to = vmha_output_is_json() ? stderr : stdout;
	va_list ap;

	va_start(ap, fmt);
	(void)vfprintf(to, fmt, ap);
	va_end(ap);
	(void)fputc('\n', to);
	(void)fflush(to);
}

void vmha_output_warn(const char *fmt, ...)
{
	va_list ap;

	(void)fflush(stdout);
	(void)fputs("vmha: warning: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}
