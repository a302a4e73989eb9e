/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_SINCE_H
#define VMHA_CLI_SINCE_H

#include <stdint.h>

/**
 * A point in time in the past, as people say it.
 * @param text   30s, 10m, 2h, 7d before @now_ms; or HH:MM[:SS] (of today), YYYY-MM-DD, both with a
 * blank or 'T' between, local time, UTC with a 'Z' behind
 * @param now_ms wall clock, ms
 * @return 0; -EINVAL it is none of these
 */
int vmha_since_parse(const char *text, int64_t now_ms, int64_t *ret_ms);

#endif
