/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define SUM_HEX 16

enum field_type {
	FIELD_TEXT,
	FIELD_U64,
	FIELD_I64,
};

struct field {
	const char *key;
	enum field_type type;
	size_t offset;
	size_t size; /* of a text, with NUL */
};

#define TEXT(record_, member_)                                                                     \
	{                                                                                          \
#member_, FIELD_TEXT, offsetof(struct record_, member_),                           \
			sizeof(((struct record_ *)NULL)->member_)                                  \
	}
#define U64(record_, member_)                                                                      \
	{                                                                                          \
#member_, FIELD_U64, offsetof(struct record_, member_), 0                          \
	}
#define I64(record_, member_)                                                                      \
	{                                                                                          \
#member_, FIELD_I64, offsetof(struct record_, member_), 0                          \
	}

static const struct field role_fields[] = {
	TEXT(vmha_role_record, name),	    TEXT(vmha_role_record, uuid),
	TEXT(vmha_role_record, volume),	    TEXT(vmha_role_record, lease_id),
	TEXT(vmha_role_record, lease_path), U64(vmha_role_record, lease_offset),
	U64(vmha_role_record, unsafe),	    { NULL, FIELD_TEXT, 0, 0 },
};

static const struct field owner_fields[] = {
	TEXT(vmha_owner_record, node),	     U64(vmha_owner_record, host_id),
	U64(vmha_owner_record, generation),  I64(vmha_owner_record, pid),
	U64(vmha_owner_record, start_ticks), TEXT(vmha_owner_record, trace),
	{ NULL, FIELD_TEXT, 0, 0 },
};

static const struct field run_fields[] = {
	TEXT(vmha_run_record, uuid), TEXT(vmha_run_record, volume),
	I64(vmha_run_record, pid),   U64(vmha_run_record, start_ticks),
	U64(vmha_run_record, lver),  { NULL, FIELD_TEXT, 0, 0 },
};

static const struct field state_fields[] = {
	TEXT(vmha_state_record, uuid),	    TEXT(vmha_state_record, lease_id),
	U64(vmha_state_record, lver),	    TEXT(vmha_state_record, node),
	I64(vmha_state_record, saved_at_s), U64(vmha_state_record, state_bytes),
	TEXT(vmha_state_record, xml_sum),   TEXT(vmha_state_record, trace),
	{ NULL, FIELD_TEXT, 0, 0 },
};

static const struct field move_fields[] = {
	TEXT(vmha_move_record, trace),	 TEXT(vmha_move_record, from),
	TEXT(vmha_move_record, to),	 TEXT(vmha_move_record, mode),
	TEXT(vmha_move_record, state),	 U64(vmha_move_record, lver),
	I64(vmha_move_record, begun_ms), I64(vmha_move_record, stopped_ms),
	I64(vmha_move_record, total_ms), I64(vmha_move_record, blackout_ms),
	I64(vmha_move_record, bytes),	 TEXT(vmha_move_record, address),
	TEXT(vmha_move_record, reason),	 { NULL, FIELD_TEXT, 0, 0 },
};

static const struct field volume_fields[] = {
	TEXT(vmha_volume_record, name),
	TEXT(vmha_volume_record, id),
	TEXT(vmha_volume_record, type),
	TEXT(vmha_volume_record, lock),
	U64(vmha_volume_record, io_timeout_s),
	U64(vmha_volume_record, size_bytes),
	U64(vmha_volume_record, latency_count),
	U64(vmha_volume_record, latency_p50_us),
	U64(vmha_volume_record, latency_p99_us),
	U64(vmha_volume_record, latency_max_us),
	{ NULL, FIELD_TEXT, 0, 0 },
};

static const struct field joined_fields[] = {
	TEXT(vmha_joined_record, name),
	TEXT(vmha_joined_record, id),
	TEXT(vmha_joined_record, node),
	U64(vmha_joined_record, host_id),
	U64(vmha_joined_record, io_timeout_s),
	U64(vmha_joined_record, mounted),
	{ NULL, FIELD_TEXT, 0, 0 },
};

