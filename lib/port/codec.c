/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/codec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/port/codec_field.h"
#include "lib/port/codec_parts.h"

/* --- names ---------------------------------------------------------------------------------- */

/* NOLINTBEGIN(bugprone-macro-parentheses): a type's name takes none */
#define X(enum_)                                                                                   \
	static const char *enum_##_text(unsigned int value)                                        \
	{                                                                                          \
		return enum_##_name((enum enum_)value);                                            \
	}                                                                                          \
	static bool enum_##_value(const char *name, unsigned int *ret_value)                       \
	{                                                                                          \
		enum enum_ value;                                                                  \
                                                                                                   \
		if (!enum_##_parse(name, &value)) {                                                \
			return false;                                                              \
		}                                                                                  \
		*ret_value = (unsigned int)value;                                                  \
		return true;                                                                       \
	}                                                                                          \
	static const struct codec_enum enum_##_codec = { enum_##_text, enum_##_value };
X(vmha_mig_phase)
X(vmha_mig_cause)
X(vmha_mig_mode)
X(vmha_mig_result)
X(vmha_ceffect_kind)
X(vmha_host)
X(vmha_drain_state)
X(vmha_failback)
X(vmha_drain_policy)
X(vmha_drain_role_state)
X(vmha_level)
X(vmha_move_state)
#undef X
/* NOLINTEND(bugprone-macro-parentheses) */

#define ID_MAX	 INT_MAX   /* of a node */
#define WORD_MAX INT64_MAX /* of what JSON and jansson can hold */

/* --- parts ---------------------------------------------------------------------------------- */

static const struct codec_field iface_fields[] = {
	F_TEXT(struct vmha_iface, ifname),	F_TEXT(struct vmha_iface, address),
	F_UINT(struct vmha_iface, prefix, 128), F_UINT(struct vmha_iface, speed_mbps, UINT32_MAX),
	F_BOOL(struct vmha_iface, up),		F_BOOL(struct vmha_iface, default_gateway),
	F_BOOL(struct vmha_iface, cluster),
};
static const struct codec_object iface_object = OBJECT(iface_fields);

static const struct codec_field reach_fields[] = {
	F_TEXT(struct vmha_reach, address),
	F_BOOL(struct vmha_reach, ok),
};
static const struct codec_object reach_object = OBJECT(reach_fields);
static const struct codec_field guest_fields[] = {
	F_TEXT(struct vmha_cguest, vm),
	F_TEXT(struct vmha_cguest, state),
};
static const struct codec_object guest_object = OBJECT(guest_fields);

static const struct codec_field setting_fields[] = {
	F_TEXT(struct vmha_setting_pair, node),
	F_TEXT(struct vmha_setting_pair, name),
	F_TEXT(struct vmha_setting_pair, value),
};
static const struct codec_object setting_object = OBJECT(setting_fields);

static const struct codec_field role_fields[] = {
	F_UINT(struct vmha_drain_role, node, ID_MAX),
	F_TEXT(struct vmha_drain_role, vm),
	F_SINT(struct vmha_drain_role, priority, INT_MIN, INT_MAX),
	F_ENUM(struct vmha_drain_role, state, vmha_drain_role_state),
	F_UINT(struct vmha_drain_role, mig, WORD_MAX),
	F_TEXT(struct vmha_drain_role, reason),
};
static const struct codec_object role_object = OBJECT(role_fields);

/* --- the state ------------------------------------------------------------------------------ */

