/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the owner of a volume does for it, a round a minute.  What can hang runs in children. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "csv/coordinator.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/role/action.h"
#include "lib/role/remnants.h"
#include "lib/role/state.h"
#include "lib/role/volumelock.h"

#define ROUND_S	    40
#define LOOKUP_S    5
#define SPACE_S	    10
#define LOCK_WAIT_S 5 /* an administrator goes first: the next round is in a minute */
#define THOUSAND    1000U

/* What a round brings back, beside the names of stray leases in the answer's text. */
enum { ROUND_SKIPPED, ROUND_BROKEN, ROUND_STRAY, ROUND_PRINT };

static struct vmha_mono in(int64_t s)
{
	return vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(s));
}

/* --- in the child ----------------------------------------------------------------------------- */

static void event(const struct csv_params *p, const char *level, const char *text)
{
	struct coordinator c = { .params = *p };

	(void)vmha_volume_load(p->volume, VMHA_VOLUME_JOINED, &c.joined, NULL);
	coordinator_event(&c, level, "%s", text);
}

static void told(void *arg, enum vmha_told what, const char *text)
{
	if (what != VMHA_TOLD_REMOVED) {
		event(arg, what == VMHA_TOLD_WARNING ? "warning" : "info", text);
	}
}

static void memory_look(const struct csv_params *p, const struct vmha_index *index,
			const struct vmha_index_entry *e)
{
	vmha_autofree struct vmha_state_record *rec = calloc(1, sizeof(*rec));
	vmha_autofree struct vmha_action *act = calloc(1, sizeof(*act));
	struct vmha_chore_memory m = { .known = index->configuration_known,
				       .role = e->configured || e->record == VMHA_PART_THERE,
				       .begun = e->intent != VMHA_PART_ABSENT,
				       .owned = e->owner != VMHA_PART_ABSENT };
	struct vmha_lease_owner owner = { 0 };
	struct vmha_lease_index place;
	struct vmha_lease lease;
	enum vmha_chore_verdict verdict;
	char text[256];
	int r;

	if (!rec || !act) {
		return;
	}
	(void)snprintf(act->role.name, sizeof(act->role.name), "%s", e->name);
	(void)snprintf(act->role.volume, sizeof(act->role.volume), "%s", p->volume);
	r = vmha_volume_leases(p->volume, &place, NULL);
	r = r < 0 ? r : vmha_lease_find(&place, e->name, &lease, NULL);
	r = r < 0 ? r : vmha_lease_owner(&lease, &owner, NULL);
	/* without a lease nobody can continue it */
	m.known = m.known && (r == 0 || r == -ENOENT) &&
		  vmha_role_load(&act->role, VMHA_RECORD_STATE, rec, NULL) == 0;
	m.held = owner.held;
	m.lver = owner.lver;
	m.stored = rec->lver;
	verdict = vmha_chore_memory_judge(&m);
	if (verdict == VMHA_CHORE_KEEP) {
		return;
	}
	(void)snprintf(text, sizeof(text), "saved memory of %s set aside: %s", e->name,
		       verdict == VMHA_CHORE_ASIDE_GONE ? "its role is gone"
							: "the guest has run since it was saved");
	if (vmha_state_aside(act, "found by the coordinator", NULL) == 0) {
		event(p, "warning", text);
	}
}

/* Under the lock nobody is in the middle of a change: what is seen is what there is. */
static void index_look(const struct csv_params *p, const struct vmha_index *index,
		       struct csv_answer *answer)
{
	vmha_autostr struct vmha_str problems = { 0 };
	size_t len = 0;
	size_t i;

