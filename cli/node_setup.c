/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/node_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/node_pki.h"
#include "cli/node_units.h"
#include "cli/output.h"
#include "lib/base/cleanup.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"

static void request_free(struct vmha_node_request *req)
{
	size_t i;

	for (i = 0; i < req->extras_count; i++) {
		free(req->extras[i].key);
	}
	free(req->extras);
}

/* Take the --set options, which may come many times, out of the arguments. */
static int extras_take(int *argc, char **argv, struct vmha_node_request *req, struct vmha_err **err)
{
	int kept = 1;
	int i;

	req->extras = calloc((size_t)*argc, sizeof(*req->extras));
	if (!req->extras) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	for (i = 1; i < *argc; i++) {
		const char *arg = NULL;

		if (strcmp(argv[i], "--set") == 0 && i + 1 < *argc) {
			arg = argv[++i];
		} else if (vmha_str_starts(argv[i], "--set=")) {
			arg = argv[i] + strlen("--set=");
		} else {
			argv[kept++] = argv[i];
			continue;
		}
		if (vmha_node_extra_parse(arg, &req->extras[req->extras_count], err) < 0) {
			return VMHA_EXIT_USAGE;
		}
		req->extras_count++;
	}
	*argc = kept;
	argv[kept] = NULL;
	return 0;
}

static int request_parse(int argc, char **argv, struct vmha_node_request *req,
			 struct vmha_err **err)
{
	const char *none = NULL;
	const struct vmha_option opts[] = {
		{ "migration-address", &req->address, NULL },
		{ "host-uuid", &req->host_uuid, NULL },
		{ "sanlock-host-name", &req->sanlock_name, NULL },
		{ "ca-cert", &req->ca_cert, NULL },
		{ "ca-key", &req->ca_key, NULL },
		{ "cert", &req->cert, NULL },
		{ "key", &req->key, NULL },
		{ "set", &none, NULL }, /* for its "needs a value" */
		{ "dry-run", NULL, &req->dry_run },
		{ "yes", NULL, &req->yes },
		{ "restart", NULL, &req->restart },
		{ NULL, NULL, NULL },
	};
	int r = extras_take(&argc, argv, req, err);

	r = r ? r : vmha_options_take(&argc, argv, opts, err);
	if (r) {
		return r;
	}
	if (argc > 1) {
		return vmha_usage(err, "'%s' is too much", argv[1]);
	}
	if (req->sanlock_name && !vmha_str_is_name(req->sanlock_name)) {
		return vmha_usage(err,
				  "'%s' cannot be sanlock's host name: up to 47 of "
				  "A-Z a-z 0-9 . _ -",
				  req->sanlock_name);
	}
	if (req->host_uuid && strcmp(req->host_uuid, "auto") != 0 &&
	    strcmp(req->host_uuid, "keep") != 0 && !vmha_node_uuid_valid(req->host_uuid)) {
		return vmha_usage(err, "--host-uuid is auto, keep or a UUID, not '%s'",
				  req->host_uuid);
	}
	return 0;
}

static bool glob_any(const char *pattern)
{
	glob_t g = { 0 };
	const bool found = glob(pattern, 0, NULL, &g) == 0;

	globfree(&g);
	return found;
}

/* A qemu.conf that names a lock manager that is not there keeps libvirtd from starting any VM. */
static int host_check(const struct vmha_node_request *req, const struct vmha_node_facts *facts,
		      struct vmha_err **err)
{
	if (!glob_any("/usr/sbin/libvirtd") || !glob_any("/etc/libvirt")) {
		return vmha_err_set(err, -ENOENT,
				    "libvirt is not installed: apt install libvirt-daemon-system");
	}
	if (!glob_any("/usr/lib/*/libvirt/lock-driver/sanlock.so") &&
	    !glob_any("/usr/lib64/libvirt/lock-driver/sanlock.so")) {
		return vmha_err_set(err, -ENOENT,
				    "libvirt's lock driver for sanlock is not installed: apt "
				    "install libvirt-sanlock");
	}
	if (!glob_any("/usr/sbin/sanlock")) {
		return vmha_err_set(err, -ENOENT, "sanlock is not installed: apt install sanlock");
	}
	if (vmha_node_process_find("pacemaker-remot") && !vmha_node_process_find("pacemakerd")) {
		return vmha_err_set(err, -ENOTSUP,
				    "%s is a Pacemaker Remote node: vmha needs a full cluster "
				    "node (corosync gives it its host id)",
				    facts->name);
	}
	if (facts->nodeid > 2000) {
		return vmha_err_set(err, -ERANGE,
				    "corosync's nodeid of %s is %llu: sanlock takes 1 to 2000; "
				    "change it in /etc/corosync/corosync.conf on all nodes",
				    facts->name, (unsigned long long)facts->nodeid);
	}
	if (req->restart && !facts->systemd) {
		return vmha_err_set(err, -ENOTSUP,
				    "--restart needs systemd, which does not run here");
	}
	return 0;
}

