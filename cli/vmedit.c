/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/output.h"
#include "cli/vm.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/role/remnants.h"
#include "lib/role/volume.h"

/* Let the administrator's editor change @path. */
static int editor_run(const char *path, struct vmha_err **err)
{
	const char *editor = getenv("VISUAL");
	int st = 0;
	pid_t pid;

	editor = editor && *editor ? editor : getenv("EDITOR");
	editor = editor && *editor ? editor : "vi";
	pid = fork();
	if (pid == 0) {
		/* an editor may be "emacs -nw": the shell splits it */
		(void)execl("/bin/sh", "sh", "-c", "exec $0 \"$1\"", editor, path, (char *)NULL);
		_exit(127);
	}
	if (pid < 0) {
		return vmha_err_errno(err, -errno, "cannot start %s", editor);
	}
	while (waitpid(pid, &st, 0) < 0) {
		if (errno != EINTR) {
			return vmha_err_errno(err, -errno, "cannot wait for %s", editor);
		}
	}
	if (!WIFEXITED(st) || WEXITSTATUS(st) != 0) {
		return vmha_err_set(
			err, -ECANCELED,
			"%s ended with an error: nothing was changed (set EDITOR, or use "
			"--xml FILE)",
			editor);
	}
	return 0;
}

/* @param[out] ret_path temporary file with the edited text; caller removes and frees it */
static int edit_copy(const char *stored, char **ret_path, struct vmha_err **err)
{
	vmha_autofree char *text = NULL;
	vmha_autofree char *path = strdup("/tmp/vmha-edit-XXXXXX.xml");
	vmha_autoclose int fd = path ? mkostemps(path, 4, O_CLOEXEC) : -1;
	int r;

	if (fd < 0) {
		return vmha_err_errno(err, path ? -errno : -ENOMEM, "cannot make a temporary file");
	}
	r = vmha_file_read(stored, VMHA_DOMXML_MAX_BYTES, &text, NULL, err);
	if (r == 0 && write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		r = vmha_err_errno(err, -EIO, "cannot write %s", path);
	}
	r = r < 0 ? r : editor_run(path, err);
	if (r < 0) {
		(void)unlink(path);
		return r;
	}
	*ret_path = vmha_steal_ptr(path);
	return 0;
}

/* What an edit must leave alone. */
static void identity_check(const struct vmha_domxml *dom, const struct vmha_role_record *rec,
			   const struct vmha_lease *lease, struct vmha_findings *f)
{
	vmha_autofree char *uuid = vmha_domxml_get(dom, "/domain/uuid");
	vmha_autoerr struct vmha_err *err = NULL;

	if (!uuid || strcasecmp(uuid, rec->uuid) != 0) {
		vmha_findings_refuse(f, "the XML's <uuid> is not the role's, %s: leave it",
				     rec->uuid);
	}
	if (vmha_domxml_has_lease(dom, lease, &err) < 0) {
		vmha_findings_refuse(f, "%s: leave or remove it", vmha_err_text(err));
	}
}

static int xml_store(struct vmha_domxml *dom, const char *path, bool *ret_changed,
		     struct vmha_err **err)
{
	vmha_autofree char *text = vmha_domxml_print(dom);
	vmha_autofree char *old = NULL;

	if (!text) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	*ret_changed = vmha_file_read(path, VMHA_DOMXML_MAX_BYTES, &old, NULL, NULL) < 0 ||
		       strcmp(old, text) != 0;
	return *ret_changed ? vmha_file_write(path, text, strlen(text), 0600, err) : 0;
}

static int edit_apply(const struct vmha_role *role, const char *file,
		      const struct vmha_pcmk_state *state, bool unsafe, bool *ret_changed,
		      struct vmha_err **err)
{
	vmha_autofindings struct vmha_findings f = { 0 };
	vmha_autodomxml struct vmha_domxml *dom = NULL;
	struct vmha_role_record rec;
	struct vmha_volume_record volume;
	struct vmha_disk_policy policy;
	struct vmha_state_record saved;
	struct vmha_lease lease;
	char path[VMHA_PATH_SIZE];
	int r = vmha_role_load(role, VMHA_RECORD_ROLE, &rec, err);

