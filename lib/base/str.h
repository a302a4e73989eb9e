/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_BASE_STR_H
#define VMHA_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A growing string.  Zero-initialised is empty; the first failed growth sticks in `failed`. */
struct vmha_str {
	char *text; /* NUL-terminated, or NULL while empty */
	size_t len;
	size_t size;
	bool failed;
};

int vmha_str_add(struct vmha_str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int vmha_str_add_bytes(struct vmha_str *s, const void *data, size_t len);
/** Hand the text out, "" for an empty one. @return NULL when memory ran out on the way */
char *vmha_str_steal(struct vmha_str *s);
void vmha_str_free(struct vmha_str *s);
#define vmha_autostr __attribute__((cleanup(vmha_str_free)))

/** asprintf() that returns NULL on failure. */
char *vmha_str_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

bool vmha_str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool vmha_str_starts(const char *s, const char *prefix);
bool vmha_str_ends(const char *s, const char *suffix);

/**
 * Decimal number, nothing around it.
 * @return 0; -EINVAL not a number; -ERANGE outside [min, max]
 */
int vmha_str_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret_value);

/**
 * A name of a role, volume or node: 1..47 characters of [A-Za-z0-9._-], not beginning with '.' or
 * '-'. The length is sanlock's limit for lockspace and resource names (SANLK_NAME_LEN).
 */
bool vmha_str_is_name(const char *s);

#endif
