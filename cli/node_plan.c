/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/node_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"

#define CONFIG_MAX_BYTES (1024 * 1024)
#define DIFF_SPAN	 VMHA_SPAN_S(10)

void vmha_node_plan_free(struct vmha_node_plan *plan)
{
	size_t i;

	for (i = 0; i < plan->count; i++) {
		free(plan->changes[i].path);
		free(plan->changes[i].old_text);
		free(plan->changes[i].text);
	}
	free(plan->changes);
	json_decref(plan->notes);
	*plan = (struct vmha_node_plan){ 0 };
}

/* Where a write has to go so that a symbolic link stays one. */
static char *path_real(const char *path)
{
	char *real = realpath(path, NULL);

	return real ? real : strdup(path);
}

static struct vmha_node_change *change_find(const struct vmha_node_plan *plan, const char *real)
{
	size_t i;

	for (i = 0; i < plan->count; i++) {
		if (strcmp(plan->changes[i].path, real) == 0) {
			return &plan->changes[i];
		}
	}
	return NULL;
}

/* @return 0; *ret_text is NULL for a file that is not there */
static int file_text(const char *path, char **ret_text, struct vmha_err **err)
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

/* @return the change of that file, new in the plan if need be; NULL with *err set */
static struct vmha_node_change *change_get(struct vmha_node_plan *plan, const char *path,
					   struct vmha_err **err)
{
	vmha_autofree char *real = path_real(path);
	vmha_autofree char *old = NULL;
	struct vmha_node_change *c = real ? change_find(plan, real) : NULL;
	struct vmha_node_change *grown;

