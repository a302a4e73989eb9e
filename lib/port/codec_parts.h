/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_CODEC_PARTS_H
#define VMHA_PORT_CODEC_PARTS_H

#include "lib/port/codec_field.h"

/* @internal of codec.c: parts of events and of the state. */
extern const struct codec_object codec_attempt;
extern const struct codec_object codec_progress;
extern const struct codec_object codec_stats;
extern const struct codec_object codec_volume;

#endif