static const struct codec_field mig_fields[] = {
	F_UINT(struct vmha_mig, id, WORD_MAX),
	F_TEXT(struct vmha_mig, trace),
	F_TEXT(struct vmha_mig, vm),
	F_TEXT(struct vmha_mig, volume),
	F_TEXT(struct vmha_mig, requester),
	F_UINT(struct vmha_mig, from, ID_MAX),
	F_UINT(struct vmha_mig, to, ID_MAX),
	F_ENUM(struct vmha_mig, mode, vmha_mig_mode),
	F_SINT(struct vmha_mig, priority, INT_MIN, INT_MAX),
	F_ENUM(struct vmha_mig, cause, vmha_mig_cause),
	F_ENUM(struct vmha_mig, phase, vmha_mig_phase),
	F_ENUM(struct vmha_mig, state, vmha_move_state),
	F_ENUM(struct vmha_mig, agent_result, vmha_mig_result),
	F_ENUM(struct vmha_mig, result, vmha_mig_result),
	F_BOOL(struct vmha_mig, slot),
	F_BOOL(struct vmha_mig, checked),
	F_BOOL(struct vmha_mig, handed),
	F_BOOL(struct vmha_mig, cancel),
	F_BOOL(struct vmha_mig, preempted),
	F_BOOL(struct vmha_mig, held),
	F_BOOL(struct vmha_mig, requeue),
	F_BOOL(struct vmha_mig, stuck),
	F_BOOL(struct vmha_mig, again),
	F_UINT(struct vmha_mig, attempts, INT_MAX),
	F_UINT(struct vmha_mig, agent, WORD_MAX),
	F_ENUM(struct vmha_mig, pending, vmha_ceffect_kind),
	F_UINT(struct vmha_mig, performer, ID_MAX),
	F_TEXT(struct vmha_mig, network),
	F_TEXT(struct vmha_mig, address),
	F_OBJECT(struct vmha_mig, progress, codec_progress),
	F_OBJECT(struct vmha_mig, stats, codec_stats),
	F_TEXT(struct vmha_mig, reason),
	F_SINT(struct vmha_mig, enqueued_ms, 0, WORD_MAX),
	F_SINT(struct vmha_mig, begun_ms, 0, WORD_MAX),
	F_SINT(struct vmha_mig, ended_ms, 0, WORD_MAX),
	F_UINT(struct vmha_mig, ended_seq, WORD_MAX),
	F_ARRAY(struct vmha_mig, networks, networks_count, codec_attempt),
};
static const struct codec_object mig_object = OBJECT(mig_fields);

static const struct codec_field node_fields[] = {
	F_UINT(struct vmha_cnode, id, ID_MAX),
	F_TEXT(struct vmha_cnode, name),
	F_TEXT(struct vmha_cnode, version),
	F_UINT(struct vmha_cnode, proto, INT_MAX),
	F_BOOL(struct vmha_cnode, member),
	F_BOOL(struct vmha_cnode, ready),
	F_ENUM(struct vmha_cnode, host, vmha_host),
	F_ENUM(struct vmha_cnode, drain, vmha_drain_state),
	F_ENUM(struct vmha_cnode, drain_policy, vmha_drain_policy),
	F_ENUM(struct vmha_cnode, failback, vmha_failback),
	F_UINT(struct vmha_cnode, drain_performer, ID_MAX),
	F_TEXT(struct vmha_cnode, drain_requester),
	F_TEXT(struct vmha_cnode, drain_reason),
	F_SINT(struct vmha_cnode, drain_ms, 0, WORD_MAX),
	F_BOOL(struct vmha_cnode, ifaces_known),
	F_ARRAY(struct vmha_cnode, ifaces, ifaces_count, iface_object),
	F_ARRAY(struct vmha_cnode, reaches, reaches_count, reach_object),
	F_ARRAY(struct vmha_cnode, guests, guests_count, guest_object),
};
static const struct codec_object node_object = OBJECT(node_fields);

static const struct codec_field cluster_fields[] = {
	F_UINT(struct vmha_cluster, seq, WORD_MAX),
	F_UINT(struct vmha_cluster, next_id, WORD_MAX),
	F_SINT(struct vmha_cluster, wall_ms, 0, WORD_MAX),
	F_BOOL(struct vmha_cluster, quorate),
	F_UINT(struct vmha_cluster, ring_seq, WORD_MAX),
	F_BOOL(struct vmha_cluster, ring_over),
	F_UINT(struct vmha_cluster, disturbance, WORD_MAX),
	F_UINT(struct vmha_cluster, watcher, ID_MAX),
	F_UINT(struct vmha_cluster, settings_seq, WORD_MAX),
	F_ARRAY(struct vmha_cluster, nodes, nodes_count, node_object),
	F_ARRAY_AS("migrations", struct vmha_cluster, migs, migs_count, mig_object),
	F_ARRAY(struct vmha_cluster, settings, settings_count, setting_object),
	F_ARRAY(struct vmha_cluster, roles, roles_count, role_object),
	F_TEXTS_AS("numbers", struct vmha_cluster, numbers.keys),
};
static const struct codec_object cluster_object = OBJECT(cluster_fields);