/* The address asked for, else the one set up before, else the only one there is. */
static int address_choose(const struct vmha_node_request *req, char **ret_address,
			  struct vmha_err **err)
{
	vmha_autofree char *address =
		req->address ? strdup(req->address)
			     : vmha_node_setting(VMHA_NODE_CONF, "migration_address");
	int r;

	if (!address) {
		address = vmha_node_addresses();
		if (!address || strchr(address, ' ')) {
			return vmha_err_set(err, -EINVAL,
					    "say which address VMs shall move over with "
					    "--migration-address: one of %s",
					    address ? address : "(this host has none)");
		}
	}
	r = vmha_node_address_check(address, err);
	if (r == 0) {
		*ret_address = vmha_steal_ptr(address);
	}
	return r;
}

static void notes_add(struct vmha_node_plan *plan, const struct vmha_node_facts *facts)
{
	vmha_autofree char *opts = vmha_node_setting("/etc/default/sanlock", "sanlock_opts");

	if (!facts->nodeid) {
		vmha_node_plan_note(plan,
				    "corosync's nodeid of %s is not known yet: run setup "
				    "again when corosync is configured",
				    facts->name);
	}
	if (plan->count && opts && strstr(opts, "-w 0")) {
		vmha_node_plan_note(
			plan, "sanlock starts with -w 0, as Debian has it: no watchdog resets "
			      "this host when its leases expire, so only a fence device can "
			      "prove it off; have one");
	}
	if (access(VMHA_OCFDIR "/vm", X_OK) < 0 || access(VMHA_OCFDIR "/csv", X_OK) < 0) {
		vmha_node_plan_note(plan,
				    "the resource agents are not in %s: install vmha there "
				    "(make install)",
				    VMHA_OCFDIR);
	}
	if (!facts->systemd) {
		vmha_node_plan_note(plan,
				    "systemd does not run here: order of daemons, libvirt's "
				    "TLS socket and units at boot are not set up; start libvirtd "
				    "with --listen, and Pacemaker after libvirtd and sanlock");
	}
}

static int plan_make(struct vmha_node_plan *plan, const struct vmha_node_request *req,
		     const struct vmha_node_facts *facts, struct vmha_err **err)
{
	vmha_autofree char *address = NULL;
	vmha_autofree char *addresses = vmha_node_network_addresses();
	vmha_autofree char *qemu_conf = NULL;
	struct vmha_node_pki pki = { .ca_cert = req->ca_cert,
				     .ca_key = req->ca_key,
				     .cert = req->cert,
				     .key = req->key,
				     .node = facts->name,
				     .dry_run = req->dry_run };
	int r = host_check(req, facts, err);

	r = r < 0 ? r : address_choose(req, &address, err);
	r = r < 0 ? r : vmha_node_settings_plan(plan, req, facts, address, err);
	r = r < 0 ? r : vmha_node_plan_text(plan, VMHA_NODE_QEMU_CONF, &qemu_conf, err);
	if (r < 0) {
		return r;
	}
	pki.address = address;
	pki.addresses = addresses;
	pki.qemu_uid = vmha_node_qemu_uid(qemu_conf);
	r = vmha_node_pki_plan(plan, &pki, err);
	if (r == 0 && facts->systemd) {
		r = vmha_node_systemd_plan(plan, err);
	}
	if (r < 0) {
		return r;
	}
	(void)vmha_node_plan_settle(plan);
	notes_add(plan, facts);
	return vmha_node_plan_check(plan, err);
}

static char *backup_dir(void)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;
	char *dir;
	int i;

	(void)gmtime_r(&now, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	dir = vmha_str_printf("%s/%s", VMHA_NODE_BACKUP_DIR, stamp);
	for (i = 1; dir && access(dir, F_OK) == 0; i++) {
		free(dir);
		dir = vmha_str_printf("%s/%s.%d", VMHA_NODE_BACKUP_DIR, stamp, i);
	}
	return dir;
}

static void diffs_print(const struct vmha_node_plan *plan)
{
	size_t i;

	for (i = 0; i < plan->count; i++) {
		vmha_autofree char *diff = vmha_node_change_diff(&plan->changes[i]);

		(void)fputs(diff ? diff : "out of memory\n", stdout);
	}
}

