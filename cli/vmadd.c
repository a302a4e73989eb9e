/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/output.h"
#include "cli/vm.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/port/virsh.h"
#include "lib/role/remnants.h"
#include "lib/role/volume.h"

#define STOP_TIMEOUT_S	       120
#define MIGRATE_TO_TIMEOUT_S   600
#define MIGRATE_FROM_TIMEOUT_S 120
/* Pacemaker 2.1 counts a crash that is reported by event twice: the third within ten minutes moves
 * the role away. */
#define FAILURES_MAX	"5"
#define FAILURE_TIMEOUT "600s"
#define START_MARGIN_S	60 /* behind the longest wait for a dead host's lease */

struct plan {
	struct vmha_role role;
	const char *mode;
	const char *cpu;
	const char *on_guest_shutdown;
	bool disabled;
	bool unsafe;
	struct vmha_volume_record volume;
	char *clone;
	struct vmha_domxml *dom;
	struct vmha_pcmk_state *state;
	struct vmha_role_record rec;
	struct vmha_lease lease;
	bool begun; /* its intent stands */
	bool lease_made;
	bool asked; /* the cluster was, for a resource */
};

static void plan_free(struct plan *p)
{
	free(p->clone);
	vmha_domxml_free(p->dom);
	vmha_pcmk_state_free(p->state);
}
#define autoplan __attribute__((cleanup(plan_free)))

/* A random UUID from the kernel. @param id VMHA_ID_SIZE bytes */
static int uuid_make(char *id, struct vmha_err **err)
{
	vmha_autofree char *text = NULL;
	int r = vmha_file_read("/proc/sys/kernel/random/uuid", 64, &text, NULL, err);

	if (r == 0) {
		(void)snprintf(id, VMHA_ID_SIZE, "%.36s", text);
	}
	return r;
}

