/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "cli/node_pki.h"
#include "cli/node_report.h"
#include "cli/node_setup.h"
#include "cli/node_units.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define SETUP_TODO "run: vmha node setup (first with --dry-run to see what it changes)"

static const struct {
	const char *pattern;
	const char *package;
	const char *use;
} programs[] = {
	{ "/usr/sbin/corosync", "corosync", "the cluster" },
	{ "/usr/sbin/pacemakerd", "pacemaker", "the cluster" },
	{ "/usr/sbin/crm_resource", "pacemaker-cli-utils", "moving VMs" },
	{ "/usr/sbin/sanlock", "sanlock", "leases" },
	{ "/usr/sbin/libvirtd", "libvirt-daemon-system", "VMs" },
	{ "/usr/lib*/*/libvirt/lock-driver/sanlock.so", "libvirt-sanlock", "leases of VMs" },
	{ "/usr/bin/virsh", "libvirt-clients", "looking at VMs" },
	{ "/usr/bin/qemu-system-*", "qemu-system-x86", "VMs" },
	{ "/usr/bin/qemu-img", "qemu-utils", "disks" },
	{ "/usr/bin/certtool", "gnutls-bin", "certificates" },
	{ "/*bin/fuser", "psmisc", "Pacemaker's own agents, which get nodes fenced without it" },
	{ "/usr/bin/killall", "psmisc",
	  "Pacemaker's own agents, which get nodes fenced without it" },
};

static bool path_exists(const char *pattern)
{
	glob_t g = { 0 };
	const bool found = glob(pattern, 0, NULL, &g) == 0;

	globfree(&g);
	return found;
}

static void programs_check(struct vmha_node_report *rep)
{
	size_t missing = 0;
	size_t i;

	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		vmha_autofree char *todo = NULL;

		if (path_exists(programs[i].pattern)) {
			continue;
		}
		missing++;
		todo = vmha_str_printf("run: apt install %s", programs[i].package);
		vmha_node_say(rep, VMHA_NODE_FAIL, "programs", todo, "%s is missing, needed for %s",
			      programs[i].pattern, programs[i].use);
	}
	if (!missing) {
		vmha_node_say(rep, VMHA_NODE_OK, "programs", NULL, "all are installed");
	}
}

static void agents_check(struct vmha_node_report *rep)
{
	static const char *const paths[] = { VMHA_OCFDIR "/vm", VMHA_OCFDIR "/csv",
					     VMHA_PKGLIBEXECDIR "/vm-action" };
	size_t missing = 0;
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (access(paths[i], X_OK) < 0) {
			missing++;
			vmha_node_say(rep, VMHA_NODE_FAIL, "agents", "install vmha on this node",
				      "%s is missing", paths[i]);
		}
	}
	if (!missing) {
		vmha_node_say(rep, VMHA_NODE_OK, "agents", NULL, "installed in %s", VMHA_OCFDIR);
	}
}

static void nodeid_check(struct vmha_node_report *rep, const struct vmha_node_facts *facts)
{
	if (!facts->nodeid) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "nodeid",
			      "configure corosync, with a nodeid for every node",
			      "corosync has no nodeid for %s", facts->name);
	} else if (facts->nodeid > 2000) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "nodeid",
			      "give all nodes a nodeid from 1 to 2000 in corosync.conf",
			      "%s has corosync nodeid %llu, too large for sanlock", facts->name,
			      (unsigned long long)facts->nodeid);
	} else {
		vmha_node_say(rep, VMHA_NODE_OK, "nodeid", NULL,
			      "%s is corosync node and sanlock host %llu", facts->name,
			      (unsigned long long)facts->nodeid);
	}
}

/* What setup would change now is what is wrong. */
static void settings_check(struct vmha_node_report *rep, const struct vmha_node_facts *facts,
			   const char *address)
{
	VMHA_CLEANUP(vmha_node_plan_free) struct vmha_node_plan plan = { 0 };
	vmha_autoerr struct vmha_err *err = NULL;
	const struct vmha_node_request req = { .dry_run = true };
	size_t i;
	int r = vmha_node_settings_plan(&plan, &req, facts, address, &err);

	if (r == 0 && facts->systemd) {
		r = vmha_node_systemd_plan(&plan, &err);
	}
	if (r < 0) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "settings", "repair the file", "%s",
			      vmha_err_text(err));
		return;
	}
	for (i = 0; i < vmha_node_plan_settle(&plan); i++) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "settings", SETUP_TODO, "%s is not set up",
			      plan.changes[i].path);
	}
	if (!plan.count) {
		vmha_node_say(rep, VMHA_NODE_OK, "settings", NULL,
			      "libvirt, QEMU and sanlock are set up");
	}
}