	if (c) {
		return c;
	}
	if (!real || file_text(real, &old, err) < 0) {
		return NULL;
	}
	grown = reallocarray(plan->changes, plan->count + 1, sizeof(*grown));
	if (!grown) {
		(void)vmha_err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	plan->changes = grown;
	c = &grown[plan->count];
	*c = (struct vmha_node_change){ .mode = 0644 };
	c->text = strdup(old ? old : "");
	if (!c->text) {
		(void)vmha_err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	c->path = vmha_steal_ptr(real);
	c->old_text = vmha_steal_ptr(old);
	plan->count++;
	return c;
}

int vmha_node_plan_text(const struct vmha_node_plan *plan, const char *path, char **ret_text,
			struct vmha_err **err)
{
	vmha_autofree char *real = path_real(path);
	struct vmha_node_change *c = real ? change_find(plan, real) : NULL;
	char *text = NULL;
	int r = 0;

	if (c && c->text) {
		text = strdup(c->text);
	} else {
		r = file_text(path, &text, err);
		text = r == 0 && !text ? strdup("") : text;
	}
	if (r == 0 && !text) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	*ret_text = text;
	return r;
}

int vmha_node_plan_put(struct vmha_node_plan *plan, const char *path, const char *text, mode_t mode,
		       unsigned int daemon, struct vmha_err **err)
{
	vmha_autofree char *copy = text ? strdup(text) : NULL;
	struct vmha_node_change *c;

	if (text && !copy) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	c = change_get(plan, path, err);
	if (!c) {
		return -EIO;
	}
	free(c->text);
	c->text = vmha_steal_ptr(copy);
	c->mode = mode;
	c->daemon |= daemon;
	return 0;
}

int vmha_node_plan_secret(struct vmha_node_plan *plan, const char *path, const char *text,
			  uid_t uid, unsigned int daemon, struct vmha_err **err)
{
	int r = vmha_node_plan_put(plan, path, text, 0600, daemon, err);
	vmha_autofree char *real = r == 0 ? path_real(path) : NULL;
	struct vmha_node_change *c = real ? change_find(plan, real) : NULL;

	if (c) {
		c->secret = true;
		c->uid = uid;
	}
	return r;
}

int vmha_node_plan_set(struct vmha_node_plan *plan, const char *path, enum vmha_conf_style style,
		       const char *key, const char *value, unsigned int daemon,
		       struct vmha_err **err)
{
	struct vmha_node_change *c = change_get(plan, path, err);
	char *text = NULL;
	int r;

	if (!c) {
		return -EIO;
	}
	r = vmha_conf_set(c->text, style, key, value, &text, err);
	if (r < 0) {
		(void)vmha_err_prefix(err, "%s", path);
		return r;
	}
	free(c->text);
	c->text = text;
	c->daemon |= daemon;
	return 0;
}

void vmha_node_plan_note(struct vmha_node_plan *plan, const char *fmt, ...)
{
	vmha_autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
	}
	va_end(ap);
	if (!plan->notes) {
		plan->notes = json_array();
	}
	(void)json_array_append_new(plan->notes, json_string(text ? text : "out of memory"));
}

static bool change_is_none(const struct vmha_node_change *c)
{
	struct stat st;

	if (!c->text || !c->old_text || strcmp(c->text, c->old_text) != 0) {
		return false;
	}
	return !c->secret ||
	       (stat(c->path, &st) == 0 && (st.st_mode & 07777) == c->mode && st.st_uid == c->uid);
}

size_t vmha_node_plan_settle(struct vmha_node_plan *plan)
{
	size_t kept = 0;
	size_t i;

	for (i = 0; i < plan->count; i++) {
		struct vmha_node_change *c = &plan->changes[i];

		if (change_is_none(c)) {
			free(c->path);
			free(c->old_text);
			free(c->text);
		} else {
			plan->changes[kept++] = *c;
		}
	}
	plan->count = kept;
	return kept;
}

int vmha_node_plan_check(const struct vmha_node_plan *plan, struct vmha_err **err)
{
	size_t i;

	for (i = 0; i < plan->count; i++) {
		vmha_autofree char *copy = strdup(plan->changes[i].path);
		char *dir = copy ? dirname(copy) : NULL;

		while (dir && access(dir, F_OK) < 0 && errno == ENOENT) {
			dir = dirname(dir);
		}
		if (!dir) {
			return vmha_err_set(err, -ENOMEM, "out of memory");
		}
		if (access(dir, W_OK | X_OK) < 0) {
			return vmha_err_errno(err, -errno, "cannot write to %s (for %s)", dir,
					      plan->changes[i].path);
		}
	}
	return 0;
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

static int change_backup(const struct vmha_node_change *c, const char *backup,
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

/* Somebody else may have edited the file while we planned (or while the user read the diff). */
static int change_is_current(const struct vmha_node_change *c, struct vmha_err **err)
{
	vmha_autofree char *now = NULL;
	int r = file_text(c->path, &now, err);

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

static int change_write(const struct vmha_node_change *c, struct vmha_err **err)
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

/* What was not there before, so that an administrator can put everything back. */
static int created_list(const struct vmha_node_plan *plan, const char *backup,
			struct vmha_err **err)
{
	vmha_autofree char *path = vmha_str_printf("%s/created", backup);
	vmha_autostr struct vmha_str list = { 0 };
	size_t i;

	for (i = 0; i < plan->count; i++) {
		if (!plan->changes[i].old_text) {
			(void)vmha_str_add(&list, "%s\n", plan->changes[i].path);
		}
	}
	if (!path || list.failed) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	return list.len ? vmha_file_write(path, list.text, list.len, 0600, err) : 0;
}

int vmha_node_plan_apply(const struct vmha_node_plan *plan, const char *backup,
			 struct vmha_err **err)
{
	size_t i;
	int r = vmha_file_mkdirs(backup, 0700, err);

	for (i = 0; i < plan->count && r == 0; i++) {
		r = change_is_current(&plan->changes[i], err);
		if (r == 0 && plan->changes[i].old_text) {
			r = change_backup(&plan->changes[i], backup, err);
		}
	}
	if (r == 0) {
		r = created_list(plan, backup, err);
	}
	if (r < 0) {
		(void)vmha_err_prefix(err, "nothing was changed");
		return r;
	}
	for (i = 0; i < plan->count && r == 0; i++) {
		r = change_write(&plan->changes[i], err);
	}
	if (r < 0) {
		(void)vmha_err_prefix(err, "%zu of %zu files are written, the old ones are in %s",
				      i - 1, plan->count, backup);
	}
	return r;
}

json_t *vmha_node_plan_json(const struct vmha_node_plan *plan)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < plan->count; i++) {
		const struct vmha_node_change *c = &plan->changes[i];
		vmha_autofree char *diff = vmha_node_change_diff(c);

		if (!diff ||
		    json_array_append_new(
			    list, json_pack("{s:s,s:s,s:s}", "path", c->path, "action",
					    c->old_text ? "change" : "create", "diff", diff)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}
