/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_LOCKVALUE_H
#define VMHA_CORE_LOCKVALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the value block of a volume's DLM lock says: who has it, or had it last, and how often its
 * owner has changed.  Pure codec; numbers are little-endian, whatever the machine: magic "VMHA",
 * version (16 bits), 16 bits of zero, node (32), 32 of zero, epoch (64).
 */
#define VMHA_LOCKVALUE_BYTES 32

struct vmha_lockvalue {
	uint32_t node; /* corosync node id */
	uint64_t epoch;
};

/** @param[out] bytes VMHA_LOCKVALUE_BYTES */
void vmha_lockvalue_print(const struct vmha_lockvalue *value, unsigned char *bytes);

/** @return false: nobody has written one yet, or a newer release did */
bool vmha_lockvalue_parse(const unsigned char *bytes, struct vmha_lockvalue *ret_value);

#endif
