/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/lockvalue.h"

#include <string.h>

static const unsigned char magic[4] = { 'V', 'M', 'H', 'A' };

#define FORMAT	   1U
#define AT_VERSION 4
#define AT_NODE	   8
#define AT_EPOCH   16

static void number_put(unsigned char *to, size_t size, uint64_t n)
{
	size_t i;

	for (i = 0; i < size; i++) {
		to[i] = (unsigned char)(n >> (8 * i));
	}
}

static uint64_t number_get(const unsigned char *from, size_t size)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		n |= (uint64_t)from[i] << (8 * i);
	}
	return n;
}

void vmha_lockvalue_print(const struct vmha_lockvalue *value, unsigned char *bytes)
{
	memset(bytes, 0, VMHA_LOCKVALUE_BYTES);
	memcpy(bytes, magic, sizeof(magic));
	number_put(bytes + AT_VERSION, 2, FORMAT);
	number_put(bytes + AT_NODE, 4, value->node);
	number_put(bytes + AT_EPOCH, 8, value->epoch);
}

bool vmha_lockvalue_parse(const unsigned char *bytes, struct vmha_lockvalue *ret_value)
{
	if (memcmp(bytes, magic, sizeof(magic)) != 0 ||
	    number_get(bytes + AT_VERSION, 2) != FORMAT) {
		return false;
	}
	ret_value->node = (uint32_t)number_get(bytes + AT_NODE, 4);
	ret_value->epoch = number_get(bytes + AT_EPOCH, 8);
	return true;
}
