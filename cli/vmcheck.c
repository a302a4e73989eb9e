/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cluster.h"
#include "cli/output.h"
#include "cli/vm.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/port/virsh.h"
#include "lib/role/volume.h"

#define KERNEL "/domain/os/kernel"
#define INITRD "/domain/os/initrd"
#define LOADER "/domain/os/loader"

/* Where a path of the volume leads: links inside it are fine, links out of it are not. */
static bool resolves_on_volume(const char *path, const char *volume, char *ret_real)
{
	char dir[VMHA_PATH_SIZE];
	char real_dir[PATH_MAX];

	vmha_volume_path(volume, VMHA_VOLUME_DIR, dir);
	return realpath(path, ret_real) && realpath(dir, real_dir) &&
	       vmha_path_is_under(ret_real, real_dir);
}

static void image_open_check(const struct vmha_domxml_disk *d, const char *name,
			     const struct vmha_disk_policy *policy, struct vmha_findings *f)
{
	vmha_autoclose int fd =
		open(d->source, (d->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	vmha_autostr struct vmha_str why = { 0 };
	char head[VMHA_IMAGE_HEAD_BYTES];
	ssize_t len = fd < 0 ? -1 : pread(fd, head, sizeof(head), 0);
	enum vmha_disk_mode mode;

	if (len < 0) {
		vmha_findings_refuse(f, "disk %s: cannot %s %s: %s", name,
				     d->readonly ? "read" : "read and write", d->source,
				     strerror(errno));
		return;
	}
	mode = vmha_image_judge(d->driver, vmha_image_format(head, (size_t)len), &why);
	vmha_findings_disk(f, name, mode, policy, why.text);
}

static void image_check(const struct vmha_domxml_disk *d, const char *volume,
			const struct vmha_disk_policy *policy, struct vmha_findings *f)
{
	const char *name = d->target ? d->target : "?";
	char real[PATH_MAX];
	struct stat st;

	if (stat(d->source, &st) < 0) {
		if (errno == ENOENT) {
			vmha_findings_refuse(
				f,
				"disk %s: %s does not exist: create it, or correct the "
				"XML",
				name, d->source);
		} else {
			vmha_findings_refuse(f, "disk %s: %s: %s", name, d->source,
					     strerror(errno));
		}
		return;
	}
	if (vmha_str_eq(d->type, "block") && !S_ISBLK(st.st_mode)) {
		vmha_findings_refuse(f,
				     "disk %s: %s is not a block device, but its type is 'block'",
				     name, d->source);
		return;
	}
	if (vmha_str_eq(d->type, "file") && !S_ISREG(st.st_mode)) {
		vmha_findings_refuse(f, "disk %s: %s is not a regular file, but its type is 'file'",
				     name, d->source);
		return;
	}
	if (S_ISREG(st.st_mode) && !resolves_on_volume(d->source, volume, real)) {
		vmha_findings_refuse(f,
				     "disk %s: %s leads out of the volume: move the file itself "
				     "there",
				     name, d->source);
		return;
	}
	image_open_check(d, name, policy, f);
}

/*
 * Every image below a qcow2, the top one first.  Only of what is a container by the XML: nothing is
 * to follow what a guest wrote at the beginning of a raw disk.
 */
static json_t *chain_read(const struct vmha_domxml_disk *d, struct vmha_err **err)
{
	const char *const argv[] = { "qemu-img",      "info", "--force-share", "--backing-chain",
				     "--output=json", "-f",   d->driver,       "--",
				     d->source,	      NULL };
	vmha_autoresult struct vmha_proc_result res = { 0 };
	json_t *chain;

	if (vmha_proc_check(argv, NULL, VMHA_SPAN_S(20), &res, err) < 0) {
		return NULL;
	}
	chain = json_loads(res.output, 0, NULL);
	if (!chain) {
		(void)vmha_err_set(err, -EBADMSG, "what qemu-img says of %s is not understood",
				   d->source);
	}
	return chain;
}

static const char *chain_path(const json_t *image)
{
	const char *full = json_string_value(json_object_get(image, "full-backing-filename"));

	return full ? full : json_string_value(json_object_get(image, "backing-filename"));
}

static void backing_check(const struct vmha_domxml_disk *d, const char *volume,
			  struct vmha_findings *f)
{
	vmha_autoerr struct vmha_err *err = NULL;
	const char *name = d->target ? d->target : "?";
	json_t *chain = chain_read(d, &err);
	json_t *image;
	size_t i;

	if (!chain) {
		vmha_findings_refuse(f, "disk %s: %s", name, vmha_err_text(err));
	}
	json_array_foreach(chain, i, image)
	{
		const char *path = chain_path(image);
		const char *file = json_string_value(json_object_get(image, "filename"));
		char real[PATH_MAX];

		if (path && !resolves_on_volume(path, volume, real)) {
			vmha_findings_refuse(f, "disk %s: its backing file %s is not on the volume",
					     name, path);
		}
		if (path && !json_object_get(image, "backing-filename-format")) {
			vmha_findings_refuse(f,
					     "disk %s: %s does not say the format of its backing "
					     "file: qemu-img rebase -u -F FORMAT -b %s %s says it",
					     name, file ? file : "?", path, file ? file : "?");
		}
	}
	json_decref(chain);
}

/* Two drives of one image write over each other. */
static void twice_check(const struct vmha_domxml_disk *disks, size_t count, struct vmha_findings *f)
{
	size_t i;
	size_t j;

	for (i = 0; i < count; i++) {
		for (j = 0; j < i; j++) {
			if (disks[i].source && disks[j].source &&
			    (!disks[i].readonly || !disks[j].readonly) &&
			    vmha_image_is_same(disks[i].source, disks[j].source)) {
				vmha_findings_refuse(f, "disks %s and %s are one image, %s",
						     disks[j].target ? disks[j].target : "?",
						     disks[i].target ? disks[i].target : "?",
						     disks[i].source);
			}
		}
	}
}

static void images_check(const struct vmha_domxml *dom, const char *volume,
			 const struct vmha_disk_policy *policy, struct vmha_findings *f)
{
	const struct vmha_domxml_disk *disks;
	char dir[VMHA_PATH_SIZE];
	size_t count;
	size_t i;

	vmha_volume_path(volume, VMHA_VOLUME_DIR, dir);
	disks = vmha_domxml_disks(dom, &count);
	for (i = 0; i < count; i++) {
		size_t before = f->refusals_count;

		if (!disks[i].source || !vmha_path_is_under(disks[i].source, dir)) {
			continue; /* refused by its spelling already, or empty */
		}
		image_check(&disks[i], volume, policy, f);
		if (before == f->refusals_count && disks[i].driver &&
		    !vmha_str_eq(disks[i].driver, "raw")) {
			backing_check(&disks[i], volume, f);
		}
	}
	twice_check(disks, count, f);
}

static void file_check(const struct vmha_domxml *dom, const char *xpath, const char *what, int mode,
		       struct vmha_findings *f)
{
	vmha_autofree char *path = vmha_domxml_get(dom, xpath);

	if (path && *path && access(path, mode) < 0) {
		vmha_findings_refuse(f, "%s %s: %s", what, path, strerror(errno));
	}
}

static void network_here_check(const struct vmha_domxml_nic *n, struct vmha_findings *f)
{
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autofree char *path = NULL;
	int r;

	if (vmha_str_eq(n->type, "bridge")) {
		path = vmha_str_printf("/sys/class/net/%s", n->source);
		if (path && access(path, F_OK) < 0) {
			vmha_findings_refuse(f,
					     "there is no bridge '%s' on this node: create it on "
					     "every node, or name another",
					     n->source);
		}
		return;
	}
	if (!vmha_str_eq(n->type, "network")) {
		return;
	}
	r = vmha_virsh_has(NULL, VMHA_VIRSH_NETWORKS, n->source, &err);
	if (r < 0) {
		vmha_findings_refuse(f, "cannot tell whether network '%s' exists: %s", n->source,
				     vmha_err_text(err));
	} else if (r == 0) {
		vmha_findings_refuse(f,
				     "there is no active libvirt network '%s' on this node: start "
				     "it on every node (virsh net-start), or name another",
				     n->source);
	}
}

static void networks_check(const struct vmha_domxml *dom, struct vmha_findings *f)
{
	const struct vmha_domxml_nic *nics;
	size_t count;
	size_t i;

	nics = vmha_domxml_nics(dom, &count);
	for (i = 0; i < count; i++) {
		if (nics[i].source) {
			network_here_check(&nics[i], f);
		}
	}
}

/* @return true when one of @disks that is written is @path */
static bool is_written(const struct vmha_domxml_disk *disks, size_t count, const char *path)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (disks[i].source && !disks[i].readonly &&
		    vmha_image_is_same(disks[i].source, path)) {
			return true;
		}
	}
	return false;
}

