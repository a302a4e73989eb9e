/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/daemon.h"
#include "cli/node_report.h"
#include "cli/output.h"
#include "cli/view.h"
#include "lib/base/cleanup.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/port/virt.h"

#define ASK_SPAN    VMHA_SPAN_S(5)
#define SKEW_MAX_MS 1000 /* beyond it logs and the failback window mislead */

struct check {
	struct vmha_node_report rep;
	struct vmha_pcmk_state *pcmk;
	json_t *state; /* clusterd's; NULL: it does not answer */
	char *self;
};

static void check_free(struct check *c)
{
	vmha_pcmk_state_free(c->pcmk);
	json_decref(c->state);
	json_decref(c->rep.lines);
	free(c->self);
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

/* Full nodes that are up: those that the other checks are about. */
static bool node_counts(const struct vmha_pcmk_node *n)
{
	return !n->remote && n->online && !n->pending;
}

static void nodes_check(struct check *c)
{
	size_t up = 0;
	size_t i;

	for (i = 0; i < c->pcmk->nodes_count; i++) {
		const struct vmha_pcmk_node *n = &c->pcmk->nodes[i];

		up += node_counts(n);
		if (n->remote) {
			vmha_node_say(&c->rep, VMHA_NODE_FAIL, "nodes",
				      "make it a full node of the cluster, or remove it",
				      "%s is a Pacemaker Remote node: it cannot have volumes and "
				      "roles, and Pacemaker would put them there",
				      n->name);
		} else if (!node_counts(n)) {
			vmha_node_say(&c->rep, VMHA_NODE_FAIL, "nodes",
				      "start it, or remove it from the cluster", "%s is %s",
				      n->name,
				      n->unclean ? "lost and not fenced yet"
						 : (n->pending ? "still joining" : "offline"));
		} else if (n->standby || n->maintenance) {
			vmha_node_say(&c->rep, VMHA_NODE_WARN, "nodes",
				      n->standby ? "vmha resume NODE, or crm node online NODE"
						 : "crm node ready NODE",
				      "%s is in %s: it takes no roles", n->name,
				      n->standby ? "standby" : "maintenance");
		}
	}
	if (up < 3) {
		vmha_node_say(&c->rep, VMHA_NODE_WARN, "nodes",
			      "three nodes keep quorum when one is lost; two need corosync's "
			      "two_node or a quorum device",
			      "%zu nodes are online", up);
	} else {
		vmha_node_say(&c->rep, VMHA_NODE_OK, "nodes", NULL, "%zu are online", up);
	}
}

static void quorum_check(struct check *c)
{
	if (!c->pcmk->dc_present || !c->pcmk->quorum) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "quorum", "bring more nodes up",
			      c->pcmk->dc_present ? "this part of the cluster has no quorum"
						  : "the cluster has no coordinator (DC)");
	} else {
		vmha_node_say(&c->rep, VMHA_NODE_OK, "quorum", NULL, "the cluster has quorum");
	}
	if (c->pcmk->maintenance) {
		vmha_node_say(&c->rep, VMHA_NODE_WARN, "quorum",
			      "run: crm_attribute -t crm_config -n maintenance-mode -v false",
			      "the whole cluster is in maintenance mode: nothing is recovered");
	}
}

static void fencing_check(struct check *c)
{
	size_t devices = 0;
	size_t i;

	for (i = 0; i < c->pcmk->resources_count; i++) {
		devices += vmha_str_starts(c->pcmk->resources[i].agent, "stonith:");
	}
	if (!c->pcmk->stonith) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "fencing",
			      "set up a fence device and run: crm_attribute -t crm_config -n "
			      "stonith-enabled -v true",
			      "fencing is switched off: roles of a lost node cannot be started "
			      "elsewhere safely");
	} else if (!devices) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "fencing", "set up a fence device",
			      "fencing is switched on, but there is no fence device");
	} else {
		vmha_node_say(&c->rep, VMHA_NODE_OK, "fencing", NULL, "on, with %zu fence device%s",
			      devices, devices == 1 ? "" : "s");
	}
}

