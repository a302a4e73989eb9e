/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_TESTS_SIM_H
#define VMHA_TESTS_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/cluster.h"

/*
 * A simulated cluster over the real state machine and the real codec.  Everything around them is
 * fake and called so: the total order (fake_order.c), Pacemaker, agents and guests (fake_world.c).
 */

#define SIM_HOSTS     5 /* that are in the cluster at any time */
#define SIM_OLDER     4 /* the first of them may begin with an older release */
#define SIM_NODES     6 /* node 6 comes under node 5's name, for it, and goes again */
#define SIM_VMS	      8
#define SIM_TASKS_MAX 512
#define SIM_LOG_MAX   8192

/* What a node does after a while: an effect under way, an agent's next step, ... */
struct sim_task {
	bool used;
	bool agents; /* the agent's own: it outlives clusterd, not the host */
	unsigned int node;
	uint64_t due; /* tick */
	void (*run)(struct sim_task *task);
	struct sim *sim;
	struct vmha_ceffect effect;
	unsigned int vm;
};

/* An agent's process. */
struct sim_agent {
	bool alive;
	bool hears; /* its clusterd knows it by `token` */
	unsigned int node;
	unsigned int to;
	uint64_t token;
	uint64_t mig;
	enum vmha_move_state state;
	bool abort;
};

struct sim_vm {
	char name[8];
	unsigned int node;	 /* 0: runs nowhere */
	unsigned int constraint; /* Pacemaker is to have it there; 0 none */
	bool blocked;
	bool hopeless; /* nobody can tell how a move of it ended, until all is repaired */
	bool job;      /* a copy that nobody follows */
	unsigned int job_to;
	struct sim_agent agent;
};

struct sim_node {
	unsigned int id;
	bool listed; /* in corosync's and Pacemaker's configuration */
	bool host;
	bool clusterd;
	unsigned int proto;	 /* of its release */
	struct vmha_cluster *st; /* stays on its disk when clusterd ends */
	size_t cursor;		 /* in the log */
};

/* One place of the total order. */
struct sim_entry {
	struct vmha_cevent *event;
	char *snapshot; /* of the state after it, where it was kept */
};

struct sim {
	uint64_t seed;
	uint64_t random;
	uint64_t tick;
	uint64_t agents;
	uint64_t traces;
	uint64_t ring;
	bool quiet;	   /* nothing bad happens any more */
	bool repaired;	   /* and what was broken is whole */
	unsigned int dark; /* node whose clusterd stays away until then; 0 none */
	bool verbose;
	const char *failed;
	struct sim_node nodes[SIM_NODES + 1]; /* by id */
	struct sim_vm vms[SIM_VMS];
	struct sim_task tasks[SIM_TASKS_MAX];
	struct vmha_cluster *reference; /* applies at once what is ordered */
	size_t log_count;
	struct sim_entry log[SIM_LOG_MAX];
	uint64_t ended; /* figures */
	uint64_t done;
	uint64_t stuck;
	uint64_t given_up;
	uint64_t dropped; /* events that an older release could not read */
};

/* sim.c */
unsigned int sim_random(struct sim *s, unsigned int below);
bool sim_chance(struct sim *s, unsigned int percent);
void sim_fail(struct sim *s, const char *why);
void sim_say(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* fake_order.c */
void order_begin(struct sim *s);
void order_end(struct sim *s);
/** Send from a node, through the codec; nothing when its clusterd does not run. */
void order_send(struct sim *s, unsigned int node, struct vmha_cevent *event);
void order_clusterd_start(struct sim *s, unsigned int node);
void order_clusterd_stop(struct sim *s, unsigned int node, enum vmha_leave why);
void order_host(struct sim *s, unsigned int node, bool up);
/** Nodes 5 and 6: one is taken out, the other comes in. */
void order_exchange(struct sim *s, unsigned int out, unsigned int in);
/** What nodes do about one that was taken out. */
void order_forget(struct sim *s);
/** Deliver some of what is ordered to some nodes. */
void order_deliver(struct sim *s, bool all);
/** Have all nodes the same state? */
void order_compare(struct sim *s);

/* fake_world.c */
struct sim_task *world_task(struct sim *s, unsigned int node, unsigned int delay,
			    void (*run)(struct sim_task *task));
/** @node is told to do something. */
void world_effect(struct sim *s, unsigned int node, const struct vmha_ceffect *effect);
/** An agent's own call was refused: its clusterd says so. */
void world_refused(struct sim *s, const struct vmha_cevent *event);
void world_clusterd_lost(struct sim *s, unsigned int node);
void world_host_lost(struct sim *s, unsigned int node);
void world_tick(struct sim *s);
/** Pacemaker calls migrate_to. */
void world_agent_start(struct sim *s, struct sim_vm *vm, unsigned int to);
/* Its agent calls. @param attach it knows of a job under way */
void world_agent_begun(struct sim *s, struct sim_vm *vm, bool attach);
void world_agent_kill(struct sim *s, struct sim_vm *vm);
/** @return what is not over yet, or NULL */
const char *world_leftover(const struct sim *s);
/** Likewise of what has to come to an end even if nobody repairs anything. */
const char *world_leftover_unrepaired(const struct sim *s);

/* fake_drain.c */
void drain_effect(struct sim *s, unsigned int node, unsigned int drained);

#endif
