/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "csv/csv.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/port/lease_sanlock.h"
#include "lib/port/nodes.h"

#define KILL_S	  10
#define DAEMON_S  20
#define NODE_CONF VMHA_SYSCONFDIR "/vmha/node.conf"

static int orphan_kill(const struct csv_params *p, const struct vmha_user *user,
		       struct vmha_err **err)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(KILL_S));
	int r;

	vmha_log(VMHA_LOG_ERROR,
		 "volume=%s vm=%s pid=%d KILLED: its QEMU runs on this node while the lockspace is "
		 "not joined, so no lease protects its disks from a second start elsewhere",
		 p->volume, user->vm, (int)user->pid);
	r = vmha_proc_kill(user->pid, user->start_ticks, deadline);
	if (r < 0) {
		return vmha_err_set(err, r,
				    "VM %s (pid %d) runs without a lease and cannot be killed: it "
				    "hangs in the kernel; this node must be reset",
				    user->vm, (int)user->pid);
	}
	return 0;
}

/* Whoever uses the volume before it is joined holds no lease: ended, and verified. */
static int orphans_end(const struct csv_params *p, struct vmha_err **err)
{
	int round;

	/* the second round is the proof; one started in between is ended too */
	for (round = 0; round < 3; round++) {
		vmha_autofree struct vmha_user *users = NULL;
		size_t count = 0;
		size_t i;
		int r = vmha_volume_users(p->volume, &users, &count, err);

		if (r < 0 || count == 0) {
			return r;
		}
		for (i = 0; i < count; i++) {
			r = orphan_kill(p, &users[i], err);
			if (r < 0) {
				return r;
			}
		}
	}
	return vmha_err_set(
		err, -EBUSY,
		"QEMU processes without a lease keep appearing on volume %s: who starts "
		"them?",
		p->volume);
}

/* Peers migrate to this address; without it migrations to this node are refused. */
static void address_publish(void)
{
	vmha_autofree char *text = NULL;
	vmha_autoerr struct vmha_err *err = NULL;
	const char *argv[] = { "attrd_updater", "-n", "vmha-migration-address", "-U", NULL, NULL };
	char *save = NULL;
	char *line;

	if (vmha_file_read(NODE_CONF, VMHA_RECORD_MAX_BYTES, &text, NULL, NULL) == 0) {
		for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			line += strspn(line, " \t");
			if (vmha_str_starts(line, "migration_address=")) {
				argv[4] = line + strlen("migration_address=");
			}
		}
	}
	if (!argv[4] || !*argv[4]) {
		vmha_log(VMHA_LOG_WARNING,
			 "%s names no migration_address: no VM can be moved live to this node; run "
			 "'vmha node setup'",
			 NODE_CONF);
		return;
	}
	if (vmha_proc_check(argv, NULL, VMHA_SPAN_S(10), NULL, &err) < 0) {
		vmha_log(VMHA_LOG_WARNING, "cannot publish the migration address: %s",
			 vmha_err_text(err));
	}
}

static int joined_store(const struct csv_params *p, const struct csv_answer *join, bool mounted,
			struct vmha_err **err)
{
	vmha_autonodes struct vmha_nodes nodes = { 0 };
	struct vmha_joined_record rec = { 0 };
	struct vmha_volume_record vol;
	int r = csv_record_check(p, &vol, err);

	if (r == 0) {
		r = vmha_nodes_read(&nodes, err);
	}
	if (r < 0) {
		return r;
	}
	(void)snprintf(rec.name, sizeof(rec.name), "%s", p->volume);
	(void)snprintf(rec.id, sizeof(rec.id), "%s", vol.id);
	rec.host_id = join->value[0];
	rec.io_timeout_s = join->value[3];
	rec.mounted = mounted;
	(void)vmha_nodes_name(&nodes, rec.host_id, rec.node);
	if (strchr(rec.node, '/') || strchr(rec.node, ' ')) {
		return vmha_err_set(err, -ENOENT, "Pacemaker knows no name of %s", rec.node);
	}
	return vmha_volume_store(p->volume, VMHA_VOLUME_JOINED, &rec, err);
}

/* At boot Pacemaker may be faster than sanlock, and a failed start is not tried again by itself. */
static int daemon_await(const struct csv_params *p, struct csv_answer *now)
{
	struct vmha_mono until = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(DAEMON_S));
	int r;

	for (;;) {
		r = csv_ask(csv_ask_lockspace, p, p->deadline, now, NULL);
		if (r != -ECONNREFUSED || vmha_mono_passed(until) ||
		    vmha_mono_passed(p->deadline)) {
			return r;
		}
		vmha_mono_pace(VMHA_SPAN_MS(500));
	}
}

