/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/codec_parts.h"

#include <limits.h>

#include "lib/core/cluster.h"

#define ID_MAX	 INT_MAX   /* of a node */
#define WORD_MAX INT64_MAX /* of what JSON and jansson can hold */

static const char *word_text(unsigned int value)
{
	return vmha_volume_word_name((enum vmha_volume_word)value);
}

static bool word_value(const char *name, unsigned int *ret_value)
{
	enum vmha_volume_word value;

	if (!vmha_volume_word_parse(name, &value)) {
		return false;
	}
	*ret_value = (unsigned int)value;
	return true;
}

static const struct codec_enum vmha_volume_word_codec = { word_text, word_value };

static const struct codec_field attempt_fields[] = {
	F_TEXT(struct vmha_attempt, network),
	F_TEXT(struct vmha_attempt, address),
	F_BOOL(struct vmha_attempt, ok),
	F_TEXT(struct vmha_attempt, error),
};
const struct codec_object codec_attempt = OBJECT(attempt_fields);

static const struct codec_field progress_fields[] = {
	F_UINT(struct vmha_progress, percent, 100),
	F_UINT(struct vmha_progress, processed_bytes, WORD_MAX),
	F_UINT(struct vmha_progress, remaining_bytes, WORD_MAX),
	F_UINT(struct vmha_progress, rate_bps, WORD_MAX),
	F_UINT(struct vmha_progress, dirty_bps, WORD_MAX),
	F_SINT(struct vmha_progress, eta_ms, -1, WORD_MAX),
};
const struct codec_object codec_progress = OBJECT(progress_fields);

static const struct codec_field stats_fields[] = {
	F_SINT(struct vmha_mig_stats, total_ms, -1, WORD_MAX),
	F_SINT(struct vmha_mig_stats, blackout_ms, -1, WORD_MAX),
	F_SINT(struct vmha_mig_stats, bytes, -1, WORD_MAX),
};
const struct codec_object codec_stats = OBJECT(stats_fields);

static const struct codec_field volume_fields[] = {
	F_ENUM(struct vmha_cvolume, word, vmha_volume_word),
	F_TEXT(struct vmha_cvolume, volume),
	F_TEXT(struct vmha_cvolume, vm),
	F_UINT(struct vmha_cvolume, node, ID_MAX),
	F_UINT(struct vmha_cvolume, epoch, WORD_MAX),
	F_TEXT(struct vmha_cvolume, text),
};
const struct codec_object codec_volume = OBJECT(volume_fields);
