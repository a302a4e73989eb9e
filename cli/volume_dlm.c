/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dlm_controld on every node, which volumes of type gfs2 stand on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/base/str.h"
#include "lib/port/pcmk.h"
#include "lib/role/mounted.h"

#define CLONE	  "dlm-clone"
#define PRIMITIVE "dlm"
#define START_S	  120
#define ANSWER_S  5
#define SETTLE_S  60

/* Times as the agent's own meta-data has them.  A node that loses DLM holds up all others. */
static const char configuration[] =
	"<configuration><resources><clone id=\"dlm-clone\">"
	"<meta_attributes id=\"dlm-clone-meta_attributes\">"
	"<nvpair id=\"dlm-clone-meta_attributes-interleave\" name=\"interleave\" value=\"true\"/>"
	"</meta_attributes>"
	"<primitive id=\"dlm\" class=\"ocf\" provider=\"pacemaker\" type=\"controld\"><operations>"
	"<op id=\"dlm-start-interval-0\" name=\"start\" interval=\"0\" timeout=\"90s\"/>"
	"<op id=\"dlm-stop-interval-0\" name=\"stop\" interval=\"0\" timeout=\"100s\"/>"
	"<op id=\"dlm-monitor-interval-60s\" name=\"monitor\" interval=\"60s\" timeout=\"20s\" "
	"on-fail=\"fence\"/>"
	"</operations></primitive></clone></resources></configuration>";

static int names_check(struct vmha_err **err)
{
	int r = vmha_pcmk_id_used(PRIMITIVE, err);

	r = r == 0 ? vmha_pcmk_id_used(CLONE, err) : r;
	return r <= 0 ? r
		      : vmha_err_set(err, -EEXIST,
				     "the cluster's configuration uses the name %s or %s for "
				     "something else than dlm_controld: make a clone of "
				     "ocf:pacemaker:controld under another name",
				     PRIMITIVE, CLONE);
}

/* Where it has failed already it would not be started again for us. */
static int failed(struct vmha_err **err)
{
	vmha_autopcmk struct vmha_pcmk_state *state = NULL;
	const struct vmha_pcmk_failure *f;

	if (vmha_pcmk_state_read(&state, NULL) < 0) {
		return 0;
	}
	f = vmha_pcmk_failure_find(state, PRIMITIVE);
	return !f ? 0
		  : vmha_err_set(err, -EIO, "node %s cannot run dlm_controld (resource %s): %s",
				 f->node, PRIMITIVE, *f->reason ? f->reason : f->result);
}

/* Nothing tells when it is ready but asking. */
static int alive_wait(const struct volume_new *v, struct vmha_err **err)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(START_S));

	while (!vmha_controld_alive(VMHA_SPAN_S(ANSWER_S))) {
		int r = failed(err);

		if (r < 0) {
			return r;
		}
		if (vmha_mono_passed(deadline)) {
			return vmha_err_set(err, -ETIMEDOUT,
					    "dlm_controld does not run on this node after %d s: "
					    "see what Pacemaker says of %s",
					    START_S, v->dlm_clone);
		}
		vmha_mono_pace(VMHA_SPAN_MS(500));
	}
	return 0;
}

int vmha_volume_dlm_need(struct volume_new *v, struct vmha_err **err)
{
	vmha_autoerr struct vmha_err *why = NULL;
	int r = vmha_pcmk_controld_read(&v->dlm_clone, &why);

	if (r < 0 && r != -ENOENT) {
		return vmha_err_set(err, r, "%s", vmha_err_text(why));
	}
	if (r == -ENOENT) {
		r = names_check(err);
		v->dlm_clone = r == 0 ? strdup(CLONE) : NULL;
		if (r == 0 && !v->dlm_clone) {
			r = vmha_err_set(err, -ENOMEM, "out of memory");
		}
		r = r < 0 ? r : vmha_pcmk_configure(configuration, err);
		if (r < 0) {
			return r;
		}
		v->dlm_made = true;
		vmha_output_step("made resource %s, which runs dlm_controld on all nodes", CLONE);
	}
	return alive_wait(v, err);
}

void vmha_volume_dlm_undo(struct volume_new *v)
{
	vmha_autoerr struct vmha_err *why = NULL;

	if (!v->dlm_made) {
		return;
	}
	(void)vmha_pcmk_meta_set(CLONE, "target-role", "Stopped", NULL);
	(void)vmha_pcmk_settle(SETTLE_S, NULL);
	(void)vmha_pcmk_cleanup(PRIMITIVE, NULL, NULL);
	(void)vmha_pcmk_settle(SETTLE_S, NULL);
	if (vmha_pcmk_unconfigure("//clone[@id='" CLONE "']", &why) < 0) {
		vmha_output_warn("resource %s could not be removed: %s", CLONE, vmha_err_text(why));
		return;
	}
	v->dlm_made = false;
}
