/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CHECK: can this node take a guest? */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clusterd/drive.h"
#include "clusterd/net.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"

int drive_precheck_run(struct clusterd *c, const char *action, const char *vm, const char *volume,
		       const char *mode, const char *ways, clusterd_worker_done done, void *data,
		       struct clusterd_worker **ret_worker, struct vmha_err **err)
{
	vmha_autofree char *name = vmha_str_printf("OCF_RESOURCE_INSTANCE=%s", vm);
	vmha_autofree char *where = vmha_str_printf("OCF_RESKEY_volume=%s", volume);
	vmha_autofree char *node = vmha_str_printf("OCF_RESKEY_CRM_meta_on_node=%s", c->name);
	vmha_autofree char *how = vmha_str_printf("OCF_RESKEY_migration_mode=%s",
						  strcmp(mode, "cold") == 0 ? "live" : mode);
	static const char program[] = VMHA_PKGLIBEXECDIR "/vm-action";
	const char *const argv[] = { "env",   name,   where,
				     node,    how,    "OCF_RESKEY_CRM_meta_timeout=8000",
				     program, action, NULL };

	if (!name || !where || !node || !how) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	return clusterd_worker_run(c, argv, ways, VMHA_SPAN_S(8), done, data, ret_worker, err);
}

bool drive_precheck_read(const struct clusterd_worker_result *res, const char *node, char *ret_text)
{
	json_t *o = json_loads(res->output, 0, NULL);
	const char *text = json_string_value(json_object_get(o, "text"));
	bool ok = json_is_true(json_object_get(o, "ok"));

	if (ok) {
		*ret_text = '\0';
	} else if (text && *text) {
		(void)snprintf(ret_text, VMHA_REASON_SIZE, "%s", text);
	} else {
		(void)snprintf(ret_text, VMHA_REASON_SIZE, "the checks on %s %s%.*s", node,
			       res->status == -ETIMEDOUT ? "took too long" : "failed: ",
			       (int)strcspn(res->errors, "\n"), res->errors);
	}
	json_decref(o);
	return ok;
}

static void check_done(struct clusterd *c, const struct clusterd_worker_result *res, void *data)
{
	struct drive_job *job = drive_job_of(c, data);
	char text[VMHA_REASON_SIZE];
	bool ok;

	if (!job) {
		return;
	}
	job->worker = NULL;
	ok = drive_precheck_read(res, c->name, text);
	drive_job_tell(job, VMHA_CEVENT_CHECKED, ok, VMHA_RESULT_NONE, text);
	drive_job_end(job);
}

/*
 * The networks of a live move, seen from here: when none of them answers, it is refused before
 * Pacemaker hears of it.
 * @param[out] ret_text for the child; NULL where nothing is to be checked, or not known yet
 * @return 0; negative errno: there is no way at all, and @err says why
 */
static int ways_text(struct clusterd *c, const struct vmha_mig *mig, char **ret_text,
		     struct vmha_err **err)
{
	vmha_autopaths struct vmha_network_paths paths = { 0 };
	json_t *list;
	json_t *o;
	size_t i;
	int r;

	if (mig->mode == VMHA_MODE_quick || mig->mode == VMHA_MODE_cold) {
		return 0;
	}
	r = net_paths(c, mig->from, mig->to, &paths, err);
	if (r < 0) {
		return r == -EAGAIN ? 0 : r;
	}
	list = json_array();
	for (i = 0; i < paths.count; i++) {
		const struct vmha_network_path *p = &paths.items[i];

		(void)json_array_append_new(list,
					    json_pack("{s:s, s:s, s:s}", "name", p->name, "address",
						      p->local, "local", p->address));
	}
	o = json_pack("{s:o}", "networks", list);
	if (paths.skipped.len) {
		(void)json_object_set_new(o, "excluded", drive_plan_skipped(paths.skipped.text));
	}
	*ret_text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	return 0;
}

void drive_check_begin(struct drive_job *job)
{
	const struct vmha_mig *mig = vmha_cluster_mig(job->d->c->cluster, job->mig);
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autofree char *ways = NULL;
	int r = mig ? ways_text(job->d->c, mig, &ways, &err) : 0;

	if (r == 0) {
		r = drive_precheck_run(job->d->c, "admit", job->vm, job->volume,
				       mig ? vmha_mig_mode_name(mig->mode) : "auto", ways,
				       check_done, drive_job_data(job), &job->worker, &err);
	}
	if (r < 0) {
		drive_job_tell(job, VMHA_CEVENT_CHECKED, false, VMHA_RESULT_NONE,
			       vmha_err_text(err));
		drive_job_end(job);
	}
}
