/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a volume is on every node what it should be, and its leases agree with its roles. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/node_report.h"
#include "cli/output.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/mono.h"
#include "lib/base/str.h"
#include "lib/core/volume_index.h"
#include "lib/port/pcmk.h"
#include "lib/role/mounted.h"
#include "lib/role/remnants.h"

#define SPACE_WARN_PERCENT  5
#define SPACE_FAIL_BYTES    (16ULL << 20) /* one more lease may take 8 MiB */
#define LEASES_WARN_PERCENT 90
#define TOOL_S		    5

struct check {
	struct vmha_node_report rep;
	struct vmha_pcmk_state *pcmk;
	const struct vmha_pcmk_primitive *volume;
	struct vmha_volume_record record;
};

static void check_free(struct check *c)
{
	vmha_pcmk_state_free(c->pcmk);
	json_decref(c->rep.lines);
}

static bool node_counts(const struct vmha_pcmk_node *n)
{
	return !n->remote && n->online && !n->pending && !n->standby;
}

/* What a node has told when it joined (csv/facts.c). */
struct facts {
	char id[VMHA_ID_SIZE];
	unsigned long long total_bytes;
	unsigned long long device_bytes;
};

static bool facts_read(const char *volume, const char *node, struct facts *f)
{
	vmha_autofree char *name = vmha_str_printf(VMHA_VOLUME_FACTS "%s", volume);
	vmha_autofree char *value = NULL;

	return name && vmha_pcmk_attribute_get(node, name, &value, NULL) == 0 &&
	       sscanf(value, "%36s %llu %llu", f->id, &f->total_bytes, &f->device_bytes) == 3;
}

/* Against the first node that told: which of two that differ is wrong nobody can say. */
static void facts_compare(struct check *c, const char *node, const struct facts *f,
			  const char *first_node, const struct facts *first)
{
	const char *volume = c->volume->volume;

	if (!vmha_str_eq(f->id, first->id)) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "nodes", "see what is mounted there",
			      "%s has joined another storage of that name (id %s) than %s (id %s)",
			      node, f->id, first_node, first->id);
	} else if (f->device_bytes != first->device_bytes) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "nodes",
			      "rescan the device on the node that has the old size, and let it "
			      "join again",
			      "%s has %llu bytes on %s, but %llu on %s", c->volume->device,
			      f->device_bytes, node, first->device_bytes, first_node);
	} else if (f->total_bytes != first->total_bytes) {
		vmha_node_say(&c->rep, VMHA_NODE_WARN, "nodes",
			      "fine if it grew between their joining",
			      "volume %s had %llu bytes when %s joined, but %llu when %s did",
			      volume, f->total_bytes, node, first->total_bytes, first_node);
	}
}

static void nodes_check(struct check *c)
{
	const char *clone = *c->volume->parent ? c->volume->parent : c->volume->id;
	const char *volume = c->volume->volume;
	const char *first_node = NULL;
	struct facts first = { 0 };
	size_t failures = c->rep.failures;
	size_t i;

	for (i = 0; i < c->pcmk->nodes_count; i++) {
		const struct vmha_pcmk_node *n = &c->pcmk->nodes[i];
		const struct vmha_pcmk_failure *f = vmha_pcmk_failure_find(c->pcmk, volume);
		struct facts facts = { 0 };

		if (!node_counts(n)) {
			continue;
		}
		if (!vmha_pcmk_runs_on(c->pcmk, clone, n->name)) {
			vmha_node_say(&c->rep, VMHA_NODE_FAIL, "nodes",
				      "put that right, then: crm_resource --cleanup --resource "
				      "VOLUME",
				      "volume %s is not at /clusterstorage/%s on %s%s%s", volume,
				      volume, n->name,
				      f && vmha_str_eq(f->node, n->name) ? ": " : "",
				      f && vmha_str_eq(f->node, n->name) ? f->reason : "");
			continue;
		}
		if (!facts_read(volume, n->name, &facts)) {
			vmha_node_say(&c->rep, VMHA_NODE_WARN, "nodes",
				      "it tells when it joins the volume the next time",
				      "%s has not told what it sees of the volume", n->name);
		} else if (!first_node) {
			first_node = n->name;
			first = facts;
		} else {
			facts_compare(c, n->name, &facts, first_node, &first);
		}
	}
	if (c->rep.failures == failures) {
		vmha_node_say(&c->rep, VMHA_NODE_OK, "nodes", NULL,
			      "it is at /clusterstorage/%s on all nodes that are online", volume);
	}
}

