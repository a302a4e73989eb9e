/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <gio/gio.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "clusterd/clusterd.h"
#include "clusterd/group.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "lib/port/codec.h"

#define FILE_MAX  (9UL * 1024 * 1024)
#define FILE_MODE 0640

/*
 * Two files.  PATH is written durably, by a thread, since fsync may take long.  PATH.now is renamed
 * into place by the loop at once: it survives the end of this process, not a power loss.  Both hold
 * one line about the worth of the state and the state; the better one that can be read counts.
 */

static char *now_path(const char *path)
{
	return vmha_str_printf("%s.now", path);
}

static int parse(char *text, struct vmha_cluster **ret_state, struct clusterd_worth *ret_worth,
		 struct vmha_err **err)
{
	char *body = strchr(text, '\n');
	json_t *meta;
	int r;

	if (!body) {
		return vmha_err_set(err, -EBADMSG, "it is cut off");
	}
	*body++ = '\0';
	r = vmha_codec_snapshot_parse(body, strlen(body), ret_state, err);
	if (r < 0) {
		return r;
	}
	meta = json_loads(text, 0, NULL);
	*ret_worth = (struct clusterd_worth){
		.quorate_ring = (uint64_t)json_integer_value(json_object_get(meta, "quorate_ring")),
		.quorate_seq = (uint64_t)json_integer_value(json_object_get(meta, "quorate_seq")),
		.seq = (*ret_state)->seq,
	};
	json_decref(meta);
	return 0;
}

static int load_one(const char *path, struct vmha_cluster **ret_state,
		    struct clusterd_worth *ret_worth)
{
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autofree char *text = NULL;
	int r = vmha_file_read(path, FILE_MAX, &text, NULL, &err);

	if (r == 0) {
		r = parse(text, ret_state, ret_worth, &err);
		vmha_err_prefix(&err, "%s", path);
	}
	if (r < 0 && r != -ENOENT) {
		clusterd_log(VMHA_LOG_WARNING, "state ignored: %s", vmha_err_text(err));
	}
	return r;
}

int clusterd_persist_load(const char *path, struct vmha_cluster **ret_state,
			  struct clusterd_worth *ret_worth, struct vmha_err **err)
{
	struct vmha_cluster *states[2] = { 0 };
	struct clusterd_worth worths[2] = { 0 };
	vmha_autofree char *now = now_path(path);
	size_t best;

	(void)load_one(path, &states[0], &worths[0]);
	if (now) {
		(void)load_one(now, &states[1], &worths[1]);
	}
	best = states[1] && (!states[0] || clusterd_worth_compare(&worths[1], &worths[0]) > 0);
	free(states[!best]);
	*ret_state = states[best];
	*ret_worth = worths[best];
	if (*ret_state) {
		vmha_cluster_restart(*ret_state);
	} else {
		*ret_state = vmha_cluster_new();
	}
	return *ret_state ? 0 : vmha_err_set(err, -ENOMEM, "no memory for the state");
}

/* GLib hands a job to its thread and back under locks of its own, which the thread sanitizer cannot
 * see: it is told of the two points in time. */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define job_given(job) __tsan_release(job)
#define job_taken(job) __tsan_acquire(job)
#else
#define job_given(job) ((void)(job))
#define job_taken(job) ((void)(job))
#endif

struct job {
	char *path;
	char *text;
	struct clusterd_group *group;
};

static void job_free(void *data)
{
	struct job *job = data;

	job_taken(job);
	free(job->path);
	free(job->text);
	g_free(job);
}

/* In a thread of GLib's pool: knows its job only. */
static void job_run(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
	struct job *job = data;
	struct vmha_err *err = NULL;
	int r;

	(void)source;
	(void)cancel;
	job_taken(job);
	r = vmha_file_write(job->path, job->text, strlen(job->text), FILE_MODE, &err);
	job_given(job);
	if (r < 0) {
		g_task_return_pointer(task, g_strdup(vmha_err_text(err)), g_free);
		vmha_err_free(err);
		return;
	}
	g_task_return_pointer(task, NULL, NULL);
}

static void on_saved(GObject *source, GAsyncResult *result, gpointer data)
{
	struct clusterd *c = data;
	g_autofree char *problem = g_task_propagate_pointer(G_TASK(result), NULL);

	(void)source;
	if (problem) {
		clusterd_log(VMHA_LOG_ERROR, "state not saved: %s", problem);
	}
	if (c->group) {
		c->group->saving = false;
		if (c->group->dirty) {
			clusterd_persist_save(c->group);
		}
	}
}

/* Atomic, not durable. */
static int write_now(const char *path, const char *text, struct vmha_err **err)
{
	vmha_autofree char *now = now_path(path);
	vmha_autofree char *tmp = vmha_str_printf("%s.tmp", path);
	g_autoptr(GError) error = NULL;

	if (!now || !tmp) {
		return vmha_err_set(err, -ENOMEM, "no memory");
	}
	if (!g_file_set_contents_full(tmp, text, -1, G_FILE_SET_CONTENTS_NONE, FILE_MODE, &error)) {
		return vmha_err_set(err, -EIO, "%s", error->message);
	}
	return rename(tmp, now) < 0 ? vmha_err_errno(err, -errno, "%s", now) : 0;
}

static char *state_text(const struct clusterd_group *g, struct vmha_err **err)
{
	vmha_autofree char *state = NULL;

	if (vmha_codec_snapshot_print(g->c->cluster, &state, err) < 0) {
		return NULL;
	}
	return vmha_str_printf("{\"v\":1,\"quorate_ring\":%llu,\"quorate_seq\":%llu}\n%s",
			       (unsigned long long)g->worth.quorate_ring,
			       (unsigned long long)g->worth.quorate_seq, state);
}

void clusterd_persist_save(struct clusterd_group *g)
{
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autofree char *text = state_text(g, &err);
	struct job *job;
	GTask *task;

	if (!text || write_now(g->c->state_file, text, &err) < 0) {
		clusterd_log(VMHA_LOG_ERROR, "state not saved: %s", vmha_err_text(err));
		return;
	}
	g->dirty = g->saving; /* the thread has an older one: once more after it */
	if (g->saving) {
		return;
	}
	g->saving = true;
	job = g_new0(struct job, 1);
	job->path = strdup(g->c->state_file);
	job->text = vmha_steal_ptr(text);
	task = g_task_new(NULL, NULL, on_saved, g->c);
	g_task_set_task_data(task, job, job_free);
	job_given(job);
	g_task_run_in_thread(task, job_run);
	g_object_unref(task);
}
