/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vm.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/output.h"
#include "cli/roles.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/port/nodes.h"

static int vm_list(int argc, char **argv, struct vmha_err **err)
{
	static const struct vmha_option opts[] = { { 0 } };
	static const struct vmha_column columns[] = {
		{ "NAME", "name" },
		{ "VOLUME", "volume" },
		{ "STATE", "state" },
		{ "NODE", "node" },
		{ "MODE", "mode" },
		{ "PROBLEM", "problem" },
		{ 0 },
	};
	vmha_autoprimitives struct vmha_pcmk_primitives *list = NULL;
	vmha_autopcmk struct vmha_pcmk_state *state = NULL;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r != 0) {
		return r;
	}
	if (argc != 1) {
		return vmha_usage(err, "no NAME is taken: 'vmha vm show NAME' shows one");
	}
	r = vmha_pcmk_state_read(&state, err);
	r = r < 0 ? r : vmha_pcmk_primitives_read("vm", &list, err);
	if (r < 0) {
		return r;
	}
	return vmha_output_list(vmha_roles_all(state, list), columns,
				"no roles yet: 'vmha vm add' makes one");
}

static json_t *disks_json(const struct vmha_domxml *dom)
{
	const struct vmha_domxml_disk *d;
	json_t *all = json_array();
	size_t count;
	size_t i;

	d = vmha_domxml_disks(dom, &count);
	for (i = 0; i < count; i++) {
		(void)json_array_append_new(all, json_pack("{s:s?, s:s?, s:s?, s:s?, s:s?, s:b}",
							   "target", d[i].target, "device",
							   d[i].device, "type", d[i].type, "source",
							   d[i].source, "cache", d[i].cache,
							   "readonly", d[i].readonly));
	}
	return all;
}

static json_t *nics_json(const struct vmha_domxml *dom)
{
	const struct vmha_domxml_nic *n;
	json_t *all = json_array();
	size_t count;
	size_t i;

	n = vmha_domxml_nics(dom, &count);
	for (i = 0; i < count; i++) {
		(void)json_array_append_new(all,
					    json_pack("{s:s?, s:s?, s:s?}", "mac", n[i].mac, "type",
						      n[i].type, "source", n[i].source));
	}
	return all;
}

static void lease_describe(json_t *o, const struct vmha_role_record *rec)
{
	vmha_autonodes struct vmha_nodes nodes = { 0 };
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_lease_owner owner = { 0 };
	struct vmha_lease lease;
	char name[VMHA_NODE_SIZE];
	json_t *j = json_pack("{s:s, s:I, s:s}", "path", rec->lease_path, "offset",
			      (json_int_t)rec->lease_offset, "id", rec->lease_id);

	vmha_role_lease(rec, &lease);
	(void)vmha_nodes_read(&nodes, NULL);
	if (vmha_lease_owner(&lease, &owner, &err) < 0) {
		(void)json_object_set_new(j, "holder", json_string("unknown"));
		(void)json_object_set_new(j, "error", json_string(vmha_err_text(err)));
	} else {
		(void)json_object_set_new(
			j, "holder",
			owner.held ? json_string(vmha_nodes_name(&nodes, owner.host.host_id, name))
				   : json_null());
		(void)json_object_set_new(j, "generation", json_integer((json_int_t)owner.lver));
	}
	(void)json_object_set_new(o, "lease", j);
}

/* What the volume says of the role; only what can be read. */
static void volume_describe(json_t *o, const struct vmha_role *role)
{
	vmha_autodomxml struct vmha_domxml *dom = NULL;
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_owner_record owner;
	struct vmha_role_record rec;
	char path[VMHA_PATH_SIZE];
	int r = vmha_volume_answers(role->volume, VMHA_ANSWER_LOOK_S, &err);

	r = r < 0 ? r : vmha_role_load(role, VMHA_RECORD_ROLE, &rec, &err);
	vmha_role_path(role, VMHA_FILE_XML, path);
	(void)json_object_set_new(o, "definition", json_string(path));
	if (r < 0) {
		(void)json_object_set_new(o, "error", json_string(vmha_err_text(err)));
		return;
	}
	(void)json_object_set_new(o, "uuid", json_string(rec.uuid));
	(void)json_object_set_new(o, "unsafe", json_boolean(rec.unsafe));
	if (rec.unsafe) {
		(void)json_object_set_new(o, "disks_note",
					  json_string("made with --unsafe: moved whatever "
						      "their cache mode"));
	}
	lease_describe(o, &rec);
	r = vmha_role_load(role, VMHA_RECORD_OWNER, &owner, NULL);
	(void)json_object_set_new(o, "owner",
				  r == 0	 ? json_string(owner.node)
				  : r == -ENOENT ? json_null()
						 : json_string("unreadable"));
	if (vmha_domxml_load(path, &dom, &err) < 0) {
		(void)json_object_set_new(o, "error", json_string(vmha_err_text(err)));
		return;
	}
	(void)json_object_set_new(o, "disks", disks_json(dom));
	(void)json_object_set_new(o, "interfaces", nics_json(dom));
}