/* @return true when its files may be looked at */
static bool here_check(struct check *c)
{
	vmha_autoerr struct vmha_err *err = NULL;
	enum vmha_volume_type type = VMHA_VOLUME_TYPE_DIR;
	struct vmha_joined_record joined;
	struct vmha_mount mount;
	char trouble[300] = "";
	int r = 0;

	if (vmha_volume_load(c->volume->volume, VMHA_VOLUME_JOINED, &joined, NULL) < 0) {
		vmha_node_say(&c->rep, VMHA_NODE_WARN, "storage", "run this on a node that has",
			      "this node has not joined it: its files are not looked at");
		return false;
	}
	if (vmha_volume_type_parse(c->volume->type, &type) == 0 && type != VMHA_VOLUME_TYPE_DIR) {
		r = vmha_volume_mount_read(c->volume->volume, &mount, &err);
		r = r == 0  ? vmha_err_set(&err, -ENOENT, "it is not mounted on this node")
		    : r < 0 ? r
			    : vmha_volume_mount_check(c->volume->volume, type, c->volume->device,
						      &mount, &err);
	}
	if (r == 0 && type == VMHA_VOLUME_TYPE_GFS2 &&
	    *vmha_volume_gfs2_trouble(c->volume->volume, VMHA_SPAN_S(TOOL_S), trouble,
				      sizeof(trouble))) {
		r = vmha_err_set(&err, -EIO, "%s", trouble);
	}
	if (r < 0) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "storage", "see crm_mon -1 and dmesg", "%s",
			      vmha_err_text(err));
	}
	return r == 0;
}

static bool record_check(struct check *c)
{
	vmha_autoerr struct vmha_err *err = NULL;
	const char *volume = c->volume->volume;

	if (vmha_volume_answers(volume, VMHA_ANSWER_S, &err) < 0) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "storage", "see dmesg and crm_mon -1", "%s",
			      vmha_err_text(err));
		return false;
	}
	if (vmha_volume_load(volume, VMHA_VOLUME_RECORD, &c->record, &err) < 0) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "record",
			      "is the right storage mounted? A backup of .vmha/volume brings it "
			      "back",
			      "%s", vmha_err_text(err));
		return false;
	}
	if (!vmha_str_eq(c->record.name, volume)) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "record", "is the right storage mounted?",
			      "it is the record of volume %s", c->record.name);
		return false;
	}
	vmha_node_say(&c->rep, VMHA_NODE_OK, "record", NULL, "type %s, lock %s, id %s",
		      c->record.type, c->record.lock, c->record.id);
	return true;
}

static void space_check(struct check *c)
{
	/* gfs2_grow would take the leases at its end for free space */
	const char *remedy =
		strcmp(c->record.type, "gfs2") == 0 ? "make room" : "make room, or let it grow";
	char path[VMHA_PATH_SIZE];
	unsigned long long bytes;
	struct statvfs st;

	vmha_volume_path(c->volume->volume, VMHA_VOLUME_DIR, path);
	if (statvfs(path, &st) < 0) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "space", "see dmesg",
			      "cannot ask for the space of %s: %s", path, strerror(errno));
		return;
	}
	bytes = (unsigned long long)st.f_bavail * st.f_frsize;
	if (bytes < SPACE_FAIL_BYTES) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "space", remedy,
			      "only %llu MiB are free: not enough for another role", bytes >> 20);
	} else if (st.f_bavail < st.f_blocks / 100 * SPACE_WARN_PERCENT) {
		vmha_node_say(&c->rep, VMHA_NODE_WARN, "space", remedy,
			      "less than %d %% are free (%llu MiB)", SPACE_WARN_PERCENT,
			      bytes >> 20);
	} else {
		vmha_node_say(&c->rep, VMHA_NODE_OK, "space", NULL, "%llu MiB are free",
			      bytes >> 20);
	}
}

/* Where the leases lie outside of the file system their number was set when the volume was made. */
static void leases_check(struct check *c)
{
	static const char *const remedy = "remove roles that are not needed, or add others on "
					  "another volume";
	vmha_autofree struct vmha_lease *leases = NULL;
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_lease_index index;
	size_t count = 0;
	int r = vmha_volume_leases(c->volume->volume, &index, &err);

	r = r < 0 ? r : vmha_leases_list(&index, &leases, &count, &err);
	if (r < 0) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "leases", "see dmesg and sanlock's log",
			      "%s", vmha_err_text(err));
	} else if (index.max && count >= index.max) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "leases", remedy,
			      "all %zu leases are in use: no role can be added", count);
	} else if (index.max && count * 100 >= index.max * LEASES_WARN_PERCENT) {
		vmha_node_say(&c->rep, VMHA_NODE_WARN, "leases", remedy,
			      "%zu of %llu leases are in use", count,
			      (unsigned long long)index.max);
	}
}

