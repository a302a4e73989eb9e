/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_TESTS_FAULT_ONDISK_H
#define VMHA_TESTS_FAULT_ONDISK_H

#include <stdint.h>

/*
 * What the test guest and sanlock leave on storage, read past them (O_DIRECT).
 * Every @sector is a caller's buffer of 4096 bytes, aligned to 4096.
 */

/**
 * The newest record of the test guest (lab/guest), from sector 0 of its disk.
 * @return 0; -EAGAIN torn or not written yet; negative errno
 */
int ondisk_record_read(int fd, uint8_t *sector, uint64_t *ret_boot, uint64_t *ret_seq);

/**
 * Owner of a sanlock resource lease with 512-byte sectors.
 * @param[out] ret_host_id 0 when the lease is free or its owner has released it
 * @return 0; -EAGAIN torn; negative errno
 * @source sanlock src/leader.h, src/paxos_dblock.h
 */
int ondisk_lease_read(int fd, int64_t offset, uint8_t *sector, uint64_t *ret_host_id,
		      uint64_t *ret_lver);

#endif
