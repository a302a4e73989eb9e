/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_CODEC_FIELD_H
#define VMHA_PORT_CODEC_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/* Structs as JSON objects by tables of their fields: for lib/port/codec*.c only. */

enum codec_kind {
	CODEC_BOOL,
	CODEC_INT,  /* signed or not, of 1, 4 or 8 bytes */
	CODEC_ENUM, /* by name */
	CODEC_TEXT,
	CODEC_OBJECT,
	CODEC_ARRAY, /* of objects, its length in an unsigned int */
	CODEC_TEXTS, /* of texts, without the empty ones at its end */
	CODEC_IDS,   /* of numbers, their length as CODEC_ARRAY */
};

struct codec_enum {
	const char *(*name)(unsigned int value);
	bool (*parse)(const char *name, unsigned int *ret_value);
};

struct codec_object;

struct codec_field {
	const char *name;
	enum codec_kind kind;
	bool is_signed;
	size_t offset;
	size_t size; /* of the member; of one element of an array */
	int64_t min; /* of a number */
	int64_t max;
	size_t count;	     /* elements at most */
	size_t count_offset; /* of an array */
	const struct codec_enum *names;
	const struct codec_object *object;
};

struct codec_object {
	const struct codec_field *fields;
	size_t count;
};

/** @return a new object; NULL: memory ran out */
json_t *codec_print(const struct codec_object *object, const void *from);
/** A field that is missing leaves what is there. @return 0; -EBADMSG */
int codec_parse(const struct codec_object *object, const json_t *json, void *to,
		struct vmha_err **err);
json_t *codec_array_print(const struct codec_object *object, const void *from, size_t count,
			  size_t size);
/** @param to room for @max elements */
int codec_array_parse(const struct codec_object *object, const json_t *json, void *to, size_t max,
		      size_t size, size_t *ret_count, struct vmha_err **err);

#define MEMBER(type_, member_) ((type_ *)0)->member_
#define FIELD(type_, member_, kind_)                                                               \
	.name = #member_, .kind = (kind_), .offset = offsetof(type_, member_)

#define F_BOOL(type_, member_)                                                                     \
	{                                                                                          \
		FIELD(type_, member_, CODEC_BOOL), .size = sizeof(MEMBER(type_, member_))          \
	}
#define F_UINT(type_, member_, max_)                                                               \
	{                                                                                          \
		FIELD(type_, member_, CODEC_INT), .size = sizeof(MEMBER(type_, member_)),          \
						  .min = 0, .max = (max_)                          \
	}
#define F_SINT(type_, member_, min_, max_)                                                         \
	{                                                                                          \
		FIELD(type_, member_, CODEC_INT),                                                  \
			.is_signed = true, .size = sizeof(MEMBER(type_, member_)), .min = (min_),  \
			.max = (max_)                                                              \
	}
#define F_TEXT(type_, member_)                                                                     \
	{                                                                                          \
		FIELD(type_, member_, CODEC_TEXT), .size = sizeof(MEMBER(type_, member_))          \
	}
#define F_ENUM(type_, member_, enum_)                                                              \
	{                                                                                          \
		FIELD(type_, member_, CODEC_ENUM), .size = sizeof(MEMBER(type_, member_)),         \
						   .names = &enum_##_codec                         \
	}
#define F_OBJECT(type_, member_, object_)                                                          \
	{                                                                                          \
		FIELD(type_, member_, CODEC_OBJECT), .object = &(object_)                          \
	}
#define F_ARRAY_AS(name_, type_, member_, count_, object_)                                         \
	{                                                                                          \
		.name = (name_), .kind = CODEC_ARRAY, .offset = offsetof(type_, member_),          \
		.size = sizeof(MEMBER(type_, member_)[0]),                                         \
		.count = sizeof(MEMBER(type_, member_)) / sizeof(MEMBER(type_, member_)[0]),       \
		.count_offset = offsetof(type_, count_), .object = &(object_)                      \
	}
#define F_ARRAY(type_, member_, count_, object_)                                                   \
	F_ARRAY_AS(#member_, type_, member_, count_, object_)
#define F_TEXTS_AS(name_, type_, member_)                                                          \
	{                                                                                          \
		.name = (name_), .kind = CODEC_TEXTS, .offset = offsetof(type_, member_),          \
		.size = sizeof(MEMBER(type_, member_)[0]),                                         \
		.count = sizeof(MEMBER(type_, member_)) / sizeof(MEMBER(type_, member_)[0])        \
	}
#define F_IDS(type_, member_, count_)                                                              \
	{                                                                                          \
		FIELD(type_, member_, CODEC_IDS), .size = sizeof(MEMBER(type_, member_)[0]),       \
						  .count = sizeof(MEMBER(type_, member_)) /        \
							   sizeof(MEMBER(type_, member_)[0]),      \
						  .count_offset = offsetof(type_, count_),         \
						  .max = INT32_MAX                                 \
	}
#define OBJECT(fields_)                                                                            \
	{                                                                                          \
		fields_, sizeof(fields_) / sizeof((fields_)[0])                                    \
	}

#endif