/* @return true unless a person at a terminal says no */
static bool confirmed(const struct vmha_node_request *req)
{
	char answer[8] = "";

	if (req->yes || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		return true;
	}
	(void)printf("Change this host so? [y/N] ");
	(void)fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* A lockspace is joined: sanlock must not go now. */
static bool lockspace_joined(void)
{
	static const char *const argv[] = { "sanlock", "client", "status", NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };

	if (vmha_proc_run(argv, NULL, VMHA_SPAN_S(10), &res, NULL) < 0 || res.status) {
		return false;
	}
	return vmha_str_starts(res.output, "s ") || strstr(res.output, "\ns ");
}

static int restart_allowed(struct vmha_err **err)
{
	if (vmha_node_process_find("qemu-") || vmha_node_process_find("kvm")) {
		return vmha_err_set(err, -EBUSY,
				    "--restart is refused while a VM runs here: move "
				    "the VMs away first (crm node standby)");
	}
	if (lockspace_joined()) {
		return vmha_err_set(err, -EBUSY,
				    "--restart is refused while sanlock has a volume "
				    "joined: stop Pacemaker here first");
	}
	return 0;
}

static int daemons_restart(unsigned int daemons, struct vmha_err **err)
{
	int r = 0;

	if (daemons & VMHA_NODE_SYSTEMD) {
		r = vmha_node_systemctl("daemon-reload", NULL, err);
	}
	if (r == 0 && (daemons & VMHA_NODE_SANLOCK)) {
		r = vmha_node_systemctl("restart", "sanlock.service", err);
	}
	if (r == 0 && (daemons & VMHA_NODE_LIBVIRTD)) {
		/* a socket cannot be taken up by a libvirtd that runs already */
		r = vmha_node_systemctl("stop", "libvirtd.service", err);
		r = r < 0 ? r : vmha_node_systemctl("restart", "libvirtd-tls.socket", err);
		r = r < 0 ? r : vmha_node_systemctl("start", "libvirtd.service", err);
	}
	return r;
}

static json_t *restart_words(unsigned int daemons)
{
	json_t *list = json_array();

	if (daemons & VMHA_NODE_SYSTEMD) {
		(void)json_array_append_new(list, json_string("systemd (daemon-reload)"));
	}
	if (daemons & VMHA_NODE_SANLOCK) {
		(void)json_array_append_new(list, json_string("sanlock"));
	}
	if (daemons & VMHA_NODE_LIBVIRTD) {
		(void)json_array_append_new(list, json_string("libvirtd"));
	}
	return list;
}

static void restart_print(const struct vmha_node_request *req, const struct vmha_node_facts *facts,
			  unsigned int daemons)
{
	if (!daemons || req->dry_run) {
		return;
	}
	if (req->restart) {
		(void)printf("The daemons concerned were restarted.\n");
		return;
	}
	(void)printf("To take effect, with no VM here and Pacemaker stopped on this node:\n");
	if (!facts->systemd) {
		(void)printf("  restart %s%s%s\n", daemons & VMHA_NODE_SANLOCK ? "sanlock" : "",
			     daemons == (VMHA_NODE_SANLOCK | VMHA_NODE_LIBVIRTD) ? " and " : "",
			     daemons & VMHA_NODE_LIBVIRTD ? "libvirtd --listen" : "");
		return;
	}
	if (daemons & VMHA_NODE_SYSTEMD) {
		(void)printf("  systemctl daemon-reload\n");
	}
	if (daemons & VMHA_NODE_SANLOCK) {
		(void)printf("  systemctl restart sanlock.service\n");
	}
	if (daemons & VMHA_NODE_LIBVIRTD) {
		(void)printf("  systemctl stop libvirtd.service\n"
			     "  systemctl restart libvirtd-tls.socket\n"
			     "  systemctl start libvirtd.service\n");
	}
}

static unsigned int daemons_of(const struct vmha_node_plan *plan)
{
	unsigned int daemons = 0;
	size_t i;

	for (i = 0; i < plan->count; i++) {
		daemons |= plan->changes[i].daemon;
	}
	return daemons;
}

static void units_print(const json_t *list, const char *words)
{
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		(void)printf("%s %s\n", words, json_string_value(json_array_get(list, i)));
	}
}

