/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/daemon.h"
#include "cli/node_report.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/port/lease_sanlock.h"
#include "lib/port/pcmk.h"
#include "lib/port/virt.h"

#define LIBVIRT_SPAN   VMHA_SPAN_S(5) /* as long as a VM's start waits for libvirtd */
#define MAPS_MAX_BYTES ((size_t)8 * 1024 * 1024)

/* Wall clock at which a process began, in seconds. @return 0 not known */
static time_t process_began(pid_t pid)
{
	struct timespec boot;
	uint64_t ticks = 0;
	const long hz = sysconf(_SC_CLK_TCK);

	if (hz <= 0 || vmha_proc_start_time(pid, &ticks) < 0 ||
	    clock_gettime(CLOCK_BOOTTIME, &boot) < 0) {
		return 0;
	}
	return time(NULL) - (boot.tv_sec - (time_t)(ticks / (uint64_t)hz));
}

/* A daemon that began before its file was written runs with the old settings. */
static bool settings_newer(pid_t pid, const char *const files[], const char **ret_file)
{
	const time_t began = process_began(pid);
	struct stat st;

	for (; began && *files; files++) {
		if (stat(*files, &st) == 0 && st.st_mtim.tv_sec > began + 1) {
			*ret_file = *files;
			return true;
		}
	}
	return false;
}

/* One "key=value" of what `sanlock client status -D` says of the daemon. @return caller frees */
static char *sanlock_value(const char *status, const char *key)
{
	vmha_autofree char *wanted = vmha_str_printf("\n    %s=", key);
	const char *p = wanted ? strstr(status, wanted) : NULL;

	return p ? strndup(p + strlen(wanted), strcspn(p + strlen(wanted), "\n")) : NULL;
}

static void watchdog_check(struct vmha_node_report *rep, const char *status)
{
	vmha_autofree char *used = sanlock_value(status, "use_watchdog");

	if (vmha_str_eq(used, "1")) {
		vmha_node_say(rep, VMHA_NODE_OK, "watchdog", NULL,
			      "sanlock lets the watchdog reset this host when its leases expire");
	} else {
		vmha_node_say(rep, VMHA_NODE_WARN, "watchdog",
			      "have a fence device (needed anyway); or set up wdmd and take -w 0 "
			      "out of /etc/default/sanlock",
			      "no watchdog: expired leases prove nothing about this host (Debian "
			      "starts sanlock with -w 0)");
	}
}

static void sanlock_check(struct vmha_node_report *rep, const struct vmha_node_facts *facts)
{
	static const char *const argv[] = { "sanlock", "client", "status", "-D", NULL };
	vmha_autofree char *set = vmha_node_setting(VMHA_NODE_SANLOCK_CONF, "our_host_name");
	vmha_autoresult struct vmha_proc_result res = { 0 };
	vmha_autofree char *name = NULL;
	const char *want = set ? set : facts->name;

	if (!vmha_sanlock_alive() || vmha_proc_run(argv, NULL, LIBVIRT_SPAN, &res, NULL) < 0) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "sanlock", "run: systemctl start sanlock",
			      "sanlock does not answer");
		return;
	}
	name = sanlock_value(res.output, "our_host_name");
	if (!vmha_str_eq(name, want)) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "sanlock",
			      "restart sanlock while Pacemaker is stopped here",
			      "sanlock runs as %s, not %s: after a crash this node would wait "
			      "minutes for its own lease",
			      name && *name ? name : "a random name", want);
	} else {
		vmha_node_say(rep, VMHA_NODE_OK, "sanlock", NULL, "answers, as %s", want);
	}
	watchdog_check(rep, res.output);
}