static void units_check(struct vmha_node_report *rep, const struct vmha_node_facts *facts)
{
	VMHA_CLEANUP(vmha_node_units_free) struct vmha_node_units units = { 0 };
	size_t i;

	if (!facts->systemd) {
		vmha_node_say(rep, VMHA_NODE_WARN, "boot",
			      "start Pacemaker after libvirtd and sanlock, stop it before them",
			      "systemd does not run here: order of daemons cannot be checked");
		return;
	}
	(void)vmha_node_units_look(facts->systemd, &units);
	for (i = 0; i < json_array_size(units.disabled); i++) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "boot", SETUP_TODO, "%s does not start at boot",
			      json_string_value(json_array_get(units.disabled, i)));
	}
	for (i = 0; i < json_array_size(units.stopped); i++) {
		const char *unit = json_string_value(json_array_get(units.stopped, i));
		vmha_autofree char *todo = vmha_str_printf("run: systemctl start %s", unit);

		vmha_node_say(rep, VMHA_NODE_FAIL, "boot", todo, "%s is not active", unit);
	}
	if (!vmha_node_units_count(&units)) {
		vmha_node_say(
			rep, VMHA_NODE_OK, "boot", NULL,
			"libvirtd, sanlock and clusterd start at boot, Pacemaker after them; VMs "
			"leave before a shutdown");
	}
}

static void certificates_check(struct vmha_node_report *rep, const char *address)
{
	vmha_autofree char *addresses = vmha_node_network_addresses();
	vmha_autofree char *missing = addresses ? vmha_node_pki_missing(addresses) : NULL;
	vmha_autoerr struct vmha_err *err = NULL;
	int64_t days = 0;

	if (vmha_node_pki_check(address, &days, &err) < 0) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "certificates", SETUP_TODO, "%s",
			      vmha_err_text(err));
	} else if (days < VMHA_PKI_WARN_DAYS) {
		vmha_node_say(rep, VMHA_NODE_WARN, "certificates",
			      "run: vmha node setup --ca-cert FILE --ca-key FILE",
			      "they end in %lld days", (long long)days);
	} else if (missing && *missing) {
		vmha_node_say(
			rep, VMHA_NODE_WARN, "certificates",
			"run: vmha node setup --ca-cert FILE --ca-key FILE",
			"they do not name %s: no VM can move to this node over these networks",
			missing);
	} else if (vmha_node_pki_shared()) {
		vmha_node_say(rep, VMHA_NODE_WARN, "certificates",
			      "have a CA sign two: vmha node setup --ca-cert FILE --ca-key FILE",
			      "libvirtd and QEMU share a key: a QEMU that a guest has taken over "
			      "could give orders to libvirtd of all nodes");
	} else {
		vmha_node_say(rep, VMHA_NODE_OK, "certificates", NULL,
			      "good for %s, for %lld more days", addresses ? addresses : address,
			      (long long)days);
	}
}

static void kvm_check(struct vmha_node_report *rep)
{
	if (access("/dev/kvm", R_OK | W_OK) < 0) {
		vmha_node_say(rep, VMHA_NODE_WARN, "kvm",
			      "switch virtualisation on in the firmware, load kvm_intel or kvm_amd",
			      "/dev/kvm cannot be used: VMs of type kvm do not start here");
	} else {
		vmha_node_say(rep, VMHA_NODE_OK, "kvm", NULL, "/dev/kvm is there");
	}
}

static void clock_check(struct vmha_node_report *rep)
{
	struct timex t = { 0 };

	if (adjtimex(&t) == TIME_ERROR || (t.status & STA_UNSYNC)) {
		vmha_node_say(rep, VMHA_NODE_WARN, "clock", "run: apt install chrony",
			      "the clock is not synchronised: logs of nodes will disagree (leases "
			      "do not depend on it)");
	} else {
		vmha_node_say(rep, VMHA_NODE_OK, "clock", NULL, "synchronised");
	}
}

void vmha_node_check_host(struct vmha_node_report *rep, const struct vmha_node_facts *facts)
{
	vmha_autofree char *address = vmha_node_setting(VMHA_NODE_CONF, "migration_address");
	vmha_autoerr struct vmha_err *err = NULL;

	programs_check(rep);
	agents_check(rep);
	nodeid_check(rep, facts);
	if (!address) {
		vmha_node_say(rep, VMHA_NODE_FAIL, "setup", SETUP_TODO,
			      "this host was never set up (%s has no migration_address)",
			      VMHA_NODE_CONF);
	} else {
		if (vmha_node_address_check(address, &err) < 0) {
			vmha_node_say(rep, VMHA_NODE_FAIL, "address",
				      "run: vmha node setup --migration-address ADDRESS", "%s",
				      vmha_err_text(err));
		} else {
			vmha_node_say(rep, VMHA_NODE_OK, "address", NULL, "VMs move over %s",
				      address);
		}
		settings_check(rep, facts, address);
		certificates_check(rep, address);
	}
	units_check(rep, facts);
	kvm_check(rep);
	clock_check(rep);
}