/* --- events --------------------------------------------------------------------------------- */

static const struct codec_field hello_fields[] = {
	F_TEXT(struct vmha_chello, name),
	F_TEXT(struct vmha_chello, version),
	F_UINT(struct vmha_chello, proto, INT_MAX),
};
static const struct codec_object hello_object = OBJECT(hello_fields);

static const struct codec_field quorum_fields[] = {
	F_UINT(struct vmha_cquorum, ring_seq, WORD_MAX),
	F_BOOL(struct vmha_cquorum, quorate),
	F_IDS(struct vmha_cquorum, hosts, hosts_count),
};
static const struct codec_object quorum_object = OBJECT(quorum_fields);

static const struct codec_field enqueue_fields[] = {
	F_TEXT(struct vmha_cenqueue, vm),
	F_TEXT(struct vmha_cenqueue, volume),
	F_TEXT(struct vmha_cenqueue, trace),
	F_TEXT(struct vmha_cenqueue, requester),
	F_UINT(struct vmha_cenqueue, from, ID_MAX),
	F_UINT(struct vmha_cenqueue, to, ID_MAX),
	F_ENUM(struct vmha_cenqueue, mode, vmha_mig_mode),
	F_ENUM(struct vmha_cenqueue, cause, vmha_mig_cause),
	F_SINT(struct vmha_cenqueue, priority, INT_MIN, INT_MAX),
};
static const struct codec_object enqueue_object = OBJECT(enqueue_fields);

static const struct codec_field migevent_fields[] = {
	F_UINT(struct vmha_cmigevent, id, WORD_MAX),
	F_UINT(struct vmha_cmigevent, agent, WORD_MAX),
	F_BOOL(struct vmha_cmigevent, ok),
	F_ENUM(struct vmha_cmigevent, result, vmha_mig_result),
	F_TEXT(struct vmha_cmigevent, reason),
};
static const struct codec_object migevent_object = OBJECT(migevent_fields);

static const struct codec_field report_fields[] = {
	F_ENUM(struct vmha_creport, state, vmha_move_state),
	F_TEXT(struct vmha_creport, network),
	F_TEXT(struct vmha_creport, address),
	F_OBJECT(struct vmha_creport, progress, codec_progress),
};
static const struct codec_object report_object = OBJECT(report_fields);

static const struct codec_field drain_fields[] = {
	F_UINT(struct vmha_cdrain, node, ID_MAX),
	F_ENUM(struct vmha_cdrain, state, vmha_drain_state),
	F_ENUM(struct vmha_cdrain, policy, vmha_drain_policy),
	F_ENUM(struct vmha_cdrain, failback, vmha_failback),
	F_TEXT(struct vmha_cdrain, requester),
	F_TEXT(struct vmha_cdrain, reason),
	F_OBJECT(struct vmha_cdrain, role, role_object),
};
static const struct codec_object drain_object = OBJECT(drain_fields);

static const struct codec_field journal_fields[] = {
	F_SINT(struct vmha_cjournal, wall_ms, 0, WORD_MAX),
	F_ENUM(struct vmha_cjournal, level, vmha_level),
	F_TEXT(struct vmha_cjournal, kind),
	F_TEXT(struct vmha_cjournal, vm),
	F_TEXT(struct vmha_cjournal, node),
	F_TEXT(struct vmha_cjournal, trace),
	F_TEXT(struct vmha_cjournal, cause),
	F_UINT(struct vmha_cjournal, mig, WORD_MAX),
	F_TEXT(struct vmha_cjournal, text),
};
static const struct codec_object journal_object = OBJECT(journal_fields);

