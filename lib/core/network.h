/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_NETWORK_H
#define VMHA_CORE_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/str.h"
#include "lib/core/iface.h"
#include "lib/core/record.h"

/*
 * Cluster networks (DESIGN.md, section 5): the nodes' interfaces grouped by subnet, with metric,
 * role, state and place in the migration order.  Pure: every node derives the same from the
 * replicated state.
 */
#define VMHA_NETWORK_KEY_SIZE	52 /* subnet with '/' and ':' as '_' and '-' */
#define VMHA_NETWORK_NAME_SIZE	48
#define VMHA_SUBNET_SIZE	52
#define VMHA_NETWORKS_MAX	64
#define VMHA_NETWORK_METRIC_MAX 1000000

enum vmha_network_role {
	VMHA_NETWORK_NONE,    /* not used by the cluster: not probed, no migration, no CSV */
	VMHA_NETWORK_CLUSTER, /* default of a network without a default gateway */
	VMHA_NETWORK_CLIENT,  /* cluster and client: default of one with a default gateway */
};

enum vmha_network_state {
	VMHA_NETWORK_UP,	  /* no pair of members is known to be apart */
	VMHA_NETWORK_PARTITIONED, /* some pairs reach each other, some do not */
	VMHA_NETWORK_DOWN,	  /* no pair does */
};

/* --- what an administrator has set ------------------------------------------------------------ */

struct vmha_network_setting {
	char key[VMHA_NETWORK_KEY_SIZE];
	char name[VMHA_NETWORK_NAME_SIZE]; /* "": Cluster Network N */
	uint32_t metric;		   /* 0: AutoMetric */
	bool role_set;
	enum vmha_network_role role;
	bool exclude; /* from migrations */
};

/** Zero-initialised: nothing set. */
struct vmha_network_settings {
	struct vmha_network_setting items[VMHA_NETWORKS_MAX];
	size_t count;
	char order[VMHA_NETWORKS_MAX][VMHA_NETWORK_KEY_SIZE]; /* explicit migration order: keys */
	size_t order_count;
};

/**
 * Take one setting: "net.KEY.name", "net.KEY.metric" (1..1000000), "net.KEY.role" (none, cluster,
 * cluster-and-client), "net.KEY.exclude" (yes, no), "migration-order" (keys separated by commas).
 * @return 0; -ENOENT not the name of such a setting; -EINVAL bad value; -ENOSPC too many networks
 */
int vmha_network_settings_take(struct vmha_network_settings *s, const char *name, const char *value,
			       struct vmha_err **err);

/** A name for a network: 1..47 printable characters without comma, no blank at its ends. */
bool vmha_network_name_valid(const char *name);

const char *vmha_network_role_name(enum vmha_network_role role);
/** @return 0; -EINVAL no such role */
int vmha_network_role_parse(const char *text, enum vmha_network_role *ret_role);
const char *vmha_network_state_name(enum vmha_network_state state);

/* --- numbers: "Cluster Network N" stays N while others come and go --------------------------- */

/** Part of the replicated state; keys[i] has number i + 1, "" is free. */
struct vmha_network_numbers {
	char keys[VMHA_NETWORKS_MAX][VMHA_NETWORK_KEY_SIZE];
};

/** Give numbers to the subnets that have none, in their order. @return true when some were new */
bool vmha_network_numbers_learn(struct vmha_network_numbers *n, const struct vmha_iface *ifaces,
				size_t count);

/** Key of an interface's subnet. @return 0; -EINVAL not an address that networks are made of */
int vmha_network_key(const struct vmha_iface *iface, char *key /* VMHA_NETWORK_KEY_SIZE */);

/* --- networks --------------------------------------------------------------------------------- */

/** One node as the replicated state has it; all borrowed. */
struct vmha_network_node {
	uint32_t id; /* corosync's */
	const char *name;
	bool member; /* its clusterd is in the group */
	bool known;  /* its interfaces were published */
	const struct vmha_iface *ifaces;
	size_t ifaces_count;
	const struct vmha_reach *reaches;
	size_t reaches_count;
};

struct vmha_network_input {
	const struct vmha_network_node *nodes;
	size_t nodes_count;
	const struct vmha_network_settings *settings; /* NULL: nothing set */
	const struct vmha_network_numbers *numbers;   /* NULL: numbered in the order of subnets */
};

/** A node's address in a network. */
struct vmha_network_address {
	uint32_t node;
	char node_name[VMHA_NODE_SIZE];
	char ifname[VMHA_IFNAME_SIZE];
	char address[VMHA_ADDRESS_SIZE];
	bool member;
	bool up;
	bool lost;	/* a node concerned: its card is down, or others do not reach it */
	uint32_t apart; /* scratch while the network is judged */
};

struct vmha_network {
	char key[VMHA_NETWORK_KEY_SIZE];
	char name[VMHA_NETWORK_NAME_SIZE];
	char subnet[VMHA_SUBNET_SIZE]; /* "10.0.2.0/24" */
	uint32_t number;	       /* of its default name */
	uint32_t metric;
	bool autometric;
	enum vmha_network_role role;
	enum vmha_network_state state;
	uint32_t speed_mbps; /* of its slowest card; 0: not known */
	bool gateway;	     /* some node has its default route there */
	bool cluster;	     /* corosync uses it */
	bool csv; /* for the volumes' traffic: lowest metric of those up with all members */
	bool exclude;
	uint32_t rank; /* in the migration order, from 1; 0: never used for it */
	struct vmha_network_address *addresses; /* by node id */
	size_t addresses_count;
};

/** Sorted by number. */
struct vmha_networks {
	struct vmha_network *items;
	size_t count;
};

/** @return 0; -ENOMEM */
int vmha_networks_derive(const struct vmha_network_input *in, struct vmha_networks *ret_networks);
void vmha_networks_free(struct vmha_networks *n);
#define vmha_autonetworks __attribute__((cleanup(vmha_networks_free)))

/** By name, key or subnet. @return NULL: there is none */
const struct vmha_network *vmha_network_find(const struct vmha_networks *n, const char *name);

/* --- migration order of one pair -------------------------------------------------------------- */

/** A way for a migration. */
struct vmha_network_path {
	char name[VMHA_NETWORK_NAME_SIZE];
	char local[VMHA_ADDRESS_SIZE];	 /* of the source */
	char address[VMHA_ADDRESS_SIZE]; /* of the target */
	uint32_t metric;
	bool reachable; /* false: the nodes do not answer each other there now; comes last */
};

struct vmha_network_paths {
	struct vmha_network_path items[VMHA_NETWORKS_MAX];
	size_t count;
	struct vmha_str skipped; /* "NAME: why; NAME: why" of those that are left out; "" none */
	size_t lost;		 /* how many of these for a card that is down, not by a setting */
};

/**
 * The networks that a migration may use, best first.  Those whose card is down on either side are
 * left out with the reason.
 * @param[out] ret_paths set on 0 only; free with vmha_network_paths_free()
 * @return 0; -EAGAIN discovery has not settled for this pair: wait, at most three probes long;
 * -EHOSTUNREACH there is no way, with each network's reason, or one of the two has left; -ENOENT no
 * such node; -ENOMEM
 */
int vmha_network_order(const struct vmha_network_input *in, uint32_t from, uint32_t to,
		       struct vmha_network_paths *ret_paths, struct vmha_err **err);
void vmha_network_paths_free(struct vmha_network_paths *p);
#define vmha_autopaths __attribute__((cleanup(vmha_network_paths_free)))

#endif