static const struct field renewal_fields[] = {
	U64(vmha_renewal_record, last_s),  U64(vmha_renewal_record, state),
	U64(vmha_renewal_record, told_s),  U64(vmha_renewal_record, suppressed),
	U64(vmha_renewal_record, last_ms), U64(vmha_renewal_record, max_ms),
	{ NULL, FIELD_TEXT, 0, 0 },
};

static const struct field health_fields[] = {
	I64(vmha_health_record, last_ok_ms),
	I64(vmha_health_record, pid),
	U64(vmha_health_record, start_ticks),
	{ NULL, FIELD_TEXT, 0, 0 },
};

static const struct field intent_fields[] = {
	TEXT(vmha_intent_record, name), TEXT(vmha_intent_record, volume),
	TEXT(vmha_intent_record, op),	U64(vmha_intent_record, disks),
	TEXT(vmha_intent_record, node), I64(vmha_intent_record, begun_s),
	{ NULL, FIELD_TEXT, 0, 0 },
};

static const struct field leases_fields[] = {
	TEXT(vmha_leases_record, name),
	TEXT(vmha_leases_record, id),
	U64(vmha_leases_record, io_timeout_s),
	U64(vmha_leases_record, lockspace_offset),
	U64(vmha_leases_record, index_offset),
	U64(vmha_leases_record, leases_max),
	{ NULL, FIELD_TEXT, 0, 0 },
};

static const struct field coordinator_fields[] = {
	TEXT(vmha_coordinator_record, node), U64(vmha_coordinator_record, host_id),
	U64(vmha_coordinator_record, epoch), I64(vmha_coordinator_record, since_s),
	{ NULL, FIELD_TEXT, 0, 0 },
};

static const struct {
	const char *name;
	const struct field *fields;
	size_t size;
} kinds[] = {
	[VMHA_RECORD_ROLE] = { "role", role_fields, sizeof(struct vmha_role_record) },
	[VMHA_RECORD_OWNER] = { "owner", owner_fields, sizeof(struct vmha_owner_record) },
	[VMHA_RECORD_RUN] = { "run", run_fields, sizeof(struct vmha_run_record) },
	[VMHA_RECORD_STATE] = { "state", state_fields, sizeof(struct vmha_state_record) },
	[VMHA_RECORD_MOVE] = { "move", move_fields, sizeof(struct vmha_move_record) },
	[VMHA_RECORD_VOLUME] = { "volume", volume_fields, sizeof(struct vmha_volume_record) },
	[VMHA_RECORD_JOINED] = { "joined", joined_fields, sizeof(struct vmha_joined_record) },
	[VMHA_RECORD_RENEWALS] = { "renewals", renewal_fields, sizeof(struct vmha_renewal_record) },
	[VMHA_RECORD_HEALTH] = { "health", health_fields, sizeof(struct vmha_health_record) },
	[VMHA_RECORD_COORDINATOR] = { "coordinator", coordinator_fields,
				      sizeof(struct vmha_coordinator_record) },
	[VMHA_RECORD_INTENT] = { "intent", intent_fields, sizeof(struct vmha_intent_record) },
	[VMHA_RECORD_LEASES] = { "leases", leases_fields, sizeof(struct vmha_leases_record) },
};

uint64_t vmha_fnv64(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = 0xcbf29ce484222325ULL;
	size_t i;

	for (i = 0; i < len; i++) {
		h = (h ^ p[i]) * 0x100000001b3ULL;
	}
	return h;
}

/* A text is one line: what would break it (a newline in libvirt's error) becomes a space. */
static void text_print(struct vmha_str *s, const char *key, const char *text)
{
	size_t i;

	(void)vmha_str_add(s, "%s=", key);
	for (i = 0; text[i]; i++) {
		char c = (unsigned char)text[i] < 0x20 ? ' ' : text[i];

		(void)vmha_str_add_bytes(s, &c, 1);
	}
	(void)vmha_str_add_bytes(s, "\n", 1);
}