/* Parts of an event, each a bit; a type has some of them. */
#define PARTS(X)                                                                                   \
	X(node, F_UINT(struct vmha_cevent, node, ID_MAX))                                          \
	X(disturbance, F_UINT(struct vmha_cevent, disturbance, WORD_MAX))                          \
	X(hello, F_OBJECT(struct vmha_cevent, hello, hello_object))                                \
	X(quorum, F_OBJECT(struct vmha_cevent, quorum, quorum_object))                             \
	X(enqueue, F_OBJECT(struct vmha_cevent, enqueue, enqueue_object))                          \
	X(mig, F_OBJECT(struct vmha_cevent, mig, migevent_object))                                 \
	X(report, F_OBJECT(struct vmha_cevent, report, report_object))                             \
	X(attempt, F_OBJECT(struct vmha_cevent, attempt, codec_attempt))                           \
	X(stats, F_OBJECT(struct vmha_cevent, stats, codec_stats))                                 \
	X(drain, F_OBJECT(struct vmha_cevent, drain, drain_object))                                \
	X(volume, F_OBJECT(struct vmha_cevent, volume, codec_volume))                              \
	X(journal, F_OBJECT(struct vmha_cevent, journal, journal_object))

enum part {
#define X(name_, ...) PART_##name_,
	PARTS(X)
#undef X
		PARTS_COUNT
};

static const struct codec_field parts[] = {
#define X(name_, ...) __VA_ARGS__,
	PARTS(X)
#undef X
};

#define HAS(part_) (1U << PART_##part_)

static const unsigned int has[VMHA_CEVENTS_COUNT] = {
	[VMHA_CEVENT_HELLO] = HAS(hello),
	[VMHA_CEVENT_QUORUM] = HAS(quorum),
	[VMHA_CEVENT_ENQUEUE] = HAS(enqueue),
	[VMHA_CEVENT_CHECKED] = HAS(mig),
	[VMHA_CEVENT_HANDED] = HAS(mig),
	[VMHA_CEVENT_BEGUN] = HAS(enqueue) | HAS(mig),
	[VMHA_CEVENT_EXPIRED] = HAS(mig),
	[VMHA_CEVENT_REPORT] = HAS(mig) | HAS(report),
	[VMHA_CEVENT_ATTEMPT] = HAS(mig) | HAS(attempt),
	[VMHA_CEVENT_AGENT_END] = HAS(mig) | HAS(report) | HAS(stats),
	[VMHA_CEVENT_AGENT_LOST] = HAS(mig),
	[VMHA_CEVENT_SETTLED] = HAS(mig),
	[VMHA_CEVENT_CANCEL] = HAS(mig),
	[VMHA_CEVENT_DISTURBED] = HAS(mig),
	[VMHA_CEVENT_RELEASE] = HAS(disturbance),
	[VMHA_CEVENT_DRAIN] = HAS(drain),
	[VMHA_CEVENT_DRAIN_ROLE] = HAS(drain),
	[VMHA_CEVENT_DRAIN_STATE] = HAS(drain),
	[VMHA_CEVENT_RESUME] = HAS(drain),
	[VMHA_CEVENT_FORGET] = HAS(node),
	[VMHA_CEVENT_VOLUME] = HAS(volume),
	[VMHA_CEVENT_JOURNAL] = HAS(journal),
};

static bool travels(enum vmha_cevent_type type)
{
	static const bool wire[] = {
#define X(name_, wire_) [VMHA_CEVENT_##name_] = (wire_),
		VMHA_CEVENTS(X)
#undef X
	};

	return wire[type];
}

/* The lists of an event, which are borrowed by it. */
struct list {
	enum vmha_cevent_type type;
	const char *name;
	const struct codec_object *object;
	size_t max;
	size_t size;
};

static const struct list lists[] = {
	{ VMHA_CEVENT_SETTINGS, "settings", &setting_object, VMHA_CLUSTER_SETTINGS_MAX,
	  sizeof(struct vmha_setting_pair) },
	{ VMHA_CEVENT_INTERFACES, "ifaces", &iface_object, VMHA_IFACES_MAX,
	  sizeof(struct vmha_iface) },
	{ VMHA_CEVENT_REACH, "reaches", &reach_object, VMHA_REACHES_MAX,
	  sizeof(struct vmha_reach) },
	{ VMHA_CEVENT_GUESTS, "guests", &guest_object, VMHA_CGUESTS_MAX,
	  sizeof(struct vmha_cguest) },
};

