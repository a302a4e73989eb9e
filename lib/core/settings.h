/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_SETTINGS_H
#define VMHA_CORE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/core/record.h"

/*
 * Settings of the cluster, and of single nodes where a setting allows it.  They live in the CIB as
 * `vmha-NAME` (`vmha set` writes them: DESIGN.md, section 3); every clusterd has them as one
 * struct vmha_settings.  Pure.
 *
 * The one table: id, name, type, unit, minimum, default, maximum, per node too, words of a CHOICE
 * (its value is the index), text.  A row more is a setting more, everywhere.
 */
#define VMHA_SETTINGS(X)                                                                           \
	X(MIGRATION_SLOTS, "migration-slots", NUMBER, "", 1, 1, 16, true, "",                      \
	  "Migrations that a node takes part in at once, as source or as target.")                 \
	X(MIGRATION_WAIT, "migration-wait", NUMBER, "s", 0, 10, 60, false, "",                     \
	  "How long a move that Pacemaker began by itself waits for a free slot before it is "     \
	  "queued.")                                                                               \
	X(MIGRATION_STREAMS, "migration-streams", NUMBER, "", 1, 2, 16, false, "",                 \
	  "Parallel streams that copy memory; 1 is one stream without multifd.")                   \
	X(MIGRATION_COMPRESSION, "migration-compression", CHOICE, "", 0, 0, 2, false,              \
	  "none|zlib|zstd", "Compression of memory on its way; needs more than one stream.")       \
	X(MIGRATION_TLS, "migration-tls", SWITCH, "", 0, 1, 1, false, "",                          \
	  "Encrypt memory on its way. libvirt's control connection always is.")                    \
	X(MIGRATION_BANDWIDTH, "migration-bandwidth", NUMBER, "MiB/s", 0, 0, 100000, true, "",     \
	  "Limit of one migration's rate; 0 is none.")                                             \
	X(MIGRATION_AUTOCONVERGE, "migration-autoconverge", SWITCH, "", 0, 1, 1, false, "",        \
	  "Slow a guest down that changes memory faster than it can be copied.")                   \
	X(MIGRATION_STALL, "migration-stall", NUMBER, "s", 5, 60, 3600, false, "",                 \
	  "A copy that makes no progress for so long is stalled: the role's policy decides.")      \
	X(NETWORK_PROBE, "network-probe", NUMBER, "s", 1, 2, 60, false, "",                        \
	  "How often a node calls its peers on every network.")                                    \
	X(NETWORK_PORT, "network-port", NUMBER, "", 1024, 5409, 65535, false, "",                  \
	  "UDP port of these calls.")                                                              \
	X(FAILBACK_WINDOW, "failback-window", WINDOW, "", 0, -1, 0, false, "",                     \
	  "When roles go back to a node that was resumed with --failback window: HH:MM-HH:MM, "    \
	  "local time, or none (then at once).")                                                   \
	X(SHUTDOWN_DRAIN, "shutdown-drain", NUMBER, "s", 0, 600, 86400, true, "",                  \
	  "How long a node that shuts down waits for its roles to leave.")                         \
	X(EVENT_SIZE, "event-size", NUMBER, "MiB", 1, 10, 1024, true, "",                          \
	  "Size at which the file of events is put aside and a new one begun.")                    \
	X(EVENT_FILES, "event-files", NUMBER, "", 1, 5, 100, true, "",                             \
	  "Files of events that are kept beside the one in use.")

#define VMHA_DAY_MINUTES 1440

enum vmha_setting_type {
	VMHA_SETTING_NUMBER,
	VMHA_SETTING_SWITCH, /* on, off */
	VMHA_SETTING_CHOICE,
	VMHA_SETTING_WINDOW, /* of the day: first minute * VMHA_DAY_MINUTES + last; -1 none */
};

enum vmha_setting_id {
#define X(id_, ...) VMHA_SETTING_##id_,
	VMHA_SETTINGS(X)
#undef X
		VMHA_SETTINGS_COUNT
};

/* In the CIB.  Properties of networks are there as well, and no settings of this table:
 * lib/core/network.h. */
