/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/network_pair.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What is known of two addresses of one network. */
enum pair {
	PAIR_UNKNOWN, /* neither has called the other yet */
	PAIR_OK,
	PAIR_APART, /* one calls in vain */
	PAIR_DOWN,  /* a card is down */
};

static const struct vmha_network_node *node_find(const struct vmha_network_input *in, uint32_t id)
{
	size_t i;

	for (i = 0; i < in->nodes_count; i++) {
		if (in->nodes[i].id == id) {
			return &in->nodes[i];
		}
	}
	return NULL;
}

static const struct vmha_reach *reach_find(const struct vmha_network_node *node,
					   const char *address)
{
	size_t i;

	for (i = 0; node && i < node->reaches_count; i++) {
		if (strcmp(node->reaches[i].address, address) == 0) {
			return &node->reaches[i];
		}
	}
	return NULL;
}

/* An echo that came back proves both directions: one report is enough, unless the other denies. */
static enum pair pair_state(const struct vmha_network_input *in,
			    const struct vmha_network_address *a,
			    const struct vmha_network_address *b)
{
	const struct vmha_reach *ab;
	const struct vmha_reach *ba;

	if (!a->up || !b->up) {
		return PAIR_DOWN;
	}
	ab = reach_find(node_find(in, a->node), b->address);
	ba = reach_find(node_find(in, b->node), a->address);
	if ((ab && !ab->ok) || (ba && !ba->ok)) {
		return PAIR_APART;
	}
	return ab || ba ? PAIR_OK : PAIR_UNKNOWN;
}

/* --- state of a network ----------------------------------------------------------------------- */

static bool pair_is_cut(const struct vmha_network_input *in, const struct vmha_network *net,
			const struct vmha_network_address *a, const struct vmha_network_address *b)
{
	enum pair p;

	if (a == b || !a->member || !b->member) {
		return false;
	}
	p = pair_state(in, a, b);
	/* without probes only the cards tell */
	return p == PAIR_DOWN || (p == PAIR_APART && net->role != VMHA_NETWORK_NONE);
}

static uint32_t cuts_of(const struct vmha_network_input *in, const struct vmha_network *net,
			size_t i)
{
	uint32_t n = 0;
	size_t j;

	for (j = 0; j < net->addresses_count; j++) {
		n += !net->addresses[j].lost &&
		     pair_is_cut(in, net, &net->addresses[i], &net->addresses[j]);
	}
	return n;
}

/*
 * The nodes concerned: those whose card is down, then, as long as some pair is left apart, whoever
 * is apart from most; all of them at once where none stands out.
 */
static void lost_mark(const struct vmha_network_input *in, struct vmha_network *net)
{
	uint32_t most;
	size_t i;

	for (i = 0; i < net->addresses_count; i++) {
		net->addresses[i].lost = net->addresses[i].member && !net->addresses[i].up;
	}
	do {
		most = 0;
		for (i = 0; i < net->addresses_count; i++) {
			struct vmha_network_address *a = &net->addresses[i];

			a->apart = a->lost ? 0 : cuts_of(in, net, i);
			most = a->apart > most ? a->apart : most;
		}
		for (i = 0; most && i < net->addresses_count; i++) {
			net->addresses[i].lost =
				net->addresses[i].lost || net->addresses[i].apart == most;
		}
	} while (most);
}

void vmha_network_judge(const struct vmha_network_input *in, struct vmha_network *net)
{
	size_t members = 0;
	size_t pairs = 0;
	size_t cuts = 0;
	size_t up = 0;
	size_t i;
	size_t j;

	for (i = 0; i < net->addresses_count; i++) {
		const struct vmha_network_address *a = &net->addresses[i];

		members += a->member;
		up += a->member && a->up;
		for (j = i + 1; j < net->addresses_count; j++) {
			pairs += a->member && net->addresses[j].member;
			cuts += pair_is_cut(in, net, a, &net->addresses[j]);
		}
	}
	lost_mark(in, net);
	if (!up || (pairs && cuts == pairs)) {
		net->state = VMHA_NETWORK_DOWN;
	} else {
		net->state = cuts || up < members ? VMHA_NETWORK_PARTITIONED : VMHA_NETWORK_UP;
	}
}

/* --- order of a pair -------------------------------------------------------------------------- */

static const struct vmha_network_address *address_of(const struct vmha_network *net, uint32_t node)
{
	size_t i;

	for (i = 0; i < net->addresses_count; i++) {
		if (net->addresses[i].node == node) {
			return &net->addresses[i];
		}
	}
	return NULL;
}

static void skip(struct vmha_network_paths *p, const struct vmha_network *net, const char *who,
		 const char *why)
{
	(void)vmha_str_add(&p->skipped, "%s%s: %s%s", p->skipped.len ? "; " : "", net->name, who,
			   why);
}

