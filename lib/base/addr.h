/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_BASE_ADDR_H
#define VMHA_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#define VMHA_ADDR_TEXT_SIZE 46

/** An IP address.  Zero-initialised is none. */
struct vmha_addr {
	uint8_t family; /* 4, 6; 0: none */
	uint8_t bytes[16];
};

/** @return 0; -EINVAL neither a v4 nor a v6 number */
int vmha_addr_parse(const char *text, struct vmha_addr *ret_addr);

/** Text of an address, "" for none. */
void vmha_addr_text(const struct vmha_addr *addr, char *text /* VMHA_ADDR_TEXT_SIZE */);

/** Length of an address of that family in bits. */
unsigned int vmha_addr_bits(const struct vmha_addr *addr);

/** The subnet's part: the first @prefix bits (all when it is too long), the rest 0. */
struct vmha_addr vmha_addr_mask(const struct vmha_addr *addr, unsigned int prefix);

/** Order: v4 before v6, then by number. @return < 0, 0, > 0 */
int vmha_addr_compare(const struct vmha_addr *a, const struct vmha_addr *b);

/** One that other nodes can call: not loopback, link-local, multicast, any, or v4 mapped. */
bool vmha_addr_is_global(const struct vmha_addr *addr);

#endif