static void field_print(struct vmha_str *s, const struct field *f, const char *record)
{
	uint64_t u = 0;
	int64_t i = 0;

	switch (f->type) {
	case FIELD_TEXT:
		text_print(s, f->key, record + f->offset);
		break;
	case FIELD_U64:
		memcpy(&u, record + f->offset, sizeof(u));
		(void)vmha_str_add(s, "%s=%" PRIu64 "\n", f->key, u);
		break;
	case FIELD_I64:
		memcpy(&i, record + f->offset, sizeof(i));
		(void)vmha_str_add(s, "%s=%" PRId64 "\n", f->key, i);
		break;
	}
}

static void images_print(struct vmha_str *s, const struct vmha_state_record *state)
{
	unsigned int i;

	for (i = 0; i < state->images_count && i < VMHA_IMAGES_MAX; i++) {
		const struct vmha_image *im = &state->images[i];

		(void)vmha_str_add(s, "image=%" PRIu64 " %" PRId64 " %s\n", im->size_bytes,
				   im->mtime_ns, im->path);
	}
}

char *vmha_record_print(enum vmha_record_kind kind, const void *record)
{
	vmha_autostr struct vmha_str s = { 0 };
	const struct field *f;

	(void)vmha_str_add(&s, VMHA_RECORD_MAGIC "%s/1\n", kinds[kind].name);
	for (f = kinds[kind].fields; f->key; f++) {
		field_print(&s, f, record);
	}
	if (kind == VMHA_RECORD_STATE) {
		images_print(&s, record);
	}
	if (s.failed) {
		return NULL;
	}
	(void)vmha_str_add(&s, "sum=%016" PRIx64 "\n", vmha_fnv64(s.text, s.len));
	return vmha_str_steal(&s);
}

static int i64_parse(const char *value, int64_t *ret)
{
	bool negative = *value == '-';
	uint64_t u = 0;

	if (vmha_str_u64(value + negative, 0, INT64_MAX, &u) < 0) {
		return -EBADMSG;
	}
	*ret = negative ? -(int64_t)u : (int64_t)u;
	return 0;
}

static int field_parse(const struct field *f, const char *value, char *record)
{
	uint64_t u = 0;
	int64_t i = 0;

	switch (f->type) {
	case FIELD_TEXT:
		if (strlen(value) >= f->size) {
			return -EBADMSG;
		}
		memcpy(record + f->offset, value, strlen(value) + 1);
		return 0;
	case FIELD_U64:
		if (vmha_str_u64(value, 0, UINT64_MAX, &u) < 0) {
			return -EBADMSG;
		}
		memcpy(record + f->offset, &u, sizeof(u));
		return 0;
	case FIELD_I64:
		if (i64_parse(value, &i) < 0) {
			return -EBADMSG;
		}
		memcpy(record + f->offset, &i, sizeof(i));
		return 0;
	}
	return -EBADMSG;
}

static int image_parse(char *value, struct vmha_state_record *state)
{
	struct vmha_image *im = &state->images[state->images_count];
	char *mtime = strchr(value, ' ');
	char *path = mtime ? strchr(mtime + 1, ' ') : NULL;

	if (!path || state->images_count >= VMHA_IMAGES_MAX) {
		return -EBADMSG;
	}
	*mtime++ = '\0';
	*path++ = '\0';
	if (vmha_str_u64(value, 0, UINT64_MAX, &im->size_bytes) < 0 ||
	    i64_parse(mtime, &im->mtime_ns) < 0 || !*path || strlen(path) >= sizeof(im->path)) {
		return -EBADMSG;
	}
	memcpy(im->path, path, strlen(path) + 1);
	state->images_count++;
	return 0;
}

/* Cuts the sum line off @text. */
static int sum_check(char *text, struct vmha_err **err)
{
	size_t len = strlen(text);
	char want[SUM_HEX + 6];
	char *line;

	if (len < SUM_HEX + 5 || text[len - 1] != '\n') {
		return vmha_err_set(err, -EBADMSG, "record is cut short");
	}
	line = text + len - (SUM_HEX + 5);
	(void)snprintf(want, sizeof(want), "sum=%016" PRIx64, vmha_fnv64(text, len - SUM_HEX - 5));
	if (strncmp(line, want, SUM_HEX + 4) != 0) {
		return vmha_err_set(err, -EBADMSG, "record has no valid sum");
	}
	*line = '\0';
	return 0;
}