/* There is no way to ask libvirtd for its lock manager: look whether it has the driver loaded. */
static void lock_manager_check(struct vmha_node_report *rep, pid_t pid)
{
	static const char *const files[] = { VMHA_NODE_LIBVIRTD_CONF, VMHA_NODE_QEMU_CONF,
					     VMHA_NODE_QSANLOCK_CONF,
					     "/etc/pki/libvirt/servercert.pem", NULL };
	vmha_autofree char *path = vmha_str_printf("/proc/%ld/maps", (long)pid);
	vmha_autofree char *maps = NULL;
	const char *newer = NULL;

	if (!path || vmha_file_read(path, MAPS_MAX_BYTES, &maps, NULL, NULL) < 0) {
		vmha_node_say(rep, VMHA_NODE_WARN, "lock manager", "run it as root",
			      "cannot look into libvirtd");
	} else if (!strstr(maps, "/lock-driver/sanlock.so")) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "lock manager",
			      "restart libvirtd; VMs run on meanwhile",
			      "libvirtd runs without sanlock: VMs started now have no lease");
	} else if (settings_newer(pid, files, &newer)) {
		vmha_node_say(rep, VMHA_NODE_WARN, "lock manager",
			      "restart libvirtd; VMs run on meanwhile",
			      "sanlock is in effect, but %s changed after libvirtd was started",
			      newer);
	} else {
		vmha_node_say(rep, VMHA_NODE_OK, "lock manager", NULL,
			      "sanlock is in effect in libvirtd");
	}
}

/* Host UUID that a libvirtd tells migration partners. @return caller frees; NULL: no answer */
static char *libvirt_uuid(const char *address)
{
	const bool v6 = address && strchr(address, ':');
	vmha_autofree char *uri = address ? vmha_str_printf("qemu+tls://%s%s%s/system",
							    v6 ? "[" : "", address, v6 ? "]" : "")
					  : strdup("qemu:///system");
	const char *const argv[] = { "virsh", "-c", uri, "capabilities", NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };
	const char *p;

	if (!uri || vmha_proc_run(argv, NULL, LIBVIRT_SPAN, &res, NULL) < 0 || res.status) {
		return NULL;
	}
	p = strstr(res.output, "<uuid>");
	return p ? strndup(p + strlen("<uuid>"), VMHA_UUID_SIZE - 1) : NULL;
}

static void tls_check(struct vmha_node_report *rep)
{
	vmha_autofree char *address = vmha_node_setting(VMHA_NODE_CONF, "migration_address");
	vmha_autoerr struct vmha_err *err = NULL;

	if (!address) {
		return; /* said already */
	}
	if (vmha_virt_ping(address, LIBVIRT_SPAN, &err) < 0) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "tls",
			      "start libvirtd-tls.socket (or libvirtd --listen); is a firewall in "
			      "the way of ports 16514 and 49152 to 49215?",
			      "libvirtd does not answer over TLS on %s: %s", address,
			      vmha_err_text(err));
		return;
	}
	vmha_node_say(rep, VMHA_NODE_OK, "tls", NULL, "libvirtd answers over TLS on %s", address);
}

static void libvirtd_check(struct vmha_node_report *rep)
{
	vmha_autoerr struct vmha_err *err = NULL;
	pid_t pid;

	if (vmha_virt_ping(NULL, LIBVIRT_SPAN, &err) < 0) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "libvirtd", "run: systemctl start libvirtd",
			      "libvirtd does not answer: %s", vmha_err_text(err));
		return;
	}
	vmha_node_say(rep, VMHA_NODE_OK, "libvirtd", NULL, "answers");
	pid = vmha_node_process_find("libvirtd");
	if (pid) {
		lock_manager_check(rep, pid);
	}
	tls_check(rep);
}

static void fencing_check(struct vmha_node_report *rep, const struct vmha_pcmk_state *state)
{
	size_t devices = 0;
	size_t i;

	for (i = 0; i < state->resources_count; i++) {
		devices += vmha_str_starts(state->resources[i].agent, "stonith:");
	}
	if (!state->stonith) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "fencing",
			      "set up a fence device and run: crm_attribute -t crm_config -n "
			      "stonith-enabled -v true",
			      "fencing is switched off: after the loss of a node its VMs cannot "
			      "be started elsewhere safely");
	} else if (!devices) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "fencing", "set up a fence device",
			      "fencing is switched on, but there is no fence device");
	} else {
		vmha_node_say(rep, VMHA_NODE_OK, "fencing", NULL, "on, with %zu fence device%s",
			      devices, devices == 1 ? "" : "s");
	}
}