	for (i = 0; i < index->count; i++) {
		const struct vmha_index_entry *e = &index->entries[i];
		enum vmha_index_verdict v = vmha_index_judge(index, e, &problems);

		answer->value[ROUND_BROKEN] += v == VMHA_INDEX_BROKEN;
		answer->value[ROUND_STRAY] += v == VMHA_INDEX_STRAY;
		if (e->state == VMHA_PART_THERE) {
			memory_look(p, index, e);
		}
		if (vmha_chore_lease_is_stray(index, e) &&
		    len + sizeof(e->name) + 1 < sizeof(answer->text)) {
			len += (size_t)snprintf(answer->text + len, sizeof(answer->text) - len,
						"%s ", e->name);
		}
	}
	answer->value[ROUND_PRINT] = vmha_fnv64(problems.len ? problems.text : "", problems.len);
}

static int ask_round(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	const struct vmha_teller teller = { told, (void *)(uintptr_t)p };
	vmha_autolock struct vmha_volume_guard guard = { 0 };
	vmha_autoindex struct vmha_index index = { 0 };
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = vmha_volume_lock(p->volume, LOCK_WAIT_S, &guard, err);
	if (r < 0) {
		answer->value[ROUND_SKIPPED] = 1;
		return r == -EBUSY ? 0 : r;
	}
	r = vmha_remnants_settle_all(p->volume, &teller, err);
	r = r < 0 ? r : vmha_remnants_read(p->volume, &index, err);
	if (r == 0) {
		answer->text[0] = '\0';
		index_look(p, &index, answer);
	}
	return r;
}

/* Once more, under the lock: is it stray still, and does nobody hold it? */
static int ask_collect(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	vmha_autolock struct vmha_volume_guard guard = { 0 };
	vmha_autoindex struct vmha_index index = { 0 };
	struct vmha_lease_owner owner = { 0 };
	struct vmha_role role = { 0 };
	struct vmha_lease_index place;
	struct vmha_lease lease;
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)snprintf(role.name, sizeof(role.name), "%s", p->vm);
	(void)snprintf(role.volume, sizeof(role.volume), "%s", p->volume);
	r = vmha_volume_lock(p->volume, LOCK_WAIT_S, &guard, err);
	r = r < 0 ? r : vmha_remnants_read_one(&role, &index, err);
	if (r < 0 || !vmha_chore_lease_is_stray(&index, &index.entries[0])) {
		return r;
	}
	r = vmha_volume_leases(p->volume, &place, err);
	r = r < 0 ? r : vmha_lease_find(&place, p->vm, &lease, err);
	r = r < 0 ? r : vmha_lease_owner(&lease, &owner, err);
	if (r < 0 || owner.held) {
		return r;
	}
	r = vmha_lease_delete(&place, &lease, err);
	answer->value[0] = r == 0;
	return r;
}

static int ask_space(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	char path[VMHA_PATH_SIZE];
	struct statvfs st;

	vmha_volume_path(p->volume, VMHA_VOLUME_DIR, path);
	if (statvfs(path, &st) < 0) {
		return vmha_err_errno(err, -errno, "cannot look at %s", path);
	}
	if (st.f_blocks) {
		answer->value[0] = THOUSAND - (THOUSAND * st.f_bavail) / st.f_blocks;
	}
	if (st.f_files) { /* GFS2 and others make them as they are wanted */
		answer->value[1] = THOUSAND - (THOUSAND * st.f_favail) / st.f_files;
	}
	return 0;
}

/* See lib/role/lookup.h for why. */
static int ask_lookup(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	char path[2 * VMHA_PATH_SIZE];
	char dir[VMHA_PATH_SIZE];
	struct stat st;

	(void)answer;
	(void)err;
	vmha_volume_path(p->volume, VMHA_VOLUME_DIR, dir);
	(void)snprintf(path, sizeof(path), "%s/%s/%s.role", dir, p->vm, p->vm);
	(void)stat(path, &st);
	(void)snprintf(path, sizeof(path), "%s/%s", dir, p->vm);
	(void)stat(path, &st);
	return 0;
}

/* --- in the coordinator ------------------------------------------------------------------------
 */