#define VMHA_SETTING_PREFIX	"vmha-"
#define VMHA_SETTING_NAME_SIZE	96
#define VMHA_SETTING_VALUE_SIZE 512
#define VMHA_SETTINGS_NODES_MAX 64

struct vmha_setting {
	const char *name;
	enum vmha_setting_type type;
	const char *unit; /* "" none */
	int64_t min;
	int64_t fallback; /* the default */
	int64_t max;
	bool per_node;
	const char *choices; /* "none|zlib|zstd", or "" */
	const char *text;
};

/** What is set. Begin with vmha_settings_default(). */
struct vmha_settings {
	int64_t value[VMHA_SETTINGS_COUNT];
	bool set[VMHA_SETTINGS_COUNT];
	uint32_t nodes_count; /* with values of their own, by name */
	struct vmha_settings_node {
		char name[VMHA_NODE_SIZE];
		int64_t value[VMHA_SETTINGS_COUNT];
		bool set[VMHA_SETTINGS_COUNT];
	} nodes[VMHA_SETTINGS_NODES_MAX];
};

/** One thing that is set, as text: how settings are sent, stored and shown. */
struct vmha_setting_pair {
	char node[VMHA_NODE_SIZE]; /* "": the whole cluster */
	char name[VMHA_SETTING_NAME_SIZE];
	char value[VMHA_SETTING_VALUE_SIZE];
};

/** @return true for a property of a network (net.KEY.FIELD) or their order (migration-order) */
bool vmha_setting_is_network(const char *name);
const struct vmha_setting *vmha_setting_info(enum vmha_setting_id id);
/** @return true and the setting of that name (without the prefix); false: there is none */
bool vmha_setting_find(const char *name, enum vmha_setting_id *ret_id);
/** A value as text, as vmha_settings_put() takes it. */
void vmha_setting_format(enum vmha_setting_id id, int64_t value, char *buf, size_t size);
/** What values it takes, with unit: "1 to 16", "on or off", "none, zlib or zstd". */
void vmha_setting_range(enum vmha_setting_id id, char *buf, size_t size);

/**
 * What holds on @node, from what is set as text: its own value, else the cluster's, else the
 * default.  What @id does not take (it was written past `vmha set`) is as if it was not set.
 * @param node NULL or "": what holds for nodes without a value of their own
 */
int64_t vmha_setting_number(const struct vmha_setting_pair *pairs, size_t count,
			    enum vmha_setting_id id, const char *node);

/** Nothing set: every value is its default. */
void vmha_settings_default(struct vmha_settings *s);

/**
 * Set one value.
 * @param node  NULL or "": the whole cluster
 * @param value as text
 * @return 0; -ENOENT no such setting; -EINVAL, -ERANGE bad value: the text says what it may be;
 * -EPERM not for single nodes; -ENOSPC too many nodes.  @s is unchanged then.
 */
int vmha_settings_put(struct vmha_settings *s, const char *node, const char *name,
		      const char *value, struct vmha_err **err);

/** Take one value back. @return 0; -ENOENT, -EPERM as vmha_settings_put(); not set is fine */
int vmha_settings_reset(struct vmha_settings *s, const char *node, const char *name,
			struct vmha_err **err);

/**
 * What holds on @node: its own value, else the cluster's, else the default.
 * @param node NULL: what holds for nodes without a value of their own
 */
int64_t vmha_settings_get(const struct vmha_settings *s, enum vmha_setting_id id, const char *node);
/** @return where that value comes from: "node", "cluster" or "default" */
const char *vmha_settings_origin(const struct vmha_settings *s, enum vmha_setting_id id,
				 const char *node);
/** The most that holds on any node. */
int64_t vmha_settings_max(const struct vmha_settings *s, enum vmha_setting_id id);
/**
 * Walk over all that is set, in one order on all nodes.
 * @param[in,out] cursor begins with 0
 * @return false at the end
 */
bool vmha_settings_next(const struct vmha_settings *s, size_t *cursor,
			struct vmha_setting_pair *ret_pair);

#endif