/* One clusterd a node, and all of one release. */
static void clusterd_check(struct check *c)
{
	const char *version = NULL;
	size_t away = 0;
	size_t other = 0;
	size_t i;

	for (i = 0; i < c->pcmk->nodes_count; i++) {
		const struct vmha_pcmk_node *n = &c->pcmk->nodes[i];
		const json_t *node = vmha_view_node(c->state, n->name);

		if (!node_counts(n)) {
			continue;
		}
		if (!json_is_true(json_object_get(node, "ready"))) {
			away++;
			vmha_node_say(&c->rep, VMHA_NODE_FAIL, "clusterd",
				      "on that node run: systemctl start vmha-clusterd",
				      "clusterd of %s is not there: no VM is moved to or from it",
				      n->name);
			continue;
		}
		version = version ? version : text_of(node, "version");
		if (strcmp(version, text_of(node, "version")) != 0) {
			other++;
			vmha_node_say(&c->rep, VMHA_NODE_WARN, "versions",
				      "fine while nodes are upgraded one by one; then upgrade it",
				      "%s has vmha %s, others have %s", n->name,
				      text_of(node, "version"), version);
		}
	}
	if (!away) {
		vmha_node_say(&c->rep, VMHA_NODE_OK, "clusterd", NULL, "answers on all nodes");
	}
	if (version && !other) {
		vmha_node_say(&c->rep, VMHA_NODE_OK, "versions", NULL, "vmha %s on all nodes",
			      version);
	}
}

/* As clusterd sees the others' clocks when their messages arrive. */
static void clocks_check(struct check *c)
{
	const json_t *clocks = json_object_get(c->state, "clocks");
	json_int_t worst = 0;
	size_t i;

	for (i = 0; i < json_array_size(clocks); i++) {
		const json_t *clock = json_array_get(clocks, i);
		json_int_t skew = json_integer_value(json_object_get(clock, "skew_ms"));

		skew = skew < 0 ? -skew : skew;
		worst = skew > worst ? skew : worst;
		if (skew > SKEW_MAX_MS) {
			vmha_node_say(&c->rep, VMHA_NODE_WARN, "clocks",
				      "have all nodes run chrony",
				      "the clock of %s is %.1f s apart from this node's",
				      text_of(clock, "node"), (double)skew / 1000.0);
		}
	}
	if (json_array_size(clocks) && worst <= SKEW_MAX_MS) {
		vmha_node_say(&c->rep, VMHA_NODE_OK, "clocks", NULL,
			      "within %" JSON_INTEGER_FORMAT " ms of each other", worst);
	}
}

/* "libvirt 9.0.0, QEMU 7.2.22". @return caller frees; NULL: no answer */
static char *versions_ask(const char *address)
{
	const bool v6 = address && strchr(address, ':');
	vmha_autofree char *uri = address ? vmha_str_printf("qemu+tls://%s%s%s/system",
							    v6 ? "[" : "", address, v6 ? "]" : "")
					  : strdup("qemu:///system");
	const char *const argv[] = { "virsh", "-c", uri, "version", "--daemon", NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };
	const char *libvirt;
	const char *qemu;

	if (!uri || vmha_proc_run(argv, NULL, ASK_SPAN, &res, NULL) < 0 || res.status) {
		return NULL;
	}
	libvirt = strstr(res.output, "against daemon: ");
	qemu = strstr(res.output, "hypervisor: ");
	if (!libvirt || !qemu) {
		return NULL;
	}
	libvirt += strlen("against daemon: ");
	qemu += strlen("hypervisor: ");
	return vmha_str_printf("libvirt %.*s, %.*s", (int)strcspn(libvirt, "\n"), libvirt,
			       (int)strcspn(qemu, "\n"), qemu);
}

/* The address that VMs move over by default. @return caller frees; NULL: not known */
static char *peer_address(const struct check *c, const char *node)
{
	const json_t *ifaces = json_object_get(vmha_view_node(c->state, node), "ifaces");
	vmha_autofree char *address = NULL;
	size_t i;

	if (vmha_pcmk_attribute_get(node, "vmha-migration-address", &address, NULL) == 0) {
		return vmha_steal_ptr(address);
	}
	/* published with the first volume; before it, the first card that leads nowhere else */
	for (i = 0; i < json_array_size(ifaces); i++) {
		const json_t *iface = json_array_get(ifaces, i);

		if (!json_is_true(json_object_get(iface, "default_gateway"))) {
			return strdup(text_of(iface, "address"));
		}
	}
	return NULL;
}

