/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/node_plan.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"

#define CONFIG_MAX_BYTES ((size_t)1024 * 1024)
#define DIFF_SPAN	 VMHA_SPAN_S(10)

int vmha_node_file_text(const char *path, char **ret_text, struct vmha_err **err)
{
	vmha_autofree char *text = NULL;
	size_t len = 0;
	int r = vmha_file_read(path, CONFIG_MAX_BYTES, &text, &len, NULL);

	if (r == -ENOENT) {
		*ret_text = NULL;
		return 0;
	}
	if (r < 0) {
		return vmha_err_errno(err, r, "cannot read %s", path);
	}
	if (strlen(text) != len) {
		return vmha_err_set(err, -EBADMSG, "%s is not a text file (it has a NUL byte)",
				    path);
	}
	*ret_text = vmha_steal_ptr(text);
	return 0;
}

int vmha_node_change_open(struct vmha_node_change *c, const char *path, struct vmha_err **err)
{
	int r = vmha_node_file_text(path, &c->old_text, err);

	if (r < 0) {
		return r;
	}
	c->mode = 0644;
	c->path = strdup(path);
	c->text = strdup(c->old_text ? c->old_text : "");
	if (!c->path || !c->text) {
		vmha_node_change_close(c);
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

void vmha_node_change_close(struct vmha_node_change *c)
{
	free(c->path);
	free(c->old_text);
	free(c->text);
	*c = (struct vmha_node_change){ 0 };
}

bool vmha_node_change_is_none(const struct vmha_node_change *c)
{
	struct stat st;

	if (!c->text || !c->old_text || strcmp(c->text, c->old_text) != 0) {
		return false;
	}
	return !c->secret ||
	       (stat(c->path, &st) == 0 && (st.st_mode & 07777) == c->mode && st.st_uid == c->uid);
}

/* Certificates and keys say nothing to a reader. */
static bool is_pem(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && strcmp(dot, ".pem") == 0;
}

char *vmha_node_change_diff(const struct vmha_node_change *change)
{
	vmha_autofree char *before = vmha_str_printf("a%s", change->path);
	vmha_autofree char *after = vmha_str_printf("b%s", change->path);
	vmha_autoresult struct vmha_proc_result res = { 0 };
	const char *argv[] = { "diff",
			       "-u",
			       "--label",
			       change->old_text ? before : "/dev/null",
			       "--label",
			       after,
			       change->old_text ? change->path : "/dev/null",
			       "-",
			       NULL };

	if (!before || !after) {
		return NULL;
	}
	if (change->secret || !change->text || is_pem(change->path)) {
		return vmha_str_printf("%s %s (%s)\n",
				       change->old_text ? "replaced:" : "new file:", change->path,
				       change->secret ? "private key, mode 0600" : "certificate");
	}
	if (vmha_proc_run(argv, change->text, DIFF_SPAN, &res, NULL) < 0 || res.status > 1) {
		return vmha_str_printf("%s changes (diff cannot be run)\n", change->path);
	}
	return strdup(res.output);
}

static int parent_make(const char *path, mode_t mode, struct vmha_err **err)
{
	vmha_autofree char *copy = strdup(path);

	if (!copy) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	return vmha_file_mkdirs(dirname(copy), mode, err);
}

/* Write with exactly this owner and mode, whatever the umask says. */
static int write_as(const char *path, const char *text, const struct stat *like,
		    struct vmha_err **err)
{
	const mode_t mode = like->st_mode & 07777;
	int r = vmha_file_write(path, text, strlen(text), mode, err);

	if (r < 0) {
		return r;
	}
	if (chown(path, like->st_uid, like->st_gid) < 0 || chmod(path, mode) < 0) {
		return vmha_err_errno(err, -errno, "cannot set owner and mode of %s", path);
	}
	return 0;
}

int vmha_node_change_backup(const struct vmha_node_change *c, const char *backup,
			    struct vmha_err **err)
{
	vmha_autofree char *to = vmha_str_printf("%s%s", backup, c->path);
	struct timespec times[2];
	struct stat st;
	int r;

	if (!to) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	if (stat(c->path, &st) < 0) {
		return vmha_err_errno(err, -errno, "cannot back %s up", c->path);
	}
	r = parent_make(to, 0700, err);
	if (r == 0) {
		r = write_as(to, c->old_text, &st, err);
	}
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	if (r == 0 && utimensat(AT_FDCWD, to, times, 0) < 0) {
		r = vmha_err_errno(err, -errno, "cannot set the time of %s", to);
	}
	return r;
}

int vmha_node_change_is_current(const struct vmha_node_change *c, struct vmha_err **err)
{
	vmha_autofree char *now = NULL;
	int r = vmha_node_file_text(c->path, &now, err);

	if (r < 0) {
		return r;
	}
	if (!vmha_str_eq(now, c->old_text)) {
		return vmha_err_set(err, -EBUSY,
				    "%s was changed by someone else meanwhile: run "
				    "the command again",
				    c->path);
	}
	return 0;
}

int vmha_node_change_write(const struct vmha_node_change *c, struct vmha_err **err)
{
	struct stat st = { .st_mode = c->mode };
	int r;

	if (!c->text) {
		return vmha_err_set(err, -EINVAL, "nothing to write to %s", c->path);
	}
	if (c->old_text && stat(c->path, &st) < 0) {
		return vmha_err_errno(err, -errno, "cannot look at %s", c->path);
	}
	if (c->secret) {
		st.st_mode = c->mode;
		st.st_uid = c->uid;
	}
	r = parent_make(c->path, c->secret ? 0700 : 0755, err);
	return r < 0 ? r : write_as(c->path, c->text, &st, err);
}