void coordinator_lookup(const struct coordinator *c, const char *vm)
{
	struct csv_params p = c->params;
	struct csv_answer answer;

	if (vmha_str_is_name(vm)) {
		p.vm = vm;
		(void)csv_ask(ask_lookup, &p, in(LOOKUP_S), &answer, NULL);
	}
}

static void space_tell(const struct coordinator *c, enum vmha_chore_space *before, uint64_t used,
		       const char *of)
{
	enum vmha_chore_space now = vmha_chore_space_judge(*before, (unsigned int)used);

	if (now == *before) {
		return;
	}
	if (now == VMHA_SPACE_OK) {
		coordinator_event(c, "info", "has %s again: %llu.%llu %% are used", of,
				  (unsigned long long)used / 10, (unsigned long long)used % 10);
	} else {
		coordinator_event(c, now == VMHA_SPACE_VERY_LOW ? "error" : "warning",
				  "is running out of %s: %llu.%llu %% are used", of,
				  (unsigned long long)used / 10, (unsigned long long)used % 10);
	}
	*before = now;
}

static int space_look(struct coordinator *c, struct vmha_err **err)
{
	struct csv_answer answer;
	int r = csv_ask(ask_space, &c->params, in(SPACE_S), &answer, NULL);

	if (r < 0) {
		return vmha_err_set(err, r, "%s", answer.text);
	}
	space_tell(c, &c->space, answer.value[0], "space");
	space_tell(c, &c->inodes, answer.value[1], "inodes");
	return 0;
}

static void stray_collect(const struct coordinator *c, const char *name)
{
	struct csv_params p = c->params;
	struct csv_answer answer;

	p.vm = name;
	if (csv_ask(ask_collect, &p, in(ROUND_S), &answer, NULL) < 0) {
		vmha_log(VMHA_LOG_WARNING, "volume=%s lease=%s not collected: %s", p.volume, name,
			 answer.text);
	} else if (answer.value[0]) {
		coordinator_event(c, "info",
				  "removed the lease %s: it belonged to no role for %d minutes",
				  name, VMHA_CHORE_STRAY_MS / 60000);
	}
}

static void strays_look(struct coordinator *c, char *names)
{
	int64_t now_ms = vmha_span_ms(vmha_mono_diff((struct vmha_mono){ 0 }, vmha_mono_now()));
	char *save = NULL;
	char *name;

	vmha_chore_sights_begin(&c->sights);
	for (name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
		if (vmha_chore_sights_note(&c->sights, name, now_ms)) {
			stray_collect(c, name);
		}
	}
	vmha_chore_sights_end(&c->sights);
}

static void check_tell(struct coordinator *c, const struct csv_answer *answer)
{
	if (answer->value[ROUND_PRINT] == c->problems) {
		return;
	}
	c->problems = answer->value[ROUND_PRINT];
	if (answer->value[ROUND_BROKEN] || answer->value[ROUND_STRAY]) {
		coordinator_event(c, "warning",
				  "%llu roles are not whole, %llu are on it and not in the cluster "
				  "('vmha volume check %s')",
				  (unsigned long long)answer->value[ROUND_BROKEN],
				  (unsigned long long)answer->value[ROUND_STRAY], c->params.volume);
	}
}

int coordinator_chores(struct coordinator *c, struct vmha_err **err)
{
	struct csv_answer answer;
	int r = space_look(c, err);

	if (r < 0) {
		return r;
	}
	r = csv_ask(ask_round, &c->params, in(ROUND_S), &answer, NULL);
	if (r < 0) {
		/* sanlock or Pacemaker may be what does not answer: that is no reason to give up */
		vmha_log(VMHA_LOG_WARNING, "volume=%s chores: %s", c->params.volume, answer.text);
		return 0;
	}
	if (!answer.value[ROUND_SKIPPED]) {
		check_tell(c, &answer);
		strays_look(c, answer.text);
	}
	return coordinator_journals(c);
}