static void peer_check(struct check *c, const char *node, const char *own_versions)
{
	vmha_autofree char *address = peer_address(c, node);
	vmha_autofree char *versions = NULL;
	vmha_autoerr struct vmha_err *err = NULL;

	if (!address) {
		vmha_node_say(&c->rep, VMHA_NODE_WARN, "tls",
			      "run on it: vmha node doctor; then run this again",
			      "no address of %s is known", node);
		return;
	}
	if (vmha_virt_ping(address, ASK_SPAN, &err) < 0) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "tls",
			      "run vmha node doctor there; the nodes need certificates of one CA, "
			      "and TCP 16514 open",
			      "libvirtd of %s does not answer over TLS on %s: %s", node, address,
			      vmha_err_text(err));
		return;
	}
	vmha_node_say(&c->rep, VMHA_NODE_OK, "tls", NULL, "%s answers %s over TLS on %s", node,
		      c->self, address);
	versions = versions_ask(address);
	if (!versions || !own_versions) {
		vmha_node_say(&c->rep, VMHA_NODE_WARN, "libvirt", "run vmha node doctor there",
			      "%s does not tell its versions", node);
	} else if (strcmp(versions, own_versions) != 0) {
		vmha_node_say(&c->rep, VMHA_NODE_WARN, "libvirt",
			      "bring all nodes to the same release: from a newer one VMs may not "
			      "move to an older one",
			      "%s has %s, this node %s", node, versions, own_versions);
	}
}

static void peers_check(struct check *c)
{
	vmha_autofree char *own = versions_ask(NULL);
	size_t i;

	vmha_node_say(&c->rep, own ? VMHA_NODE_OK : VMHA_NODE_FAIL, "libvirt",
		      own ? NULL : "run: systemctl start libvirtd", "%s: %s", c->self,
		      own ? own : "libvirtd does not answer");
	for (i = 0; i < c->pcmk->nodes_count; i++) {
		const struct vmha_pcmk_node *n = &c->pcmk->nodes[i];

		if (node_counts(n) && strcmp(n->name, c->self) != 0) {
			peer_check(c, n->name, own);
		}
	}
}

static void volume_check(struct check *c, const struct vmha_pcmk_primitive *v)
{
	const char *clone = *v->parent ? v->parent : v->id;
	size_t missing = 0;
	size_t i;

	for (i = 0; i < c->pcmk->nodes_count; i++) {
		const struct vmha_pcmk_node *n = &c->pcmk->nodes[i];

		if (node_counts(n) && !n->standby && !vmha_pcmk_runs_on(c->pcmk, clone, n->name)) {
			missing++;
			vmha_node_say(&c->rep, VMHA_NODE_FAIL, "volumes",
				      "mount the storage there, then: crm_resource --cleanup -r "
				      "CLONE; vmha volume show VOLUME says more",
				      "volume %s is not joined on %s", v->volume, n->name);
		}
	}
	if (!missing) {
		vmha_node_say(&c->rep, VMHA_NODE_OK, "volumes", NULL, "%s is joined on all nodes",
			      v->volume);
	}
}

static void volumes_check(struct check *c)
{
	vmha_autoprimitives struct vmha_pcmk_primitives *list = NULL;
	vmha_autoerr struct vmha_err *err = NULL;
	size_t i;

	if (vmha_pcmk_primitives_read("csv", &list, &err) < 0) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "volumes", "see crm_mon -1", "%s",
			      vmha_err_text(err));
		return;
	}
	if (!list->count) {
		vmha_node_say(&c->rep, VMHA_NODE_WARN, "volumes", "run: vmha volume create",
			      "there is none yet");
	}
	for (i = 0; i < list->count; i++) {
		volume_check(c, &list->items[i]);
	}
}

static void networks_check(struct check *c)
{
	const json_t *networks = json_object_get(c->state, "networks");
	size_t usable = 0;
	size_t i;

	if (!networks) {
		return; /* a clusterd that does not look for them */
	}
	for (i = 0; i < json_array_size(networks); i++) {
		const json_t *n = json_array_get(networks, i);
		const char *state = text_of(n, "state");

		if (strcmp(text_of(n, "role"), "none") == 0 ||
		    json_is_true(json_object_get(n, "exclude"))) {
			continue;
		}
		usable += strcmp(state, "up") == 0;
		if (strcmp(state, "up") != 0) {
			vmha_node_say(&c->rep, VMHA_NODE_WARN, "networks",
				      "run: vmha network show NAME", "%s is %s", text_of(n, "name"),
				      state);
		}
	}
	if (!usable) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "networks",
			      "run: vmha network list; give all nodes an address in one more "
			      "subnet, or take an exclusion back",
			      "no network for migrations reaches all nodes");
	} else {
		vmha_node_say(&c->rep, usable > 1 ? VMHA_NODE_OK : VMHA_NODE_WARN, "networks",
			      usable > 1 ? NULL : "a second one keeps migrations possible",
			      "%zu for migrations reach%s all nodes", usable,
			      usable == 1 ? "es" : "");
	}
}