static void text_print(const struct vmha_node_plan *plan, const struct vmha_node_request *req,
		       const struct vmha_node_facts *facts, const struct vmha_node_units *units,
		       const char *backup)
{
	size_t i;

	for (i = 0; i < json_array_size(plan->notes); i++) {
		(void)printf("Note: %s.\n", json_string_value(json_array_get(plan->notes, i)));
	}
	units_print(units->disabled, req->dry_run ? "Would enable" : "Enabled");
	units_print(units->stopped, req->dry_run ? "Would start" : "Started");
	if (plan->count && req->dry_run) {
		(void)printf("%s: %zu files would change.\n", facts->name, plan->count);
	} else if (plan->count) {
		(void)printf("%s: %zu files changed; the old ones are in %s\n", facts->name,
			     plan->count, backup);
	} else if (!vmha_node_units_count(units)) {
		(void)printf("%s: nothing to change.\n", facts->name);
	}
	restart_print(req, facts, daemons_of(plan));
}

/* @param changes made before the files were written, while the diffs could still be had */
static int json_print(const struct vmha_node_plan *plan, const struct vmha_node_request *req,
		      const struct vmha_node_facts *facts, json_t *changes,
		      const struct vmha_node_units *units, const char *backup)
{
	json_t *notes = plan->notes ? json_incref(plan->notes) : json_array();

	return vmha_output_json(json_pack(
		"{s:s,s:b,s:o,s:O,s:O,s:s?,s:o,s:b,s:o}", "node", facts->name, "dry_run",
		(int)req->dry_run, "changes", changes, "enable", units->disabled, "start",
		units->stopped, "backup", backup, "restart", restart_words(daemons_of(plan)),
		"restarted", (int)req->restart, "notes", notes));
}

/* One setup at a time. @return descriptor that holds the lock, or negative errno */
static int lock_take(struct vmha_err **err)
{
	int fd = open("/run/vmha-node-setup.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0) {
		return vmha_err_errno(err, -errno, "cannot open /run/vmha-node-setup.lock");
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		(void)close(fd);
		return vmha_err_set(err, -EBUSY, "another vmha node setup runs on this host");
	}
	return fd;
}

static int apply(const struct vmha_node_plan *plan, const struct vmha_node_request *req,
		 const struct vmha_node_units *units, const char *backup, struct vmha_err **err)
{
	int r = plan->count ? vmha_node_plan_apply(plan, backup, err) : 0;

	r = r < 0 ? r : vmha_node_units_enable(units, err);
	r = r == 0 && req->restart ? daemons_restart(daemons_of(plan), err) : r;
	return r < 0 ? r : vmha_node_units_start(units, err);
}

static int setup_run(const struct vmha_node_request *req, struct vmha_err **err)
{
	VMHA_CLEANUP(vmha_node_plan_free) struct vmha_node_plan plan = { 0 };
	vmha_autoclose int lock = -1;
	vmha_autofree char *backup = NULL;
	VMHA_CLEANUP(vmha_node_units_free) struct vmha_node_units units = { 0 };
	json_t *changes = NULL;
	struct vmha_node_facts facts;
	int r;

	if (!req->dry_run) {
		lock = lock_take(err);
		if (lock < 0) {
			return lock;
		}
	}
	r = vmha_node_facts_gather(&facts, err);
	r = r < 0 ? r : plan_make(&plan, req, &facts, err);
	if (r < 0) {
		return r;
	}
	if (vmha_node_units_look(facts.systemd, &units) < 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	if (vmha_output_is_json()) {
		changes = vmha_node_plan_json(&plan);
	} else {
		diffs_print(&plan);
	}
	if (!req->dry_run && (plan.count || vmha_node_units_count(&units))) {
		if (plan.count && !vmha_output_is_json() && !confirmed(req)) {
			return vmha_err_set(err, -ECANCELED, "nothing was changed");
		}
		r = req->restart ? restart_allowed(err) : 0;
		backup = plan.count ? backup_dir() : NULL;
		r = r < 0 ? r : apply(&plan, req, &units, backup, err);
	}
	if (r < 0) {
		json_decref(changes);
		return r;
	}
	if (vmha_output_is_json()) {
		return json_print(&plan, req, &facts, changes, &units, backup);
	}
	text_print(&plan, req, &facts, &units, backup);
	return 0;
}

int vmha_node_setup(int argc, char **argv, struct vmha_err **err)
{
	VMHA_CLEANUP(request_free) struct vmha_node_request req = { 0 };
	int r = request_parse(argc, argv, &req, err);

	if (r) {
		return r;
	}
	r = vmha_need_root(err);
	if (r < 0) {
		return r;
	}
	(void)umask(022);
	return setup_run(&req, err);
}