static const struct list *list_of(enum vmha_cevent_type type)
{
	size_t i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (lists[i].type == type) {
			return &lists[i];
		}
	}
	return NULL;
}

static json_t *list_print(const struct list *list, const struct vmha_cevent *event)
{
	if (list->type == VMHA_CEVENT_SETTINGS) {
		return codec_array_print(list->object, event->settings, event->settings_count,
					 list->size);
	}
	if (list->type == VMHA_CEVENT_INTERFACES) {
		return codec_array_print(list->object, event->ifaces, event->ifaces_count,
					 list->size);
	}
	if (list->type == VMHA_CEVENT_GUESTS) {
		return codec_array_print(list->object, event->guests, event->guests_count,
					 list->size);
	}
	return codec_array_print(list->object, event->reaches, event->reaches_count, list->size);
}

static int list_parse(const struct list *list, const json_t *json, struct vmha_cevent *event,
		      struct vmha_err **err)
{
	size_t count = 0;
	int r;

	event->owned = calloc(list->max, list->size);
	if (!event->owned) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	r = codec_array_parse(list->object, json, event->owned, list->max, list->size, &count, err);
	if (list->type == VMHA_CEVENT_SETTINGS) {
		event->settings = event->owned;
		event->settings_count = count;
	} else if (list->type == VMHA_CEVENT_INTERFACES) {
		event->ifaces = event->owned;
		event->ifaces_count = count;
	} else if (list->type == VMHA_CEVENT_GUESTS) {
		event->guests = event->owned;
		event->guests_count = count;
	} else {
		event->reaches = event->owned;
		event->reaches_count = count;
	}
	return r;
}

/* --- texts ---------------------------------------------------------------------------------- */

static void cleanup_json(json_t **json)
{
	json_decref(*json);
}
#define autojson __attribute__((cleanup(cleanup_json)))

/* @json may be NULL: memory ran out. */
static int text_out(const json_t *json, size_t max, char **ret_text, struct vmha_err **err)
{
	vmha_autofree char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	if (!text) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	if (strlen(text) > max) {
		return vmha_err_set(err, -E2BIG, "%zu bytes are too many", strlen(text));
	}
	*ret_text = vmha_steal_ptr(text);
	return 0;
}

static int text_in(const char *text, size_t len, size_t max, json_t **ret_json,
		   struct vmha_err **err)
{
	json_error_t why;
	json_t *json;
	const json_t *version;

	if (len > max) {
		return vmha_err_set(err, -E2BIG, "%zu bytes are too many", len);
	}
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!json) {
		return vmha_err_set(err, -EBADMSG, "no JSON: %s", why.text);
	}
	version = json_object_get(json, "v");
	if (!json_is_integer(version)) {
		json_decref(json);
		return vmha_err_set(err, -EBADMSG, "no version");
	}
	if (json_integer_value(version) != VMHA_CODEC_VERSION) {
		json_int_t got = json_integer_value(version);

		json_decref(json);
		return vmha_err_set(err, -ENOTSUP, "version %lld is not known", (long long)got);
	}
	*ret_json = json;
	return 0;
}

static int event_fill(json_t *json, const struct vmha_cevent *event)
{
	const struct list *list = list_of(event->type);
	size_t i;
	int r = 0;

	r |= json_object_set_new(json, "v", json_integer(VMHA_CODEC_VERSION));
	r |= json_object_set_new(json, "t", json_string(vmha_cevent_type_name(event->type)));
	r |= json_object_set_new(json, "from", json_integer(event->from));
	r |= json_object_set_new(json, "wall_ms", json_integer(event->wall_ms));
	for (i = 0; i < PARTS_COUNT; i++) {
		const char *base = (const char *)event + parts[i].offset;

		if (!(has[event->type] & 1U << i)) {
			continue;
		}
		if (parts[i].kind == CODEC_OBJECT) {
			r |= json_object_set_new(json, parts[i].name,
						 codec_print(parts[i].object, base));
		} else {
			const struct codec_object one = { &parts[i], 1 };
			autojson json_t *part = codec_print(&one, event);

			r |= part ? json_object_update(json, part) : -1;
		}
	}
	if (list) {
		r |= json_object_set_new(json, list->name, list_print(list, event));
	}
	return r;
}

