/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_CODEC_H
#define VMHA_PORT_CODEC_H

#include "lib/base/err.h"
#include "lib/core/cluster.h"

/*
 * Events and state of lib/core/cluster.h as JSON.  What is parsed is untrusted: sizes and ranges
 * are checked, unknown fields are ignored (a newer release may send them).
 */
#define VMHA_CODEC_VERSION	1
#define VMHA_CODEC_EVENT_MAX	(256 * 1024)	  /* bytes of text */
#define VMHA_CODEC_SNAPSHOT_MAX (8 * 1024 * 1024) /* likewise */

/**
 * Text of an event that travels: {"v":1,"t":"ENQUEUE","from":1,...}.
 * @param[out] ret_text caller frees
 * @return 0; -EINVAL a view event, which does not travel; -ENOMEM
 */
int vmha_codec_event_print(const struct vmha_cevent *event, char **ret_text, struct vmha_err **err);

/**
 * @param[out] ret_event vmha_cevent_free() it
 * @return 0; -ENOTSUP another version, or a type this release does not know; -EBADMSG malformed, or
 * a value outside its range; -E2BIG too long; -ENOMEM
 */
int vmha_codec_event_parse(const char *text, size_t len, struct vmha_cevent **ret_event,
			   struct vmha_err **err);

/** The whole state as one line of text, the same for the same state on every node. */
int vmha_codec_snapshot_print(const struct vmha_cluster *state, char **ret_text,
			      struct vmha_err **err);

/**
 * @param[out] ret_state free() it
 * @return 0; -ENOTSUP another version; -EBADMSG malformed, out of range, or against the laws of
 * vmha_cluster_check(); -E2BIG too long; -ENOMEM
 */
int vmha_codec_snapshot_parse(const char *text, size_t len, struct vmha_cluster **ret_state,
			      struct vmha_err **err);

#endif