static int show_text(json_t *o)
{
	static const struct vmha_column lines[] = {
		{ "Name", "name" },
		{ "State", "state" },
		{ "Node", "node" },
		{ "Problem", "problem" },
		{ "Volume", "volume" },
		{ "UUID", "uuid" },
		{ "Definition", "definition" },
		{ "Mode of moves", "mode" },
		{ "Last move", "last_move.text" },
		{ "Lease held on", "lease.holder" },
		{ "Lease generation", "lease.generation" },
		{ "Process owner", "owner" },
		{ "Disks", "disks_note" },
		{ "Error", "error" },
		{ 0 },
	};
	static const struct vmha_column disks[] = { { "DISK", "target" }, { "DEVICE", "device" },
						    { "TYPE", "type" },	  { "CACHE", "cache" },
						    { "PATH", "source" }, { 0 } };
	static const struct vmha_column nics[] = {
		{ "MAC", "mac" }, { "TYPE", "type" }, { "SOURCE", "source" }, { 0 }
	};
	int r = 0;

	if (vmha_output_is_json()) {
		return vmha_output_json(o);
	}
	json_incref(o);
	r = vmha_output_object(o, lines);
	if (r == 0 && json_array_size(json_object_get(o, "disks"))) {
		(void)printf("Disks:\n");
		r = vmha_output_table(stdout, json_object_get(o, "disks"), disks, "  ");
	}
	if (r == 0 && json_array_size(json_object_get(o, "interfaces"))) {
		(void)printf("Interfaces:\n");
		r = vmha_output_table(stdout, json_object_get(o, "interfaces"), nics, "  ");
	}
	json_decref(o);
	return r;
}

static int vm_show(int argc, char **argv, struct vmha_err **err)
{
	static const struct vmha_option opts[] = { { 0 } };
	vmha_autoprimitives struct vmha_pcmk_primitives *list = NULL;
	vmha_autopcmk struct vmha_pcmk_state *state = NULL;
	struct vmha_role role;
	json_t *o = NULL;
	size_t i;
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r != 0) {
		return r;
	}
	if (argc != 2) {
		return vmha_usage(err, "one NAME is needed");
	}
	r = vmha_pcmk_state_read(&state, err);
	r = r < 0 ? r : vmha_cluster_role(argv[1], &role, NULL, err);
	r = r < 0 ? r : vmha_pcmk_primitives_read("vm", &list, err);
	if (r < 0) {
		return r;
	}
	for (i = 0; i < list->count && !o; i++) {
		if (strcmp(list->items[i].id, argv[1]) == 0) {
			o = vmha_roles_one(state, &list->items[i]);
		}
	}
	if (!o) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	volume_describe(o, &role);
	return show_text(o);
}

const struct vmha_command vmha_commands_vm[] = {
	{
		.name = "vm add",
		.args = "NAME --xml FILE --volume VOLUME [--mode live|quick|auto] "
			"[--cpu baseline] [--on-guest-shutdown restart|stop] [--rename] "
			"[--disabled] [--unsafe]",
		.summary = "Make a virtual machine a highly available role",
		.help = "Checks the definition, stores it with a lease on the volume, creates the "
			"cluster's resource and\n"
			"waits until the VM runs. Either all of it is done or nothing; every "
			"reason "
			"against it is named.\n\n"
			"  --xml FILE       libvirt domain XML (virsh dumpxml --inactive NAME). "
			"All its "
			"disks must lie\n"
			"                   below /clusterstorage/VOLUME, with cache='none' or "
			"'directsync'\n"
			"                   (on GFS2 any mode but 'unsafe'), raw or qcow2\n"
			"  --volume VOLUME  the volume, see 'vmha volume list'\n"
			"  --mode MODE      how moves are done: live (default), quick (save and "
			"restore), auto (live, and\n"
			"                   quick where live does not converge)\n"
			"  --cpu baseline   give it the CPU that all nodes can give, instead of "
			"the XML's\n"
			"  --on-guest-shutdown restart|stop\n"
			"                   what becomes of it when its own operating system shuts "
			"down (default: restart)\n"
			"  --rename         set the XML's <name> to NAME\n"
			"  --unsafe         take disks that are refused because moving them is not "
			"safe; moves say so\n"
			"  --disabled       do not start it: later crm_resource --resource NAME "
			"--meta "
			"\\\n"
			"                   --set-parameter target-role --parameter-value "
			"Started\n",
		.run = vmha_vm_add,
	},
	{
		.name = "vm remove",
		.args = "NAME [--disks] [--volume VOLUME] [--force]",
		.summary = "Stop a role and remove it from the cluster",
		.help = "Stops the VM (as its stop action does: power button, then off), then "
			"removes "
			"resource,\nconstraints, lease and definition. Refused while it is not "
			"certain "
			"that the VM is stopped.\n\n"
			"  --disks          delete its disk files too (default: keep). Block "
			"devices and "
			"files that another\n"
			"                   role names are always kept\n"
			"  --volume VOLUME  where to look for what is left of a role that the "
			"cluster no "
			"longer has\n"
			"  --force          ignore an owner record that is left over; never a "
			"lease that "
			"is held\n",
		.run = vmha_vm_remove,
	},
	{
		.name = "vm edit",
		.args = "NAME [--xml FILE] [--unsafe]",
		.summary = "Change a role's definition without restarting the VM",
		.help = "Checks the new definition as 'vm add' does and stores it. It takes effect "
			"at "
			"the VM's next start;\nmoves keep the definition the VM runs with.\n\n"
			"  --xml FILE       the new domain XML (default: opens the present one in "
			"$VISUAL, $EDITOR or vi)\n"
			"  --unsafe         take disks that are refused because moving them is not "
			"safe; moves say so\n",
		.run = vmha_vm_edit,
	},
	{
		.name = "vm list",
		.args = "",
		.summary = "List the roles",
		.help = "STATE is running, stopped, disabled, starting, stopping, moving, blocked, "
			"failed or unknown.\n",
		.run = vm_list,
	},
	{
		.name = "vm show",
		.args = "NAME",
		.summary = "Show a role: state, lease, owner, disks, last move",
		.run = vm_show,
	},
	{ 0 },
};
