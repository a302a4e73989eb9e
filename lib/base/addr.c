/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int vmha_addr_parse(const char *text, struct vmha_addr *ret_addr)
{
	struct vmha_addr a = { 0 };

	if (inet_pton(AF_INET, text, a.bytes) == 1) {
		a.family = 4;
	} else if (inet_pton(AF_INET6, text, a.bytes) == 1) {
		a.family = 6;
	} else {
		return -EINVAL;
	}
	*ret_addr = a;
	return 0;
}

void vmha_addr_text(const struct vmha_addr *addr, char *text)
{
	*text = '\0';
	if (addr->family) {
		(void)inet_ntop(addr->family == 4 ? AF_INET : AF_INET6, addr->bytes, text,
				VMHA_ADDR_TEXT_SIZE);
	}
}

unsigned int vmha_addr_bits(const struct vmha_addr *addr)
{
	return addr->family == 4 ? 32 : addr->family == 6 ? 128 : 0;
}

struct vmha_addr vmha_addr_mask(const struct vmha_addr *addr, unsigned int prefix)
{
	struct vmha_addr a = *addr;
	unsigned int i;

	for (i = 0; i < sizeof(a.bytes); i++) {
		const unsigned int done = i * 8;

		if (done >= prefix) {
			a.bytes[i] = 0;
		} else if (prefix - done < 8) {
			a.bytes[i] &= (uint8_t)(0xff00U >> (prefix - done));
		}
	}
	return a;
}

int vmha_addr_compare(const struct vmha_addr *a, const struct vmha_addr *b)
{
	if (a->family != b->family) {
		return a->family < b->family ? -1 : 1;
	}
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static bool v4_is_global(const uint8_t *b)
{
	return b[0] != 0 && b[0] != 127 && !(b[0] == 169 && b[1] == 254) && b[0] < 224;
}

static bool v6_is_global(const uint8_t *b)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t zero[15] = { 0 };

	return b[0] != 0xff && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80) &&
	       !(memcmp(b, zero, sizeof(zero)) == 0 && b[15] < 2) &&
	       memcmp(b, mapped, sizeof(mapped)) != 0;
}

bool vmha_addr_is_global(const struct vmha_addr *addr)
{
	if (addr->family == 4) {
		return v4_is_global(addr->bytes);
	}
	return addr->family == 6 && v6_is_global(addr->bytes);
}
