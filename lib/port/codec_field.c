/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/codec_field.h"

#include <errno.h>
#include <string.h>

#include "lib/base/cleanup.h"

/* --- one value ------------------------------------------------------------------------------ */

static int64_t int_get(const struct codec_field *f, const void *at)
{
	uint8_t u8;
	uint32_t u32;
	int32_t s32;
	int64_t s64;

	switch (f->size) {
	case sizeof(u8):
		memcpy(&u8, at, sizeof(u8));
		return u8;
	case sizeof(u32):
		memcpy(&s32, at, sizeof(s32));
		memcpy(&u32, at, sizeof(u32));
		return f->is_signed ? (int64_t)s32 : (int64_t)u32;
	default:
		memcpy(&s64, at, sizeof(s64));
		return s64;
	}
}

static void int_put(const struct codec_field *f, void *at, int64_t value)
{
	uint8_t u8 = (uint8_t)value;
	int32_t s32 = (int32_t)value; /* the bits of an unsigned one, too */

	switch (f->size) {
	case sizeof(u8):
		memcpy(at, &u8, sizeof(u8));
		break;
	case sizeof(s32):
		memcpy(at, &s32, sizeof(s32));
		break;
	default:
		memcpy(at, &value, sizeof(value));
	}
}

/* In a text that is no UTF-8 every byte beyond ASCII becomes '?'. */
static json_t *text_print(const char *text, size_t size)
{
	json_t *json = json_stringn(text, strnlen(text, size));
	vmha_autofree char *copy = NULL;
	char *c;

	if (json) {
		return json;
	}
	copy = strndup(text, size);
	for (c = copy; c && *c; c++) {
		if ((unsigned char)*c >= 0x80) {
			*c = '?';
		}
	}
	return copy ? json_string(copy) : NULL;
}

static int text_parse(const struct codec_field *f, const json_t *json, char *to,
		      struct vmha_err **err)
{
	const char *text = json_string_value(json);
	size_t i;