/* What records of older releases lack, with what it was then. */
static const struct {
	enum vmha_record_kind kind;
	const char *key;
	const char *value;
} defaults[] = {
	{ VMHA_RECORD_ROLE, "unsafe", "0" },
	{ VMHA_RECORD_VOLUME, "type", "dir" },
	{ VMHA_RECORD_VOLUME, "lock", "sanlock" },
	{ VMHA_RECORD_VOLUME, "latency_count", "0" },
	{ VMHA_RECORD_VOLUME, "latency_p50_us", "0" },
	{ VMHA_RECORD_VOLUME, "latency_p99_us", "0" },
	{ VMHA_RECORD_VOLUME, "latency_max_us", "0" },
	{ VMHA_RECORD_VOLUME, "size_bytes", "0" },
};

static int field_default(enum vmha_record_kind kind, const struct field *f, char *record)
{
	size_t i;

	for (i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		if (defaults[i].kind == kind && strcmp(defaults[i].key, f->key) == 0) {
			return field_parse(f, defaults[i].value, record);
		}
	}
	return -EBADMSG;
}

struct parse {
	enum vmha_record_kind kind;
	char *record;
	uint64_t seen; /* bit n: fields[n] was there */
};

static int line_parse(struct parse *p, char *line, struct vmha_err **err)
{
	const struct field *fields = kinds[p->kind].fields;
	char *value = strchr(line, '=');
	void *record = p->record;
	size_t i;

	if (!value) {
		return vmha_err_set(err, -EBADMSG, "record has a line without '='");
	}
	*value++ = '\0';
	if (p->kind == VMHA_RECORD_STATE && strcmp(line, "image") == 0) {
		return image_parse(value, record) < 0
			       ? vmha_err_set(err, -EBADMSG, "record has a bad image line")
			       : 0;
	}
	for (i = 0; fields[i].key; i++) {
		if (strcmp(fields[i].key, line) != 0) {
			continue;
		}
		if (p->seen & (1ULL << i) || field_parse(&fields[i], value, p->record) < 0) {
			return vmha_err_set(err, -EBADMSG, "record has a bad value of %s", line);
		}
		p->seen |= 1ULL << i;
	}
	return 0; /* unknown keys: of a newer release */
}

static int body_parse(struct parse *p, char *text, struct vmha_err **err)
{
	const struct field *fields = kinds[p->kind].fields;
	char head[64];
	char *save = NULL;
	char *line = strtok_r(text, "\n", &save);
	size_t i;

	(void)snprintf(head, sizeof(head), VMHA_RECORD_MAGIC "%s/1", kinds[p->kind].name);
	if (!line || strcmp(line, head) != 0) {
		return vmha_err_set(err, -EBADMSG, "record does not begin with %s", head);
	}
	while ((line = strtok_r(NULL, "\n", &save))) {
		int r = line_parse(p, line, err);

		if (r < 0) {
			return r;
		}
	}
	for (i = 0; fields[i].key; i++) {
		if (!(p->seen & (1ULL << i)) && field_default(p->kind, &fields[i], p->record) < 0) {
			return vmha_err_set(err, -EBADMSG, "record lacks %s", fields[i].key);
		}
	}
	return 0;
}

int vmha_record_parse(enum vmha_record_kind kind, const char *text, void *ret_record,
		      struct vmha_err **err)
{
	vmha_autofree char *copy = strdup(text);
	vmha_autofree char *record = calloc(1, kinds[kind].size);
	struct parse p = { .kind = kind, .record = record };
	int r;

	if (!copy || !record) {
		return vmha_err_set(err, -ENOMEM, "out of memory reading a record");
	}
	r = sum_check(copy, err);
	if (r == 0) {
		r = body_parse(&p, copy, err);
	}
	if (r < 0) {
		return r;
	}
	memcpy(ret_record, record, kinds[kind].size);
	return 0;
}