/*
 * Several at once are begun by Pacemaker, which throttles: controld_throttle.c takes twice the
 * threshold for a high load.
 */
static void slots_check(struct check *c)
{
	vmha_autofree char *set = NULL;
	struct vmha_settings settings;
	int64_t slots;

	vmha_view_settings(c->state, &settings);
	slots = vmha_settings_max(&settings, VMHA_SETTING_MIGRATION_SLOTS);
	if (slots < 2) {
		return;
	}
	if (vmha_pcmk_property_get("load-threshold", &set, NULL) < 0) {
		vmha_node_say(&c->rep, VMHA_NODE_WARN, "slots",
			      "if copies are to overlap on busy nodes too, run: crm_attribute -t "
			      "crm_config -n load-threshold -v 400%",
			      "a node takes part in up to %" PRId64
			      " migrations at once, but above a load of 1.6 per core Pacemaker "
			      "begins one action at a time there (load-threshold is 80%%)",
			      slots);
	} else {
		vmha_node_say(&c->rep, VMHA_NODE_OK, "slots", NULL,
			      "up to %" PRId64 " migrations at once on a node, Pacemaker's "
			      "load-threshold is %s",
			      slots, set);
	}
}

static void state_ask(struct check *c)
{
	vmha_autoipc struct vmha_ipc *ipc = NULL;
	vmha_autoerr struct vmha_err *err = NULL;
	int r = vmha_daemon_open(&ipc, &err);

	r = r < 0 ? r : vmha_daemon_state(ipc, &c->state, &err);
	if (r < 0) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "clusterd", "then run this again", "%s",
			      vmha_err_text(err));
	} else if (!json_is_true(json_object_get(c->state, "synced"))) {
		vmha_node_say(&c->rep, VMHA_NODE_WARN, "clusterd", "run this again in a moment",
			      "clusterd of this node has not the others' state yet");
	}
}

static int check_run(int argc, char **argv, struct vmha_err **err)
{
	__attribute__((cleanup(check_free))) struct check c = { .rep.lines = json_array() };
	static const struct vmha_option opts[] = { { 0 } };
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r == 0 && argc > 1) {
		r = vmha_usage(err, "'%s' is too much", argv[1]);
	}
	r = r ? r : vmha_need_root(err);
	r = r ? r : vmha_pcmk_self(&c.self, err);
	r = r ? r : vmha_pcmk_state_read(&c.pcmk, err);
	if (r != 0) {
		return r;
	}
	nodes_check(&c);
	quorum_check(&c);
	fencing_check(&c);
	state_ask(&c);
	if (c.state) {
		clusterd_check(&c);
		clocks_check(&c);
		networks_check(&c);
		slots_check(&c);
	}
	peers_check(&c);
	volumes_check(&c);
	if (!vmha_output_is_json()) {
		(void)printf("cluster: %zu failed, %zu warnings%s\n", c.rep.failures,
			     c.rep.warnings, c.rep.failures ? ": not ready for roles" : "");
	}
	r = vmha_output_json(json_pack("{s:i, s:i, s:O}", "failures", (int)c.rep.failures,
				       "warnings", (int)c.rep.warnings, "checks", c.rep.lines));
	return r < 0 ? r : c.rep.failures ? VMHA_EXIT_WARN : VMHA_EXIT_OK;
}

const struct vmha_command vmha_commands_cluster[] = {
	{
		.name = "cluster check",
		.args = "",
		.summary = "Check the whole cluster before the first role, and say what to do",
		.help = "Nodes, quorum, fencing, clusterd and its version on all nodes, clocks, "
			"networks for migrations,\ntheir slots, libvirt of all nodes over TLS and "
			"its version, "
			"volumes. Each line is ok, warn or fail, with what\nto do about it. What "
			"lies on one host only: vmha node doctor. Exit status 0, or 3 when\n"
			"something fails.\n",
		.run = check_run,
	},
	{ 0 },
};
