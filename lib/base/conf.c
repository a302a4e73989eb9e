/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/base/conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

/* One "key = value", as offsets into the text. */
struct statement {
	size_t start; /* of its first line */
	size_t key, key_len;
	size_t value, value_len;
	size_t end; /* behind the end of its last line */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_eol(char c)
{
	return c == '\0' || c == '\n' || c == '\r';
}

static bool is_key_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static size_t skip_blanks(const char *text, size_t at)
{
	while (is_blank(text[at])) {
		at++;
	}
	return at;
}

/* @return offset of the next line, or of the end of the text */
static size_t next_line(const char *text, size_t at)
{
	at += strcspn(text + at, "\n");
	return text[at] ? at + 1 : at;
}

static unsigned int line_number(const char *text, size_t at)
{
	unsigned int n = 1;

	while (at-- > 0) {
		n += text[at] == '\n';
	}
	return n;
}

/* @return offset behind the closing quote of the string that begins at @at, 0 when it has none */
static size_t quoted_end(const char *text, size_t at, bool several_lines)
{
	const char quote = text[at];
	const char *end;

	if (several_lines && strncmp(text + at, "\"\"\"", 3) == 0) {
		end = strstr(text + at + 3, "\"\"\"");
		return end ? (size_t)(end - text) + 3 : 0;
	}
	for (at++; !is_eol(text[at]); at++) {
		if (text[at] == quote) {
			return at + 1;
		}
	}
	return 0;
}

/* @return offset behind the ']' of the list that begins at @at, 0 when it has none */
static size_t list_end(const char *text, size_t at)
{
	for (at++; text[at] && text[at] != ']'; at++) {
		if (text[at] == '#') {
			at += strcspn(text + at, "\n");
			if (!text[at]) {
				return 0;
			}
		} else if (text[at] == '"' || text[at] == '\'') {
			at = quoted_end(text, at, true);
			if (!at) {
				return 0;
			}
			at--;
		}
	}
	return text[at] ? at + 1 : 0;
}

/* @return offset behind a value to the end of its line, without blanks there */
static size_t bare_end(const char *text, size_t at, bool comments)
{
	size_t end = at;

	for (; !is_eol(text[at]); at++) {
		if (comments && text[at] == '#' && (at == 0 || is_blank(text[at - 1]))) {
			break;
		}
		if (!is_blank(text[at])) {
			end = at + 1;
		}
	}
	return end;
}

static size_t value_end(const char *text, size_t at, enum vmha_conf_style style)
{
	const bool libvirt = style == VMHA_CONF_LIBVIRT;

	if (style == VMHA_CONF_PLAIN) {
		return bare_end(text, at, false);
	}
	if (text[at] == '"' || text[at] == '\'') {
		return quoted_end(text, at, libvirt);
	}
	if (libvirt && text[at] == '[') {
		return list_end(text, at);
	}
	return bare_end(text, at, true);
}

/*
 * Find the next statement at or behind @at.
 * @return 1 found; 0 there is none; -EBADMSG
 */
static int statement_next(const char *text, enum vmha_conf_style style, size_t at,
			  struct statement *st, struct vmha_err **err)
{
	for (; text[at]; at = next_line(text, at)) {
		size_t p = skip_blanks(text, at);

		st->start = at;
		st->key = p;
		while (is_key_char(text[p])) {
			p++;
		}
		st->key_len = p - st->key;
		p = style == VMHA_CONF_SHELL ? p : skip_blanks(text, p);
		if (!st->key_len || text[p] != '=') {
			continue; /* blank, comment, or nothing of ours to judge */
		}
		st->value = style == VMHA_CONF_SHELL ? p + 1 : skip_blanks(text, p + 1);
		p = is_eol(text[st->value]) ? st->value : value_end(text, st->value, style);
		if (p < st->value) {
			return vmha_err_set(
				err, -EBADMSG, "line %u: the value of %.*s is not closed",
				line_number(text, st->value), (int)st->key_len, text + st->key);
		}
		st->value_len = p - st->value;
		st->end = next_line(text, p);
		return 1;
	}
	return 0;
}

static bool key_is(const char *text, const struct statement *st, const char *key)
{
	return strlen(key) == st->key_len && memcmp(text + st->key, key, st->key_len) == 0;
}

int vmha_conf_get(const char *text, enum vmha_conf_style style, const char *key, char **ret_value,
		  struct vmha_err **err)
{
	vmha_autofree char *value = NULL;
	struct statement st = { 0 };
	int r;