int vmha_codec_event_print(const struct vmha_cevent *event, char **ret_text, struct vmha_err **err)
{
	autojson json_t *json = NULL;

	if ((unsigned int)event->type >= VMHA_CEVENTS_COUNT || !travels(event->type)) {
		return vmha_err_set(err, -EINVAL, "%s does not travel",
				    vmha_cevent_type_name(event->type));
	}
	json = json_object();
	if (!json || event_fill(json, event) < 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	return text_out(json, VMHA_CODEC_EVENT_MAX, ret_text, err);
}

static int head_parse(const json_t *json, struct vmha_cevent *event, struct vmha_err **err)
{
	static const struct codec_field fields[] = {
		F_UINT(struct vmha_cevent, from, ID_MAX),
		F_SINT(struct vmha_cevent, wall_ms, 0, WORD_MAX),
	};
	static const struct codec_object head = OBJECT(fields);
	const char *type = json_string_value(json_object_get(json, "t"));

	if (!type) {
		return vmha_err_set(err, -EBADMSG, "no type");
	}
	if (!vmha_cevent_type_parse(type, &event->type) || !travels(event->type)) {
		return vmha_err_set(err, -ENOTSUP, "'%.32s' is no event that this release knows",
				    type);
	}
	return codec_parse(&head, json, event, err);
}

static int event_parse(const json_t *json, struct vmha_cevent *event, struct vmha_err **err)
{
	const struct list *list;
	size_t i;
	int r = head_parse(json, event, err);

	for (i = 0; i < PARTS_COUNT && r == 0; i++) {
		const struct codec_object one = { &parts[i], 1 };

		if (has[event->type] & 1U << i) {
			r = codec_parse(&one, json, event, err);
		}
	}
	list = r == 0 ? list_of(event->type) : NULL;
	return list ? list_parse(list, json_object_get(json, list->name), event, err) : r;
}

int vmha_codec_event_parse(const char *text, size_t len, struct vmha_cevent **ret_event,
			   struct vmha_err **err)
{
	autojson json_t *json = NULL;
	struct vmha_cevent *event;
	int r = text_in(text, len, VMHA_CODEC_EVENT_MAX, &json, err);

	if (r < 0) {
		return r;
	}
	event = calloc(1, sizeof(*event));
	if (!event) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	r = event_parse(json, event, err);
	if (r < 0) {
		vmha_cevent_free(event);
		return r;
	}
	*ret_event = event;
	return 0;
}

int vmha_codec_snapshot_print(const struct vmha_cluster *state, char **ret_text,
			      struct vmha_err **err)
{
	autojson json_t *json = json_pack("{s:i}", "v", VMHA_CODEC_VERSION);
	autojson json_t *body = codec_print(&cluster_object, state);

	if (!json || !body || json_object_update(json, body) < 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	return text_out(json, VMHA_CODEC_SNAPSHOT_MAX, ret_text, err);
}

int vmha_codec_snapshot_parse(const char *text, size_t len, struct vmha_cluster **ret_state,
			      struct vmha_err **err)
{
	autojson json_t *json = NULL;
	vmha_autofree struct vmha_cluster *state = NULL;
	const char *law;
	int r = text_in(text, len, VMHA_CODEC_SNAPSHOT_MAX, &json, err);

	if (r < 0) {
		return r;
	}
	state = vmha_cluster_new();
	if (!state) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	r = codec_parse(&cluster_object, json, state, err);
	if (r < 0) {
		return r;
	}
	law = vmha_cluster_check(state);
	if (law) {
		return vmha_err_set(err, -EBADMSG, "against the law that %s", law);
	}
	*ret_state = vmha_steal_ptr(state);
	return 0;
}