/* @return state of the way; PAIR_DOWN when it was skipped with its reason */
static enum pair path_judge(const struct vmha_network_input *in, const struct vmha_network *net,
			    const struct vmha_network_node *from,
			    const struct vmha_network_node *to, struct vmha_network_paths *p)
{
	const struct vmha_network_address *a = address_of(net, from->id);
	const struct vmha_network_address *b = address_of(net, to->id);

	if (!a && !b) {
		return PAIR_DOWN;
	}
	if (!a || !b) {
		skip(p, net, (a ? to : from)->name, " has no address there");
	} else if (!net->rank) {
		skip(p, net, "", net->exclude ? "excluded from migrations" : "its role is none");
	} else if (!a->up) {
		skip(p, net, from->name, "'s card is down");
		p->lost++;
	} else if (!b->up) {
		skip(p, net, to->name, "'s card is down");
		p->lost++;
	} else {
		return pair_state(in, a, b);
	}
	return PAIR_DOWN;
}

static void path_add(struct vmha_network_paths *p, const struct vmha_network *net, uint32_t from,
		     uint32_t to, bool reachable)
{
	struct vmha_network_path *item = &p->items[p->count++];

	(void)snprintf(item->name, sizeof(item->name), "%s", net->name);
	(void)snprintf(item->local, sizeof(item->local), "%s", address_of(net, from)->address);
	(void)snprintf(item->address, sizeof(item->address), "%s", address_of(net, to)->address);
	item->metric = net->metric;
	item->reachable = reachable;
}

static const struct vmha_network *with_rank(const struct vmha_networks *nets, uint32_t rank)
{
	size_t i;

	for (i = 0; i < nets->count; i++) {
		if (nets->items[i].rank == rank) {
			return &nets->items[i];
		}
	}
	return NULL;
}

/* @param state of each network for the pair, as nets->items */
static void paths_fill(const struct vmha_networks *nets, const enum pair *state, uint32_t from,
		       uint32_t to, struct vmha_network_paths *p)
{
	static const enum pair passes[] = { PAIR_OK, PAIR_APART };
	size_t pass;
	uint32_t rank;

	for (pass = 0; pass < 2; pass++) {
		for (rank = 1; rank <= nets->count; rank++) {
			const struct vmha_network *net = with_rank(nets, rank);

			if (net && state[net - nets->items] == passes[pass]) {
				path_add(p, net, from, to, pass == 0);
			}
		}
	}
}

static int paths_find(const struct vmha_network_input *in, const struct vmha_network_node *from,
		      const struct vmha_network_node *to, struct vmha_network_paths *p,
		      struct vmha_err **err)
{
	vmha_autonetworks struct vmha_networks nets = { 0 };
	enum pair state[VMHA_NETWORKS_MAX];
	size_t i;

	if (vmha_networks_derive(in, &nets) < 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	for (i = 0; i < nets.count; i++) {
		state[i] = path_judge(in, &nets.items[i], from, to, p);
		if (state[i] == PAIR_UNKNOWN) {
			return vmha_err_set(err, -EAGAIN,
					    "no migration network ready yet: %s and %s have not "
					    "called each other on %s",
					    from->name, to->name, nets.items[i].name);
		}
	}
	paths_fill(&nets, state, from->id, to->id, p);
	if (p->skipped.failed) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	if (!p->count) {
		return vmha_err_set(err, -EHOSTUNREACH,
				    "no network for a migration from %s to %s: %s", from->name,
				    to->name, p->skipped.len ? p->skipped.text : "none in common");
	}
	return 0;
}

int vmha_network_order(const struct vmha_network_input *in, uint32_t from, uint32_t to,
		       struct vmha_network_paths *ret_paths, struct vmha_err **err)
{
	const struct vmha_network_node *source = node_find(in, from);
	const struct vmha_network_node *target = node_find(in, to);
	vmha_autopaths struct vmha_network_paths p = { 0 };
	int r;

	if (!source || !target) {
		return vmha_err_set(err, -ENOENT, "there is no node with id %u",
				    source ? to : from);
	}
	if (!source->known || !target->known) {
		return vmha_err_set(err, -EAGAIN,
				    "no migration network ready yet: %s has not told its addresses",
				    source->known ? target->name : source->name);
	}
	if (!source->member || !target->member) {
		return vmha_err_set(err, -EHOSTUNREACH, "vmha-clusterd does not run on %s",
				    source->member ? target->name : source->name);
	}
	r = paths_find(in, source, target, &p, err);
	if (r == 0) {
		*ret_paths = p;
		p = (struct vmha_network_paths){ 0 };
	}
	return r;
}

void vmha_network_paths_free(struct vmha_network_paths *p)
{
	vmha_str_free(&p->skipped);
	p->count = 0;
}