	r = r < 0 ? r : vmha_volume_load(role->volume, VMHA_VOLUME_RECORD, &volume, err);
	if (r < 0) {
		return r;
	}
	policy = vmha_disk_policy_of(&volume, unsafe || rec.unsafe);
	if (vmha_role_load(role, VMHA_RECORD_STATE, &saved, NULL) != -ENOENT) {
		return vmha_err_set(
			err, -EBUSY,
			"the memory of %s is saved on the volume and belongs to the present "
			"definition: start it first, then edit",
			role->name);
	}
	vmha_role_lease(&rec, &lease);
	r = vmha_domxml_load(file, &dom, err);
	if (r < 0) {
		return r;
	}
	identity_check(dom, &rec, &lease, &f);
	vmha_vm_check(dom, role, state, false, &policy, &f);
	r = vmha_vm_findings(&f, file, err);
	if (r < 0) {
		return r;
	}
	vmha_domxml_forget_run(dom);
	if (vmha_domxml_set_lease(dom, &lease) < 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	vmha_role_path(role, VMHA_FILE_XML, path);
	vmha_role_tidy(role);
	if (unsafe && !rec.unsafe) { /* first: it only allows, and stays, for the VM may run so */
		rec.unsafe = true;
		r = vmha_role_store(role, VMHA_RECORD_ROLE, &rec, err);
	}
	return r < 0 ? r : xml_store(dom, path, ret_changed, err);
}

static void effect_say(const char *name, const struct vmha_pcmk_state *state, bool changed)
{
	const struct vmha_pcmk_resource *r = vmha_pcmk_resource_find(state, name);

	if (!changed) {
		vmha_output_step("%s: nothing has changed", name);
	} else if (r && r->nodes_count) {
		vmha_output_step(
			"definition of %s stored. The running VM on %s keeps the old one, also "
			"when it moves live or quick; the new one takes effect when the VM is "
			"started next (e.g. crm_resource --restart --resource %s). A reboot "
			"inside the guest is no start",
			name, r->nodes[0], name);
	} else {
		vmha_output_step("definition of %s stored; it takes effect when the VM is started",
				 name);
	}
}

int vmha_vm_edit(int argc, char **argv, struct vmha_err **err)
{
	const char *xml = NULL;
	bool unsafe = false;
	const struct vmha_option opts[] = { { .name = "xml", .value = &xml },
					    { .name = "unsafe", .flag = &unsafe },
					    { 0 } };
	vmha_autopcmk struct vmha_pcmk_state *state = NULL;
	vmha_autofree char *copy = NULL;
	struct vmha_role role;
	char path[VMHA_PATH_SIZE];
	bool changed = false;
	vmha_autolock struct vmha_volume_guard lock = { 0 };
	int r = vmha_options_take(&argc, argv, opts, err);

	if (r != 0) {
		return r;
	}
	if (argc != 2) {
		return vmha_usage(err, "one NAME is needed");
	}
	r = vmha_need_root(err);
	r = r < 0 ? r : vmha_cluster_need(&state, err);
	r = r < 0 ? r : vmha_cluster_role(argv[1], &role, NULL, err);
	r = r < 0 ? r : vmha_volume_answers(role.volume, VMHA_ANSWER_S, err);
	if (r == 0 && !xml) {
		vmha_role_path(&role, VMHA_FILE_XML, path);
		r = edit_copy(path, &copy, err);
		xml = copy;
	}
	r = r < 0 ? r : vmha_volume_command_lock(role.volume, &lock, err);
	if (r == 0) {
		r = edit_apply(&role, xml, state, unsafe, &changed, err);
		vmha_volume_unlock(&lock);
	}
	if (r < 0) {
		if (copy) {
			vmha_output_warn("your text is kept as %s", copy);
		}
		return r;
	}
	if (copy) {
		(void)unlink(copy);
	}
	effect_say(role.name, state, changed);
	return vmha_output_json(json_pack("{s:s, s:b, s:s}", "name", role.name, "changed", changed,
					  "effective", "next start"));
}