	if (!text) {
		return vmha_err_set(err, -EBADMSG, "'%s' is no text", f->name);
	}
	if (json_string_length(json) >= f->size || strlen(text) != json_string_length(json)) {
		return vmha_err_set(err, -EBADMSG, "'%s' is too long", f->name);
	}
	memset(to, 0, f->size);
	for (i = 0; text[i]; i++) {
		to[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
	}
	return 0;
}

static json_t *texts_print(const struct codec_field *f, const char *from)
{
	json_t *array = json_array();
	size_t last = f->count;
	size_t i;

	while (last > 0 && !from[(last - 1) * f->size]) {
		last--;
	}
	for (i = 0; array && i < last; i++) {
		if (json_array_append_new(array, text_print(from + i * f->size, f->size)) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static int texts_parse(const struct codec_field *f, const json_t *json, char *to,
		       struct vmha_err **err)
{
	size_t i;
	int r = 0;

	if (!json_is_array(json) || json_array_size(json) > f->count) {
		return vmha_err_set(err, -EBADMSG, "'%s' is no list, or too long", f->name);
	}
	for (i = 0; i < json_array_size(json) && r == 0; i++) {
		r = text_parse(f, json_array_get(json, i), to + i * f->size, err);
	}
	return r;
}

static json_t *ids_print(const struct codec_field *f, const char *from, unsigned int count)
{
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; array && i < count; i++) {
		if (json_array_append_new(array, json_integer(int_get(f, from + i * f->size))) <
		    0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static int int_parse(const struct codec_field *f, const json_t *json, void *to,
		     struct vmha_err **err)
{
	if (!json_is_integer(json)) {
		return vmha_err_set(err, -EBADMSG, "'%s' is no whole number", f->name);
	}
	if (json_integer_value(json) < f->min || json_integer_value(json) > f->max) {
		return vmha_err_set(err, -EBADMSG, "'%s' is out of range", f->name);
	}
	int_put(f, to, json_integer_value(json));
	return 0;
}

static int ids_parse(const struct codec_field *f, const json_t *json, char *base,
		     struct vmha_err **err)
{
	unsigned int count = (unsigned int)json_array_size(json);
	unsigned int i;
	int r = 0;

	if (!json_is_array(json) || json_array_size(json) > f->count) {
		return vmha_err_set(err, -EBADMSG, "'%s' is no list, or too long", f->name);
	}
	for (i = 0; i < count && r == 0; i++) {
		r = int_parse(f, json_array_get(json, i), base + f->offset + i * f->size, err);
	}
	memcpy(base + f->count_offset, &count, sizeof(count));
	return r;
}

/* --- objects -------------------------------------------------------------------------------- */

static json_t *field_print(const struct codec_field *f, const char *base)
{
	const char *at = base + f->offset;
	unsigned int count;
	bool flag;

	switch (f->kind) {
	case CODEC_BOOL:
		memcpy(&flag, at, sizeof(flag));
		return json_boolean(flag);
	case CODEC_INT:
		return json_integer(int_get(f, at));
	case CODEC_ENUM:
		return json_string(f->names->name((unsigned int)int_get(f, at)));
	case CODEC_TEXT:
		return text_print(at, f->size);
	case CODEC_OBJECT:
		return codec_print(f->object, at);
	case CODEC_ARRAY:
		memcpy(&count, base + f->count_offset, sizeof(count));
		return codec_array_print(f->object, at, count, f->size);
	case CODEC_IDS:
		memcpy(&count, base + f->count_offset, sizeof(count));
		return ids_print(f, at, count);
	case CODEC_TEXTS:
	default:
		return texts_print(f, at);
	}
}

json_t *codec_print(const struct codec_object *object, const void *from)
{
	json_t *json = json_object();
	size_t i;

	for (i = 0; json && i < object->count; i++) {
		const struct codec_field *f = &object->fields[i];

		if (json_object_set_new(json, f->name, field_print(f, from)) < 0) {
			json_decref(json);
			return NULL;
		}
	}
	return json;
}

json_t *codec_array_print(const struct codec_object *object, const void *from, size_t count,
			  size_t size)
{
	const char *at = from;
	json_t *array = json_array();
	size_t i;

	for (i = 0; array && i < count; i++) {
		if (json_array_append_new(array, codec_print(object, at + i * size)) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static int enum_parse(const struct codec_field *f, const json_t *json, void *to,
		      struct vmha_err **err)
{
	const char *name = json_string_value(json);
	unsigned int value;

	if (!name || !f->names->parse(name, &value)) {
		return vmha_err_set(err, -EBADMSG, "'%s' is none of its values", f->name);
	}
	int_put(f, to, value);
	return 0;
}

static int field_parse(const struct codec_field *f, const json_t *json, char *base,
		       struct vmha_err **err)
{
	char *at = base + f->offset;
	size_t count = 0;
	unsigned int short_count;
	bool flag;
	int r;

	switch (f->kind) {
	case CODEC_BOOL:
		if (!json_is_boolean(json)) {
			return vmha_err_set(err, -EBADMSG, "'%s' is neither true nor false",
					    f->name);
		}
		flag = json_is_true(json);
		memcpy(at, &flag, sizeof(flag));
		return 0;
	case CODEC_INT:
		return int_parse(f, json, at, err);
	case CODEC_ENUM:
		return enum_parse(f, json, at, err);
	case CODEC_TEXT:
		return text_parse(f, json, at, err);
	case CODEC_OBJECT:
		return codec_parse(f->object, json, at, err);
	case CODEC_ARRAY:
		r = codec_array_parse(f->object, json, at, f->count, f->size, &count, err);
		if (r < 0) {
			vmha_err_prefix(err, "%s", f->name);
			return r;
		}
		short_count = (unsigned int)count;
		memcpy(base + f->count_offset, &short_count, sizeof(short_count));
		return 0;
	case CODEC_IDS:
		return ids_parse(f, json, base, err);
	case CODEC_TEXTS:
	default:
		return texts_parse(f, json, at, err);
	}
}

int codec_parse(const struct codec_object *object, const json_t *json, void *to,
		struct vmha_err **err)
{
	size_t i;
	int r = 0;

	if (!json_is_object(json)) {
		return vmha_err_set(err, -EBADMSG, "no object where one must be");
	}
	for (i = 0; i < object->count && r == 0; i++) {
		const struct codec_field *f = &object->fields[i];
		const json_t *value = json_object_get(json, f->name);

		r = value ? field_parse(f, value, to, err) : 0;
	}
	return r;
}

int codec_array_parse(const struct codec_object *object, const json_t *json, void *to, size_t max,
		      size_t size, size_t *ret_count, struct vmha_err **err)
{
	char *at = to;
	size_t i;
	int r = 0;

	if (!json_is_array(json) || json_array_size(json) > max) {
		return vmha_err_set(err, -EBADMSG, "no list, or a list of more than %zu", max);
	}
	for (i = 0; i < json_array_size(json) && r == 0; i++) {
		r = codec_parse(object, json_array_get(json, i), at + i * size, err);
	}
	if (r == 0) {
		*ret_count = json_array_size(json);
	}
	return r;
}