	while ((r = statement_next(text, style, st.end, &st, err)) == 1) {
		if (!key_is(text, &st, key) || (value && style == VMHA_CONF_LIBVIRT)) {
			continue;
		}
		free(value);
		value = strndup(text + st.value, st.value_len);
		if (!value) {
			return vmha_err_set(err, -ENOMEM, "out of memory");
		}
	}
	if (r < 0) {
		return r;
	}
	if (!value) {
		return vmha_err_set(err, -ENOENT, "%s is not set", key);
	}
	*ret_value = vmha_steal_ptr(value);
	return 0;
}

char *vmha_conf_unquote(const char *value)
{
	size_t len = strlen(value);

	if (len >= 6 && strncmp(value, "\"\"\"", 3) == 0) {
		return strndup(value + 3, len - 6);
	}
	if (len >= 2 && (value[0] == '"' || value[0] == '\'') && value[len - 1] == value[0]) {
		return strndup(value + 1, len - 2);
	}
	return strdup(value);
}

char *vmha_conf_quote(const char *text)
{
	return vmha_str_printf("\"%s\"", text);
}

/* The value without what does not count: blanks and comments outside of quotes, kind of quote. */
static char *canonical(const char *value)
{
	vmha_autostr struct vmha_str to = { 0 };
	char quote = '\0';

	for (; *value; value++) {
		if (!quote && isspace((unsigned char)*value)) {
			continue;
		}
		if (!quote && *value == '#') {
			value += strcspn(value, "\n");
			if (!*value) {
				break;
			}
			continue;
		}
		if (quote ? *value == quote : *value == '"' || *value == '\'') {
			quote = quote ? '\0' : *value;
			(void)vmha_str_add(&to, "\"");
			continue;
		}
		(void)vmha_str_add_bytes(&to, value, 1);
	}
	return vmha_str_steal(&to);
}

bool vmha_conf_same(const char *a, const char *b)
{
	vmha_autofree char *first = canonical(a);
	vmha_autofree char *second = canonical(b);

	return first && second && strcmp(first, second) == 0;
}

/* A value that the style's grammar reads back as one value? */
static bool value_fits(const char *value, enum vmha_conf_style style)
{
	size_t end;

	if (style != VMHA_CONF_LIBVIRT && strpbrk(value, "\r\n")) {
		return false;
	}
	if (is_blank(value[0]) || (style == VMHA_CONF_LIBVIRT && is_eol(value[0]))) {
		return false;
	}
	if (style == VMHA_CONF_LIBVIRT && !strchr("\"'[", value[0])) {
		return value[strspn(value, "0123456789")] == '\0'; /* bare: a number */
	}
	end = is_eol(value[0]) ? 0 : value_end(value, 0, style);
	return end == strlen(value);
}

static bool key_fits(const char *key)
{
	size_t n = 0;

	while (is_key_char(key[n])) {
		n++;
	}
	return n && !key[n];
}

/* The end of line that the text uses. */
static const char *eol_of(const char *text)
{
	const char *nl = strchr(text, '\n');

	return nl && nl > text && nl[-1] == '\r' ? "\r\n" : "\n";
}

/* Is the line at @at a comment that mentions the key: "#key = ..."?  @return offset of '=' or 0 */
static size_t mention(const char *text, size_t at, const char *key)
{
	const size_t len = strlen(key);

	at = skip_blanks(text, at);
	while (text[at] == '#' || is_blank(text[at])) {
		at++;
	}
	if (strncmp(text + at, key, len) != 0) {
		return 0;
	}
	at = skip_blanks(text, at + len);
	return text[at] == '=' ? at : 0;
}

/*
 * Where a new setting goes: behind the last comment that mentions it (with the rest of a list that
 * goes on in comments), never inside a statement, else at the end.
 */
static size_t place_find(const char *text, enum vmha_conf_style style, const char *key)
{
	struct statement st = { 0 };
	size_t found = strlen(text);
	size_t at = 0;

	while (text[at]) {
		size_t next = next_line(text, at);
		size_t eq = text[skip_blanks(text, at)] == '#' ? mention(text, at, key) : 0;

		if (eq) {
			bool open = text[skip_blanks(text, eq + 1)] == '[';

			while (open && !memchr(text + at, ']', next - at) &&
			       text[skip_blanks(text, next)] == '#') {
				at = next;
				next = next_line(text, at);
			}
			found = next;
		} else if (statement_next(text, style, at, &st, NULL) == 1 && st.start == at) {
			next = st.end;
		}
		at = next;
	}
	return found;
}

static int add_commented(struct vmha_str *to, const char *text, const struct statement *st)
{
	size_t at;
	int r = 0;

	for (at = st->start; at < st->end && r == 0; at = next_line(text, at)) {
		r = vmha_str_add(to, "#");
		if (r == 0) {
			r = vmha_str_add_bytes(to, text + at, next_line(text, at) - at);
		}
	}
	return r;
}

/* Copy the text with its statements of the key changed, or (@value NULL) all turned into comments.
 * @return how many there were, or -errno */
static int copy_changed(const char *text, enum vmha_conf_style style, const char *key,
			const char *value, struct vmha_str *to, struct vmha_err **err)
{
	struct statement st = { 0 };
	size_t copied = 0;
	int seen = 0;
	int r;

	while ((r = statement_next(text, style, st.end, &st, err)) == 1) {
		vmha_autofree char *old = NULL;

		if (!key_is(text, &st, key)) {
			continue;
		}
		old = strndup(text + st.value, st.value_len);
		if (!old) {
			return -ENOMEM;
		}
		if (seen++ || !value) {
			(void)vmha_str_add_bytes(to, text + copied, st.start - copied);
			(void)add_commented(to, text, &st);
			copied = st.end;
		} else if (!vmha_conf_same(old, value)) {
			(void)vmha_str_add_bytes(to, text + copied, st.value - copied);
			(void)vmha_str_add(to, "%s", value);
			copied = st.value + st.value_len;
		}
	}
	(void)vmha_str_add(to, "%s", text + copied);
	return r < 0 ? r : seen;
}

static void add_new(const char *text, enum vmha_conf_style style, const char *key,
		    const char *value, struct vmha_str *to)
{
	const size_t place = place_find(text, style, key);
	const char *eol = eol_of(text);

	(void)vmha_str_add_bytes(to, text, place);
	if (place && text[place - 1] != '\n') {
		(void)vmha_str_add(to, "%s", eol);
	}
	if (style == VMHA_CONF_SHELL) {
		(void)vmha_str_add(to, "%s=%s%s", key, value, eol);
	} else {
		(void)vmha_str_add(to, "%s = %s%s", key, value, eol);
	}
	(void)vmha_str_add(to, "%s", text + place);
}

int vmha_conf_set(const char *text, enum vmha_conf_style style, const char *key, const char *value,
		  char **ret_text, struct vmha_err **err)
{
	vmha_autostr struct vmha_str to = { 0 };
	char *out;
	int r;

	if (!key_fits(key)) {
		return vmha_err_set(err, -EINVAL, "'%s' is not a name of a setting", key);
	}
	if (value && !value_fits(value, style)) {
		return vmha_err_set(err, -EINVAL,
				    "%s cannot be set to %s: a text needs quotes, a list brackets",
				    key, *value ? value : "nothing");
	}
	r = copy_changed(text, style, key, value, &to, err);
	if (r == 0 && value) {
		vmha_str_free(&to);
		to = (struct vmha_str){ 0 };
		add_new(text, style, key, value, &to);
	}
	out = r < 0 ? NULL : vmha_str_steal(&to);
	if (!out) {
		return r < 0 && r != -ENOMEM ? r : vmha_err_set(err, -ENOMEM, "out of memory");
	}
	*ret_text = out;
	return 0;
}