/* No image that one writes may lie below one of another's: qcow2 shows what is below it. */
static void below_check(const struct vmha_domxml *upper, const struct vmha_domxml *writer,
			const char *role, bool upper_is_new, struct vmha_findings *f)
{
	const struct vmha_domxml_disk *disks;
	const struct vmha_domxml_disk *writes;
	size_t writes_count;
	size_t count;
	size_t i;

	disks = vmha_domxml_disks(upper, &count);
	writes = vmha_domxml_disks(writer, &writes_count);
	for (i = 0; i < count; i++) {
		json_t *chain =
			disks[i].source && disks[i].driver && !vmha_str_eq(disks[i].driver, "raw")
				? chain_read(&disks[i], NULL)
				: NULL;
		json_t *image;
		size_t n;

		json_array_foreach(chain, n, image)
		{
			const char *path = chain_path(image);

			if (!path || !is_written(writes, writes_count, path)) {
				continue;
			}
			vmha_findings_refuse(
				f,
				upper_is_new ? "disk %s: its backing file %s is written by role %s"
					     : "disk of %s has %s below it, which this VM writes "
					       "(role %s): make it a <readonly/> disk",
				upper_is_new ? (disks[i].target ? disks[i].target : "?")
					     : disks[i].source,
				path, role);
		}
		json_decref(chain);
	}
}

