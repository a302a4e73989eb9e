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

void vmha_node_plan_free(struct vmha_node_plan *plan)
{
	size_t i;

	for (i = 0; i < plan->count; i++) {
		vmha_node_change_close(&plan->changes[i]);
	}
	json_decref(plan->notes);
	*plan = (struct vmha_node_plan){ 0 };
}

/* Where a write has to go so that a symbolic link stays one. */
static char *path_real(const char *path)
{
	char *real = realpath(path, NULL);

	return real ? real : strdup(path);
}

/* @return number of the file's change, or plan->count */
static size_t change_find(const struct vmha_node_plan *plan, const char *real)
{
	size_t i = 0;

	while (i < plan->count && strcmp(plan->changes[i].path, real) != 0) {
		i++;
	}
	return i;
}

/* @return a new change in the plan, of a file as it is; NULL with *err set */
static struct vmha_node_change *change_add(struct vmha_node_plan *plan, const char *real,
					   struct vmha_err **err)
{
	struct vmha_node_change *c = &plan->changes[plan->count];

	if (plan->count == VMHA_NODE_CHANGES_MAX) {
		(void)vmha_err_set(err, -E2BIG, "too many files to change");
		return NULL;
	}
	if (vmha_node_change_open(c, real, err) < 0) {
		return NULL;
	}
	plan->count++;
	return c;
}

/* @return the change of that file, new in the plan if need be; NULL with *err set */
static struct vmha_node_change *change_get(struct vmha_node_plan *plan, const char *path,
					   struct vmha_err **err)
{
	vmha_autofree char *real = path_real(path);
	size_t i;

	if (!real) {
		(void)vmha_err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	i = change_find(plan, real);
	return i < plan->count ? &plan->changes[i] : change_add(plan, real, err);
}

int vmha_node_plan_text(const struct vmha_node_plan *plan, const char *path, char **ret_text,
			struct vmha_err **err)
{
	vmha_autofree char *real = path_real(path);
	const size_t i = real ? change_find(plan, real) : plan->count;
	char *text = NULL;
	int r = 0;

	if (i < plan->count && plan->changes[i].text) {
		text = strdup(plan->changes[i].text);
	} else {
		r = vmha_node_file_text(path, &text, err);
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
	struct vmha_node_change *c = change_get(plan, path, err);

	if (!c) {
		return -EIO;
	}
	free(c->text);
	c->text = text ? strdup(text) : NULL;
	if (text && !c->text) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	c->mode = mode;
	c->daemon |= daemon;
	return 0;
}

int vmha_node_plan_secret(struct vmha_node_plan *plan, const char *path, const char *text,
			  uid_t uid, unsigned int daemon, struct vmha_err **err)
{
	int r = vmha_node_plan_put(plan, path, text, 0600, daemon, err);
	struct vmha_node_change *c = r == 0 ? change_get(plan, path, err) : NULL;

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
		vmha_err_prefix(err, "%s", path);
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

size_t vmha_node_plan_settle(struct vmha_node_plan *plan)
{
	size_t kept = 0;
	size_t i;

	for (i = 0; i < plan->count; i++) {
		struct vmha_node_change *c = &plan->changes[i];

		if (vmha_node_change_is_none(c)) {
			vmha_node_change_close(c);
		} else {
			plan->changes[kept++] = *c;
		}
	}
	memset(&plan->changes[kept], 0, (plan->count - kept) * sizeof(plan->changes[0]));
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
		r = vmha_node_change_is_current(&plan->changes[i], err);
		if (r == 0 && plan->changes[i].old_text) {
			r = vmha_node_change_backup(&plan->changes[i], backup, err);
		}
	}
	if (r == 0) {
		r = created_list(plan, backup, err);
	}
	if (r < 0) {
		vmha_err_prefix(err, "nothing was changed");
		return r;
	}
	for (i = 0; i < plan->count && r == 0; i++) {
		r = vmha_node_change_write(&plan->changes[i], err);
	}
	if (r < 0) {
		vmha_err_prefix(err, "%zu of %zu files are written, the old ones are in %s", i - 1,
				plan->count, backup);
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