static void peer_check(struct vmha_node_report *rep, const char *peer, const char *uuid)
{
	vmha_autofree char *address = NULL;
	vmha_autofree char *other = NULL;

	if (vmha_pcmk_attribute_get(peer, "vmha-migration-address", &address, NULL) < 0) {
		vmha_node_say(rep, VMHA_NODE_WARN, "peers",
			      "normal while no volume is started there; else run vmha node doctor "
			      "on it",
			      "%s has published no migration address", peer);
		return;
	}
	other = libvirt_uuid(address);
	if (!other) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "peers",
			      "run vmha node doctor there; both nodes need certificates of one CA",
			      "libvirtd of %s does not answer over TLS on %s", peer, address);
	} else if (uuid && strcmp(other, uuid) == 0) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "peers",
			      "run on both: vmha node setup --host-uuid auto, and restart libvirtd",
			      "%s has the same host UUID %s as this node: libvirt refuses to "
			      "migrate between them",
			      peer, other);
	} else {
		vmha_node_say(rep, VMHA_NODE_OK, "peers", NULL,
			      "%s answers over TLS on %s, its host UUID differs", peer, address);
	}
}

static void cluster_check(struct vmha_node_report *rep, const struct vmha_node_facts *facts)
{
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autopcmk struct vmha_pcmk_state *state = NULL;
	vmha_autofree char *uuid = NULL;
	const struct vmha_pcmk_node *self;
	size_t i;

	if (vmha_pcmk_state_read(&state, &err) < 0) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "cluster", "run: systemctl start pacemaker",
			      "Pacemaker does not answer: %s", vmha_err_text(err));
		return;
	}
	self = vmha_pcmk_node_find(state, facts->name);
	if (!self || !self->online || self->remote) {
		vmha_node_say(
			rep, VMHA_NODE_FAIL, "cluster",
			self && self->remote ? "make it a full cluster node" : "see crm_mon -1",
			"%s is %s", facts->name,
			!self	       ? "not a node of the cluster"
			: self->remote ? "a Pacemaker Remote node, which vmha does not support"
				       : "not online");
	} else {
		vmha_node_say(rep, state->quorum ? VMHA_NODE_OK : VMHA_NODE_FAIL, "cluster",
			      state->quorum ? NULL : "bring more nodes up",
			      "%s is online, the cluster has %s", facts->name,
			      state->quorum ? "quorum" : "no quorum");
	}
	fencing_check(rep, state);
	uuid = libvirt_uuid(NULL);
	for (i = 0; i < state->nodes_count; i++) {
		const struct vmha_pcmk_node *n = &state->nodes[i];

		if (n->online && !n->remote && n != self) {
			peer_check(rep, n->name, uuid);
		}
	}
}

static void clusterd_check(struct vmha_node_report *rep)
{
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autojson json_t *state = NULL;

	if (vmha_daemon_ask(json_pack("{s:s}", "op", "hello"), LIBVIRT_SPAN, &state, &err) < 0) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "clusterd", "run: systemctl start vmha-clusterd",
			      "nothing can be moved from or to here: %s", vmha_err_text(err));
	} else if (!json_is_true(json_object_get(state, "synced"))) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "clusterd",
			      "does corosync run here? see: journalctl -u vmha-clusterd",
			      "runs, but is not in sync with the other nodes (%s)",
			      json_string_value(json_object_get(state, "group")));
	} else {
		vmha_node_say(rep, VMHA_NODE_OK, "clusterd", NULL,
			      "runs, in sync with the other nodes");
	}
}

void vmha_node_check_live(struct vmha_node_report *rep, const struct vmha_node_facts *facts)
{
	sanlock_check(rep, facts);
	libvirtd_check(rep);
	clusterd_check(rep);
	cluster_check(rep, facts);
}