static void volume_roles_check(const struct vmha_domxml *dom, const struct vmha_role *role,
			       const char *volume, struct vmha_findings *f)
{
	vmha_autonames struct vmha_names roles = { 0 };
	size_t i;
	int r = vmha_volume_look(volume, NULL);

	if (r == 0) {
		return; /* a directory */
	}
	if (r < 0 || vmha_volume_roles(volume, &roles, NULL) < 0) {
		vmha_findings_warn(f, "volume %s cannot be read: its roles were not compared",
				   volume);
		return;
	}
	for (i = 0; i < roles.count; i++) {
		vmha_autodomxml struct vmha_domxml *other = NULL;
		struct vmha_role one = { 0 };
		char path[VMHA_PATH_SIZE];

		(void)snprintf(one.name, sizeof(one.name), "%s", roles.names[i]);
		(void)snprintf(one.volume, sizeof(one.volume), "%s", volume);
		if (strcmp(one.name, role->name) == 0) {
			if (strcmp(volume, role->volume) != 0) {
				vmha_findings_refuse(f, "volume %s has a role named %s already",
						     volume, one.name);
			}
			continue;
		}
		vmha_role_path(&one, VMHA_FILE_XML, path);
		if (vmha_domxml_load(path, &other, NULL) < 0) {
			vmha_findings_warn(f, "role %s was not compared: %s cannot be read",
					   one.name, path);
			continue;
		}
		vmha_domain_check_pair(dom, other, one.name, f);
		below_check(dom, other, one.name, true, f);
		below_check(other, dom, one.name, false, f);
	}
}

static void roles_check(const struct vmha_domxml *dom, const struct vmha_role *role,
			struct vmha_findings *f)
{
	vmha_autonames struct vmha_names volumes = { 0 };
	vmha_autoerr struct vmha_err *err = NULL;
	size_t i;

	if (vmha_volumes_list(&volumes, &err) < 0) {
		vmha_findings_refuse(f, "cannot compare with other roles: %s", vmha_err_text(err));
		return;
	}
	for (i = 0; i < volumes.count; i++) {
		volume_roles_check(dom, role, volumes.names[i], f);
	}
}

/* A domain that is not yet a role has no lease: nothing else would stop a second start of it. */
static void domain_on_node_check(const char *node, const char *address, const char *name,
				 const char *uuid, struct vmha_findings *f)
{
	vmha_autoerr struct vmha_err *err = NULL;
	int by_name = vmha_virsh_has(address, VMHA_VIRSH_RUNNING_NAMES, name, &err);
	int by_uuid = by_name < 0 ? by_name
				  : vmha_virsh_has(address, VMHA_VIRSH_RUNNING_UUIDS, uuid, &err);

	if (by_uuid < 0) {
		vmha_findings_refuse(f, "node %s: cannot tell whether %s runs there: %s", node,
				     name, vmha_err_text(err));
	} else if (by_name || by_uuid) {
		vmha_findings_refuse(f,
				     "a domain with this %s runs on node %s: shut it down first "
				     "(virsh shutdown %s)",
				     by_name ? "name" : "UUID", node, name);
	}
}

static void network_on_node_check(const char *node, const char *address,
				  const struct vmha_domxml *dom, struct vmha_findings *f)
{
	const struct vmha_domxml_nic *nics;
	size_t count;
	size_t i;

	nics = vmha_domxml_nics(dom, &count);
	for (i = 0; i < count; i++) {
		if (vmha_str_eq(nics[i].type, "network") && nics[i].source &&
		    vmha_virsh_has(address, VMHA_VIRSH_NETWORKS, nics[i].source, NULL) == 0) {
			vmha_findings_refuse(f, "node %s has no active libvirt network '%s'", node,
					     nics[i].source);
		}
	}
}