static void index_check(struct check *c)
{
	vmha_autoindex struct vmha_index index = { 0 };
	vmha_autoerr struct vmha_err *err = NULL;
	size_t roles = 0;
	size_t bad = 0;
	size_t i;

	if (vmha_remnants_read(c->volume->volume, &index, &err) < 0) {
		vmha_node_say(&c->rep, VMHA_NODE_FAIL, "leases", "see dmesg and sanlock's log",
			      "%s", vmha_err_text(err));
		return;
	}
	for (i = 0; i < index.count; i++) {
		vmha_autostr struct vmha_str problems = { 0 };
		const struct vmha_index_entry *e = &index.entries[i];
		enum vmha_index_verdict verdict = vmha_index_judge(&index, e, &problems);

		roles += verdict == VMHA_INDEX_WHOLE;
		if (verdict == VMHA_INDEX_WHOLE || verdict == VMHA_INDEX_NOTHING) {
			continue;
		}
		bad++;
		vmha_node_say(&c->rep,
			      verdict == VMHA_INDEX_BROKEN || verdict == VMHA_INDEX_UNKNOWN
				      ? VMHA_NODE_FAIL
				      : VMHA_NODE_WARN,
			      "leases",
			      verdict == VMHA_INDEX_STRAY
				      ? "'vmha vm add' or 'vmha vm remove' settles it"
				      : "the volume's owner settles what was interrupted; 'vmha vm "
					"remove' what it leaves",
			      "%s is %s: %s", e->name, vmha_index_verdict_name(verdict),
			      problems.len ? problems.text : "see its directory");
	}
	if (!bad) {
		vmha_node_say(&c->rep, VMHA_NODE_OK, "leases", NULL,
			      "leases, directories and resources of %zu roles agree", roles);
	}
}

static int volume_check(const struct vmha_pcmk_primitive *volume, json_t *out, size_t *failures,
			struct vmha_err **err)
{
	__attribute__((cleanup(check_free))) struct check c = { .volume = volume,
								.rep.lines = json_array() };
	int r = vmha_pcmk_state_read(&c.pcmk, err);

	if (r < 0) {
		return r;
	}
	if (!vmha_output_is_json()) {
		(void)printf("volume %s:\n", volume->volume);
	}
	nodes_check(&c);
	if (here_check(&c) && record_check(&c)) {
		space_check(&c);
		leases_check(&c);
		index_check(&c);
	}
	*failures += c.rep.failures;
	return json_array_append_new(out,
				     json_pack("{s:s, s:i, s:i, s:O}", "volume", volume->volume,
					       "failures", (int)c.rep.failures, "warnings",
					       (int)c.rep.warnings, "checks", c.rep.lines)) < 0
		       ? vmha_err_set(err, -ENOMEM, "out of memory")
		       : 0;
}

int vmha_volume_check(int argc, char **argv, struct vmha_err **err)
{
	vmha_autoprimitives struct vmha_pcmk_primitives *list = NULL;
	json_t *out;
	size_t failures = 0;
	size_t done = 0;
	size_t i;
	int r;

	if (argc > 2) {
		return vmha_usage(err, "one volume's name at most is expected");
	}
	r = vmha_need_root(err);
	r = r < 0 ? r : vmha_pcmk_primitives_read("csv", &list, err);
	if (r < 0) {
		return r;
	}
	out = json_array();
	for (i = 0; r == 0 && i < list->count; i++) {
		if (argc == 1 || vmha_str_eq(list->items[i].volume, argv[1])) {
			r = volume_check(&list->items[i], out, &failures, err);
			done++;
		}
	}
	if (r == 0 && argc == 2 && !done) {
		r = vmha_err_set(err, -ENOENT,
				 "volume '%s' is not a resource of the cluster: 'vmha volume list' "
				 "names those that are, 'vmha volume add' brings one in",
				 argv[1]);
	}
	if (r < 0) {
		json_decref(out);
		return r;
	}
	r = vmha_output_json(out);
	return r < 0 ? r : failures ? VMHA_EXIT_WARN : VMHA_EXIT_OK;
}