/* Before joining: the lockspace is not joined, and nothing runs that would need it to be. */
static enum vmha_ocf prepare_join(const struct csv_params *p, struct vmha_err **err)
{
	struct csv_answer now;
	int r = csv_ask(csv_ask_lockspace, p, p->deadline, &now, NULL);

	if (r == 0 && now.value[0]) {
		return OCF_SUCCESS; /* joined: whoever runs here may hold a lease */
	}
	if (r == -ETIMEDOUT) {
		/* whether it is joined is unknown: nobody is killed for that */
		return csv_fail(OCF_ERR_GENERIC, "sanlock hangs: it does not answer on this node");
	}
	/* a dead daemon is no excuse: its leases expire while orphans run on */
	if (orphans_end(p, err) < 0) {
		return csv_fail(OCF_ERR_GENERIC, "%s", vmha_err_text(*err));
	}
	if (r == -ECONNREFUSED) {
		r = daemon_await(p, &now);
	}
	if (r == -ECONNREFUSED) {
		return csv_fail(OCF_ERR_GENERIC,
				"sanlock is down: start it (systemctl start sanlock), then "
				"crm_resource --cleanup --resource %s",
				p->volume);
	}
	if (r < 0 && r != -EBUSY) {
		return csv_fail(OCF_ERR_GENERIC, "%s", now.text);
	}
	if (r < 0 || now.value[0]) {
		return OCF_SUCCESS;
	}
	/* before sanlock writes to its record */
	r = csv_ask(csv_ask_clash, p, p->deadline, &now, NULL);
	if (r == -EADDRINUSE) {
		return csv_fail(OCF_ERR_GENERIC, "%s", now.text);
	}
	return r < 0 ? csv_fail(OCF_ERR_GENERIC,
				"whether another host uses the host id of this node on volume %s "
				"cannot be told: %s",
				p->volume, now.text)
		     : OCF_SUCCESS;
}

static enum vmha_ocf join(const struct csv_params *p, bool mounted, struct vmha_err **err)
{
	struct vmha_mono begun = vmha_mono_now();
	struct csv_answer answer;
	int64_t silent_s = 0;
	int r = csv_ask(csv_ask_join, p, p->deadline, &answer, NULL);

	if (r == -ETIMEDOUT) {
		return csv_fail(
			OCF_ERR_GENERIC,
			"joining volume %s takes longer than this start may: the host id of "
			"this node is not free yet (was its sanlock host name changed?), or "
			"storage is slow; sanlock goes on, the next start finds it joined",
			p->volume);
	}
	if (r < 0) {
		return csv_fail(OCF_ERR_GENERIC, "%s", answer.text);
	}
	if (joined_store(p, &answer, mounted, err) < 0) {
		return csv_fail(OCF_ERR_GENERIC, "%s", vmha_err_text(*err));
	}
	if (csv_health_check(p, p->deadline, &silent_s, err) < 0) {
		return csv_fail(OCF_ERR_GENERIC, "%s", vmha_err_text(*err));
	}
	vmha_log(VMHA_LOG_INFO, "volume=%s joined host_id=%llu io_timeout_s=%llu after_ms=%lld",
		 p->volume, (unsigned long long)answer.value[0],
		 (unsigned long long)answer.value[3],
		 (long long)vmha_span_ms(vmha_mono_diff(begun, vmha_mono_now())));
	return OCF_SUCCESS;
}

enum vmha_ocf csv_start(const struct csv_params *p)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_volume_record record;
	bool mounted = false;
	enum vmha_ocf rc;

	if (csv_mount(p, &mounted, &err) < 0 || csv_record_check(p, &record, &err) < 0 ||
	    csv_size_check(p, &record, &err) < 0 || csv_leases_find(p, &record, &err) < 0) {
		if (mounted) {
			(void)csv_umount(p, NULL);
		}
		return csv_fail(OCF_ERR_GENERIC, "%s", vmha_err_text(err));
	}
	if (csv_locks_begin(p, &err) < 0) {
		if (mounted) {
			(void)csv_umount(p, NULL);
		}
		return csv_fail(OCF_ERR_GENERIC, "%s", vmha_err_text(err));
	}
	rc = prepare_join(p, &err);
	if (rc == OCF_SUCCESS) {
		rc = join(p, mounted, &err);
	}
	if (rc == OCF_SUCCESS) {
		address_publish();
		csv_facts_publish(p);
	}
	return rc;
}