static void nodes_check(const struct vmha_domxml *dom, const struct vmha_role *role,
			const struct vmha_pcmk_state *state, bool fresh, struct vmha_findings *f)
{
	vmha_autofree char *uuid = vmha_domxml_get(dom, "/domain/uuid");
	vmha_autofree char *self = NULL;
	vmha_autoerr struct vmha_err *err = NULL;
	size_t i;

	if (vmha_pcmk_self(&self, &err) < 0) {
		vmha_findings_refuse(f, "%s", vmha_err_text(err));
		return;
	}
	for (i = 0; i < state->nodes_count; i++) {
		const struct vmha_pcmk_node *n = &state->nodes[i];
		vmha_autofree char *address = NULL;
		vmha_autoerr struct vmha_err *why = NULL;

		if (n->remote || (!n->online && !n->unclean)) {
			continue;
		}
		if (n->unclean || vmha_cluster_address(n->name, self, &address, &why) < 0) {
			if (fresh) {
				vmha_findings_refuse(
					f, "node %s: cannot tell whether %s runs there: %s",
					n->name, role->name,
					n->unclean ? "its state is unknown until it is "
						     "fenced"
						   : vmha_err_text(why));
			}
			continue;
		}
		if (fresh) {
			domain_on_node_check(n->name, address, role->name, uuid ? uuid : "", f);
		}
		if (address) {
			network_on_node_check(n->name, address, dom, f);
		}
	}
}

/* @return false: it lies on a volume that does not answer, and that is refused */
static bool place_answers(const char *path, struct vmha_findings *f)
{
	vmha_autoerr struct vmha_err *err = NULL;
	char volume[VMHA_NAME_SIZE];
	const char *rest;

	if (!path || !vmha_str_starts(path, VMHA_STORAGE_ROOT "/")) {
		return true;
	}
	rest = path + strlen(VMHA_STORAGE_ROOT "/");
	(void)snprintf(volume, sizeof(volume), "%.*s", (int)strcspn(rest, "/"), rest);
	if (!vmha_str_is_name(volume) || vmha_volume_look(volume, &err) >= 0) {
		return true;
	}
	vmha_findings_refuse(f, "%s cannot be looked at: %s", path, vmha_err_text(err));
	return false;
}

/* What lies on another volume is refused for that, or only warned of: but looked at, all the same.
 */
static bool places_answer(const struct vmha_domxml *dom, struct vmha_findings *f)
{
	vmha_autofree char *kernel = vmha_domxml_get(dom, KERNEL);
	vmha_autofree char *initrd = vmha_domxml_get(dom, INITRD);
	vmha_autofree char *loader = vmha_domxml_get(dom, LOADER);
	const struct vmha_domxml_disk *disks;
	size_t count;
	size_t i;

	disks = vmha_domxml_disks(dom, &count);
	for (i = 0; i < count; i++) {
		if (!place_answers(disks[i].source, f)) {
			return false;
		}
	}
	return place_answers(kernel, f) && place_answers(initrd, f) && place_answers(loader, f);
}

void vmha_vm_check(const struct vmha_domxml *dom, const struct vmha_role *role,
		   const struct vmha_pcmk_state *state, bool fresh,
		   const struct vmha_disk_policy *policy, struct vmha_findings *f)
{
	char dir[VMHA_PATH_SIZE];

	vmha_volume_path(role->volume, VMHA_VOLUME_DIR, dir);
	vmha_domain_check(dom, role->name, dir, policy, f);
	if (!places_answer(dom, f)) {
		return;
	}
	images_check(dom, role->volume, policy, f);
	file_check(dom, KERNEL, "kernel", R_OK, f);
	file_check(dom, INITRD, "initrd", R_OK, f);
	file_check(dom, LOADER, "firmware", R_OK, f);
	file_check(dom, "/domain/devices/emulator", "emulator", X_OK, f);
	networks_check(dom, f);
	roles_check(dom, role, f);
	if (f->refusals_count == 0) { /* asks all nodes: only when the rest is right */
		nodes_check(dom, role, state, fresh, f);
	}
}

/* Print each line of @text behind @before. */
static void lines_print(const char *before, const char *what, const char *text)
{
	while (text && *text) {
		size_t len = strcspn(text, "\n");

		(void)fprintf(stderr, "%s%s: %.*s\n", before, what, (int)len, text);
		text += len + (text[len] == '\n');
	}
}

int vmha_vm_findings(const struct vmha_findings *f, const char *what, struct vmha_err **err)
{
	(void)fflush(stdout);
	lines_print("vmha: warning: ", what, f->warnings.text);
	if (f->refusals_count == 1) {
		return vmha_err_set(err, -EINVAL, "%s: %s", what, f->refusals.text);
	}
	if (f->refusals_count > 1) {
		lines_print("vmha: ", what, f->refusals.text);
		return vmha_err_set(err, -EINVAL, "%s cannot be a role for these %zu reasons", what,
				    f->refusals_count);
	}
	return f->refusals.failed ? vmha_err_set(err, -ENOMEM, "out of memory") : 0;
}