/* Name and UUID: what the administrator wants, or what is missing. */
static int identity_fill(struct plan *p, bool rename, struct vmha_err **err)
{
	vmha_autofree char *uuid = vmha_domxml_get(p->dom, "/domain/uuid");
	int r;

	if (rename && vmha_domxml_set(p->dom, "name", p->role.name) < 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	vmha_domxml_forget_run(p->dom);
	if (uuid && *uuid) {
		(void)snprintf(p->rec.uuid, sizeof(p->rec.uuid), "%s", uuid);
		return 0;
	}
	r = uuid_make(p->rec.uuid, err);
	if (r == 0 && vmha_domxml_set(p->dom, "uuid", p->rec.uuid) < 0) {
		r = vmha_err_set(err, -ENOMEM, "out of memory");
	}
	return r;
}

/* A <lease> of somebody else's lock space says that another system guards these disks. */
static void lease_check(const struct plan *p, struct vmha_findings *f)
{
	vmha_autofree char *space = vmha_domxml_get(p->dom, "/domain/devices/lease/lockspace");
	vmha_autofree char *key = vmha_domxml_get(p->dom, "/domain/devices/lease/key");

	if (vmha_domxml_count(p->dom, "/domain/devices/lease") &&
	    (!vmha_str_eq(space, p->role.volume) || !vmha_str_eq(key, p->role.name))) {
		vmha_findings_refuse(f,
				     "the XML has a <lease> of its own (lockspace '%s', key '%s'): "
				     "remove it",
				     space ? space : "", key ? key : "");
	}
}

static int volume_need(const struct plan *p, struct vmha_volume_record *ret_rec,
		       struct vmha_err **err)
{
	struct vmha_lockspace ls;
	int r = vmha_volume_answers(p->role.volume, VMHA_ANSWER_S, err);

	if (r < 0) {
		return r;
	}
	r = vmha_volume_load(p->role.volume, VMHA_VOLUME_RECORD, ret_rec, err);
	if (r == -ENOENT) {
		return vmha_err_set(
			err, r,
			"there is no volume '%s' on this node: 'vmha volume list' names "
			"those there are",
			p->role.volume);
	}
	if (r < 0) {
		return r;
	}
	r = vmha_volume_lockspace(p->role.volume, 0, &ls, err);
	r = r < 0 ? r : vmha_lockspace_joined(&ls, NULL, err);
	if (r <= 0) {
		return vmha_err_set(
			err, -ENOTCONN,
			"this node has not joined volume '%s': run this on a node where "
			"it is started ('vmha volume show %s')",
			p->role.volume, p->role.volume);
	}
	return 0;
}

static void told(void *arg, enum vmha_told what, const char *text)
{
	(void)arg;
	if (what == VMHA_TOLD_WARNING) {
		vmha_output_warn("%s", text);
	} else if (what == VMHA_TOLD_STEP) {
		vmha_output_step("%s", text);
	}
}

static const struct vmha_teller teller = { told, NULL };

static int names_free_check(const struct plan *p, struct vmha_err **err)
{
	vmha_autoindex struct vmha_index index = { 0 };
	const struct vmha_index_entry *e;
	int r = vmha_remnants_settle(&p->role, &teller, err);

	r = r < 0 ? r : vmha_remnants_read_one(&p->role, &index, err);
	if (r < 0) {
		return r;
	}
	e = &index.entries[0];
	if (e->leases || e->record != VMHA_PART_ABSENT || e->xml != VMHA_PART_ABSENT ||
	    e->owner != VMHA_PART_ABSENT || e->state != VMHA_PART_ABSENT) {
		return vmha_err_set(err, -EEXIST,
				    "volume %s has a role named %s already: 'vmha vm edit' changes "
				    "it, 'vmha vm remove' removes it (also what is left of one)",
				    p->role.volume, p->role.name);
	}
	r = vmha_pcmk_id_used(p->role.name, err);
	if (r == 1) {
		r = vmha_err_set(err, -EEXIST,
				 "the cluster's configuration has something named '%s' already: "
				 "choose another name, or remove that",
				 p->role.name);
	}
	return r;
}

static int plan_make(struct plan *p, const char *xml, bool rename, struct vmha_err **err)
{
	vmha_autofindings struct vmha_findings f = { 0 };
	struct vmha_disk_policy policy;
	int r = vmha_cluster_need(&p->state, err);

	r = r < 0 ? r : vmha_cluster_no_remote(p->state, err);
	r = r < 0 ? r : volume_need(p, &p->volume, err);
	r = r < 0 ? r : vmha_cluster_volume(p->role.volume, &p->clone, err);
	r = r < 0 ? r : names_free_check(p, err);
	r = r < 0 ? r : vmha_domxml_load(xml, &p->dom, err);
	r = r < 0 ? r : identity_fill(p, rename, err);
	if (r == 0 && p->cpu) {
		r = vmha_vm_cpu_baseline(p->dom, p->state, err);
	}
	if (r < 0) {
		return r;
	}
	policy = vmha_disk_policy_of(&p->volume, p->unsafe);
	lease_check(p, &f);
	vmha_vm_check(p->dom, &p->role, p->state, true, &policy, &f);
	return vmha_vm_findings(&f, xml, err);
}

static int lease_make(struct plan *p, struct vmha_err **err)
{
	struct vmha_lease_index index;
	int r = vmha_volume_leases(p->role.volume, &index, err);

	r = r < 0 ? r : vmha_lease_create(&index, p->role.name, &p->lease, err);
	if (r < 0) {
		return r;
	}
	p->lease_made = true;
	(void)snprintf(p->rec.name, sizeof(p->rec.name), "%s", p->role.name);
	(void)snprintf(p->rec.volume, sizeof(p->rec.volume), "%s", p->role.volume);
	(void)snprintf(p->rec.lease_path, sizeof(p->rec.lease_path), "%s", p->lease.path);
	p->rec.lease_offset = p->lease.offset;
	p->rec.unsafe = p->unsafe;
	vmha_output_step("lease %s on volume %s created", p->role.name, p->role.volume);
	return uuid_make(p->rec.lease_id, err);
}

static int files_write(struct plan *p, struct vmha_err **err)
{
	vmha_autofree char *text = NULL;
	char path[VMHA_PATH_SIZE];
	int r;

	if (vmha_domxml_set_lease(p->dom, &p->lease) < 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	text = vmha_domxml_print(p->dom);
	if (!text) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	vmha_role_path(&p->role, VMHA_FILE_XML, path);
	r = vmha_file_write(path, text, strlen(text), 0600, err);
	if (r < 0) {
		return r;
	}
	r = vmha_role_store(&p->role, VMHA_RECORD_ROLE, &p->rec, err);
	if (r == 0) {
		vmha_output_step("definition stored as %s", path);
	}
	return r;
}

static int autostart_off(const struct plan *p, struct vmha_err **err)
{
	vmha_autofree char *self = NULL;
	size_t i;
	int r = vmha_pcmk_self(&self, err);

	for (i = 0; r == 0 && i < p->state->nodes_count; i++) {
		const struct vmha_pcmk_node *n = &p->state->nodes[i];
		vmha_autofree char *address = NULL;

		if (!n->online || n->remote ||
		    vmha_cluster_address(n->name, self, &address, NULL) < 0 ||
		    vmha_virsh_has(address, VMHA_VIRSH_DEFINED_NAMES, p->role.name, NULL) != 1) {
			continue;
		}
		if (vmha_virsh_has(address, VMHA_VIRSH_AUTOSTART_NAMES, p->role.name, NULL) == 1) {
			r = vmha_virsh_autostart_off(address, p->role.name, err);
			if (r == 0) {
				vmha_output_step(
					"libvirt's autostart of %s on node %s switched off",
					p->role.name, n->name);
			}
		}
		vmha_output_warn(
			"node %s still has its own definition of %s, which is not used any "
			"more: on that node run: virsh undefine --keep-nvram %s",
			n->name, p->role.name, p->role.name);
	}
	return r;
}

static void op_add(struct vmha_str *s, const char *role, const char *name, unsigned int interval_s,
		   unsigned int timeout_s, const char *more)
{
	(void)vmha_str_add(s, "<op id='%s-%s-%us' name='%s' interval='%us' timeout='%us'%s/>", role,
			   name, interval_s, name, interval_s, timeout_s, more);
}

/* All names in it passed vmha_str_is_name(): nothing to escape. */
static char *configuration_text(const struct plan *p)
{
	unsigned int start_s =
		vmha_sanlock_host_dead_s((unsigned int)p->volume.io_timeout_s) + START_MARGIN_S;
	const char *n = p->role.name;
	vmha_autostr struct vmha_str s = { 0 };

	(void)vmha_str_add(
		&s,
		"<configuration><resources><primitive id='%s' class='ocf' "
		"provider='vmha' type='vm'><instance_attributes id='%s-instance_attributes'>"
		"<nvpair id='%s-instance_attributes-volume' name='volume' value='%s'/>",
		n, n, n, p->role.volume);
	if (p->mode) {
		(void)vmha_str_add(
			&s,
			"<nvpair id='%s-instance_attributes-migration_mode' name='migration_mode' "
			"value='%s'/>",
			n, p->mode);
	}
	if (p->on_guest_shutdown) {
		(void)vmha_str_add(&s,
				   "<nvpair id='%s-instance_attributes-on_guest_shutdown' "
				   "name='on_guest_shutdown' value='%s'/>",
				   n, p->on_guest_shutdown);
	}
	(void)vmha_str_add(
		&s,
		"</instance_attributes><meta_attributes id='%s-meta_attributes'>"
		"<nvpair id='%s-meta_attributes-allow-migrate' name='allow-migrate' value='true'/>"
		"<nvpair id='%s-meta_attributes-resource-stickiness' name='resource-stickiness' "
		"value='100'/>"
		"<nvpair id='%s-meta_attributes-migration-threshold' name='migration-threshold' "
		"value='" FAILURES_MAX "'/>"
		"<nvpair id='%s-meta_attributes-failure-timeout' name='failure-timeout' "
		"value='" FAILURE_TIMEOUT "'/>",
		n, n, n, n, n);
	if (p->disabled) {
		(void)vmha_str_add(&s,
				   "<nvpair id='%s-meta_attributes-target-role' name='target-role' "
				   "value='Stopped'/>",
				   n);
	}
	(void)vmha_str_add(&s, "</meta_attributes><operations>");
	op_add(&s, n, "start", 0, start_s, "");
	op_add(&s, n, "stop", 0, STOP_TIMEOUT_S, "");
	op_add(&s, n, "monitor", 10, 30, "");
	op_add(&s, n, "migrate_to", 0, MIGRATE_TO_TIMEOUT_S, " on-fail='block'");
	op_add(&s, n, "migrate_from", 0, MIGRATE_FROM_TIMEOUT_S, "");
	op_add(&s, n, "reload-agent", 0, 20, "");
	(void)vmha_str_add(
		&s,
		"</operations></primitive></resources><constraints>"
		"<rsc_order id='%s-after-%s' kind='Mandatory' first='%s' then='%s'/>"
		"<rsc_colocation id='%s-with-%s' score='INFINITY' rsc='%s' with-rsc='%s'/>"
		"</constraints></configuration>",
		n, p->role.volume, p->clone, n, n, p->role.volume, n, p->clone);
	return vmha_str_steal(&s);
}

static int resource_make(struct plan *p, struct vmha_err **err)
{
	vmha_autofree char *xml = configuration_text(p);
	int r = xml ? 0 : vmha_err_set(err, -ENOMEM, "out of memory");

	if (r == 0) {
		p->asked = true;
		r = vmha_pcmk_configure(xml, err);
	}
	/* no answer is not "refused": it may have gone in */
	if (r < 0 && vmha_pcmk_id_used(p->role.name, NULL) == 1) {
		vmha_output_warn("the cluster took the resource without confirming it: %s",
				 err ? vmha_err_text(*err) : "");
		r = 0;
	}
	if (r == 0) {
		vmha_output_step("resource %s created, tied to %s", p->role.name, p->clone);
	}
	return r;
}

/* Whatever cannot be undone now stays with its intent, and is undone by whoever comes next. */
static void plan_undo(const struct plan *p)
{
	vmha_autoerr struct vmha_err *err = NULL;
	int r;

	if (!p->begun) {
		return;
	}
	if (p->asked) { /* by what the cluster says it has */
		r = vmha_remnants_settle(&p->role, &teller, &err);
	} else {
		r = vmha_role_drop(&p->role, false, NULL, &err);
		r = r < 0 ? r : vmha_intent_end(&p->role, &err);
	}
	if (r < 0) {
		vmha_output_warn(
			"not all of it could be undone (%s): the next 'vmha vm add' or 'vmha vm "
			"remove' of %s removes the rest",
			vmha_err_text(err), p->role.name);
	} else if (p->lease_made) {
		vmha_output_step("undone: lease and definition of %s removed", p->role.name);
	}
}

/* The last step but one is the commit: before it nothing is a role, behind it all of it
 * (lib/core/volume_index.h). */
static int role_make(struct plan *p, struct vmha_err **err)
{
	vmha_autoerr struct vmha_err *why = NULL;
	char dir[VMHA_PATH_SIZE];
	sigset_t old;
	int r;

	vmha_interrupt_hold(&old); /* either all of it or nothing */
	vmha_role_path(&p->role, VMHA_FILE_DIR, dir);
	p->begun = true;
	r = vmha_intent_begin(&p->role, "add", false, err);
	r = r < 0 ? r : vmha_file_mkdirs(dir, 0755, err);
	r = r < 0 ? r : lease_make(p, err);
	r = r < 0 ? r : files_write(p, err);
	r = r < 0 ? r : autostart_off(p, err);
	r = r < 0 ? r : resource_make(p, err);
	if (r < 0) {
		plan_undo(p);
	} else if (vmha_intent_end(&p->role, &why) < 0) {
		vmha_output_warn("%s", vmha_err_text(why)); /* it is settled with the next change */
	}
	vmha_interrupt_release(&old);
	return r;
}

static int start_await(const struct plan *p, struct vmha_err **err)
{
	vmha_autopcmk struct vmha_pcmk_state *s = NULL;
	vmha_autostr struct vmha_str why = { 0 };
	struct vmha_cluster_wait w = {
		.role = p->role.name,
		.goal = VMHA_GOAL_STARTED,
		.timeout_s = vmha_sanlock_host_dead_s((unsigned int)p->volume.io_timeout_s) +
			     START_MARGIN_S,
	};
	int r = vmha_cluster_wait(&w, &s, err);

	if (r == 0) {
		const struct vmha_pcmk_resource *x = vmha_pcmk_resource_find(s, p->role.name);

		vmha_output_step("%s runs on %s", p->role.name, x ? x->nodes[0] : "?");
		return 0;
	}
	if (!s) {
		return r;
	}
	vmha_cluster_why(s, p->role.name, &why);
	return vmha_err_set(
		err, r,
		"role %s was created, but does not run: %s. 'vmha status' shows it; after "
		"a repair run: vmha heal %s",
		p->role.name, why.text ? why.text : "", p->role.name);
}

static int add_parse(int argc, char **argv, struct plan *p, const char **ret_xml, bool *ret_rename,
		     struct vmha_err **err)
{
	const char *volume = NULL;
	const struct vmha_option opts[] = {
		{ .name = "xml", .value = ret_xml },
		{ .name = "volume", .value = &volume },
		{ .name = "mode", .value = &p->mode },
		{ .name = "cpu", .value = &p->cpu },
		{ .name = "on-guest-shutdown", .value = &p->on_guest_shutdown },
		{ .name = "rename", .flag = ret_rename },
		{ .name = "disabled", .flag = &p->disabled },
		{ .name = "unsafe", .flag = &p->unsafe },
		{ 0 },
	};
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r != 0) {
		return r;
	}
	if (argc != 2 || !*ret_xml || !volume) {
		return vmha_usage(err, "a NAME, --xml FILE and --volume VOLUME are needed");
	}
	if (!vmha_str_is_name(argv[1]) || vmha_index_reserved(argv[1])) {
		return vmha_usage(err,
				  "'%s' cannot be a role's name: 1 to 47 letters, digits, '.', "
				  "'_' or '-' are",
				  argv[1]);
	}
	if (!vmha_str_is_name(volume)) {
		return vmha_usage(err, "'%s' cannot be a volume's name", volume);
	}
	if (p->mode && strcmp(p->mode, "live") != 0 && strcmp(p->mode, "quick") != 0 &&
	    strcmp(p->mode, "auto") != 0) {
		return vmha_usage(err, "--mode is live, quick or auto, not '%s'", p->mode);
	}
	if (p->cpu && strcmp(p->cpu, "baseline") != 0) {
		return vmha_usage(err, "--cpu is baseline, not '%s'", p->cpu);
	}
	if (p->on_guest_shutdown && strcmp(p->on_guest_shutdown, "restart") != 0 &&
	    strcmp(p->on_guest_shutdown, "stop") != 0) {
		return vmha_usage(err, "--on-guest-shutdown is restart or stop, not '%s'",
				  p->on_guest_shutdown);
	}
	(void)snprintf(p->role.name, sizeof(p->role.name), "%s", argv[1]);
	(void)snprintf(p->role.volume, sizeof(p->role.volume), "%s", volume);
	return 0;
}

int vmha_vm_add(int argc, char **argv, struct vmha_err **err)
{
	autoplan struct plan p = { 0 };
	const char *xml = NULL;
	bool rename = false;
	vmha_autolock struct vmha_volume_guard lock = { 0 };
	int r = add_parse(argc, argv, &p, &xml, &rename, err);

	if (r != 0) {
		return r;
	}
	r = vmha_need_root(err);
	r = r < 0 ? r : volume_need(&p, &p.volume, err);
	r = r < 0 ? r : vmha_volume_command_lock(p.role.volume, &lock, err);
	if (r < 0) {
		return r;
	}
	r = plan_make(&p, xml, rename, err);
	r = r < 0 ? r : role_make(&p, err);
	vmha_volume_unlock(&lock); /* not held while the VM starts */
	if (r == 0 && !p.disabled) {
		r = start_await(&p, err);
	}
	if (r < 0) {
		return r;
	}
	return vmha_output_json(json_pack("{s:s, s:s, s:s, s:b}", "name", p.role.name, "volume",
					  p.role.volume, "uuid", p.rec.uuid, "disabled",
					  p.disabled));
}
