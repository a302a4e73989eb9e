/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/move_json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define STREAMS_MAX 16

static void json_cleanup(json_t **j)
{
	json_decref(*j);
}
#define autojson __attribute__((cleanup(json_cleanup)))

static char *text_of(json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	return text;
}

static const char *given(const char *text)
{
	return text ? text : "";
}

char *vmha_move_json_begin(const struct vmha_move_ask *ask)
{
	return text_of(json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:b}", "v", 1,
				 "op", "move-begin", "vm", ask->vm, "volume", ask->volume, "from",
				 ask->from, "to", ask->to, "trace", ask->trace, "mode", ask->mode,
				 "timeout_ms", (json_int_t)ask->timeout_ms, "pid",
				 (json_int_t)ask->pid, "attach", ask->attach));
}

char *vmha_move_json_report(uint64_t id, const char *vm, const char *trace, const char *state,
			    const char *network, const char *address,
			    const struct vmha_move_progress *progress)
{
	static const struct vmha_move_progress none = { .percent = -1, .eta_ms = -1 };
	const struct vmha_move_progress *p = progress ? progress : &none;

	return text_of(json_pack(
		"{s:i, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I}", "v",
		1, "op", "move-report", "id", (json_int_t)id, "vm", vm, "trace", trace, "state",
		state, "network", given(network), "address", given(address), "percent", p->percent,
		"processed", (json_int_t)p->processed_bytes, "remaining",
		(json_int_t)p->remaining_bytes, "rate_bps", (json_int_t)p->rate_bps, "dirty_bps",
		(json_int_t)p->dirty_bps, "eta_ms", (json_int_t)p->eta_ms, "iteration",
		(json_int_t)p->iteration));
}

char *vmha_move_json_network(uint64_t id, const char *vm, const char *network, const char *address,
			     const char *error)
{
	return text_of(json_pack("{s:i, s:s, s:I, s:s, s:s, s:s, s:b, s:s}", "v", 1, "op",
				 "move-network", "id", (json_int_t)id, "vm", vm, "network", network,
				 "address", address, "ok", !error, "error", given(error)));
}

char *vmha_move_json_end(uint64_t id, const char *vm, const char *trace,
			 const struct vmha_move_end *end)
{
	return text_of(
		json_pack("{s:i, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:b}", "v",
			  1, "op", "move-end", "id", (json_int_t)id, "vm", vm, "trace", trace,
			  "result", end->result, "reason", given(end->reason), "network",
			  given(end->network), "address", given(end->address), "total_ms",
			  (json_int_t)end->total_ms, "blackout_ms", (json_int_t)end->blackout_ms,
			  "bytes", (json_int_t)end->bytes, "aborted", end->aborted));
}

char *vmha_move_json_journal(const char *vm, const char *node, const char *trace, const char *text)
{
	return text_of(json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s}", "v", 1, "op", "journal",
				 "kind", "migration", "vm", vm, "node", node, "trace", trace,
				 "text", text));
}

static int reply_load(const char *reply, json_t **ret_object, struct vmha_err **err)
{
	autojson json_t *o = json_loads(reply, JSON_REJECT_DUPLICATES, NULL);
	const char *words;

	if (!json_is_object(o) || !json_is_boolean(json_object_get(o, "ok"))) {
		return vmha_err_set(err, -EBADMSG, "the answer of vmha-clusterd is not understood");
	}
	if (!json_is_true(json_object_get(o, "ok"))) {
		words = json_string_value(json_object_get(o, "error"));
		return vmha_err_set(err, -ECANCELED, "%s",
				    words && *words ? words : "vmha-clusterd refuses");
	}
	*ret_object = vmha_steal_ptr(o);
	return 0;
}

int vmha_move_json_ok(const char *reply, struct vmha_err **err)
{
	autojson json_t *o = NULL;

	return reply_load(reply, &o, err);
}

/* @return 0, also when it is missing and @otherwise stands; -EBADMSG no text, or too long */
static int text_take(const json_t *o, const char *key, const char *otherwise, char *to, size_t size)
{
	const json_t *value = json_object_get(o, key);
	const char *text = value ? json_string_value(value) : otherwise;

	if (!text || strlen(text) >= size) {
		return -EBADMSG;
	}
	memcpy(to, text, strlen(text) + 1);
	return 0;
}

static int number_take(const json_t *o, const char *key, uint64_t otherwise, uint64_t max,
		       uint64_t *to)
{
	const json_t *value = json_object_get(o, key);

	if (!value) {
		*to = otherwise;
		return 0;
	}
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max) {
		return -EBADMSG;
	}
	*to = (uint64_t)json_integer_value(value);
	return 0;
}

char *vmha_move_json_age(const char *trace)
{
	return text_of(json_pack("{s:i, s:s, s:s}", "v", 1, "op", "move-age", "trace", trace));
}

int vmha_move_json_age_read(const char *reply, struct vmha_move_age *ret_age, struct vmha_err **err)
{
	autojson json_t *o = NULL;
	json_int_t begun;
	json_int_t stopped;
	int r = reply_load(reply, &o, err);

	if (r < 0) {
		return r;
	}
	if (json_unpack(o, "{s:I, s:I}", "begun_ms", &begun, "stopped_ms", &stopped) < 0 ||
	    begun < -1 || stopped < -1) {
		return vmha_err_set(err, -EBADMSG, "the answer of vmha-clusterd is not understood");
	}
	*ret_age = (struct vmha_move_age){ .begun_ms = begun, .stopped_ms = stopped };
	return 0;
}

static bool is_address(const char *text)
{
	unsigned char raw[16];

	return inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1;
}

static int network_take(const json_t *o, struct vmha_plan_network *ret)
{
	struct vmha_plan_network n = { 0 };

	if (text_take(o, "name", NULL, n.name, sizeof(n.name)) < 0 ||
	    text_take(o, "address", NULL, n.address, sizeof(n.address)) < 0 ||
	    text_take(o, "local", "", n.local, sizeof(n.local)) < 0 || !is_address(n.address) ||
	    (*n.local && !is_address(n.local))) {
		return -EBADMSG;
	}
	*ret = n;
	return 0;
}

static int networks_take(const json_t *o, struct vmha_plan *plan)
{
	const json_t *list = json_object_get(o, "networks");
	size_t i;

	if (list && !json_is_array(list)) {
		return -EBADMSG;
	}
	for (i = 0; i < json_array_size(list); i++) {
		if (i == VMHA_PLAN_NETWORKS_MAX) {
			break; /* those at the end are the least wanted */
		}
		if (network_take(json_array_get(list, i), &plan->networks[i]) < 0) {
			return -EBADMSG;
		}
		plan->networks_count++;
	}
	return 0;
}

static void excluded_take(const json_t *o, struct vmha_plan *plan)
{
	vmha_autostr struct vmha_str text = { 0 };
	const json_t *list = json_object_get(o, "excluded");
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);

		(void)vmha_str_add(&text, "%s%s: %s", i ? "; " : "",
				   given(json_string_value(json_object_get(one, "name"))),
				   given(json_string_value(json_object_get(one, "why"))));
	}
	(void)snprintf(plan->excluded, sizeof(plan->excluded), "%s", given(text.text));
}

static bool one_of(const char *text, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(text, *words) == 0) {
			return true;
		}
	}
	return false;
}

static int options_take(const json_t *o, struct vmha_plan *plan)
{
	static const char *const modes[] = { "", "live", "quick", "auto", NULL };
	static const char *const stalls[] = { "", "quick", "giveup", "postcopy", NULL };
	static const char *const methods[] = { "none", "zlib", "zstd", NULL };
	uint64_t streams = 0;
	uint64_t stall_s = 0;
	uint64_t lost = 0;

	if (number_take(o, "id", 0, INT64_MAX, &plan->id) < 0 ||
	    text_take(o, "trace", "", plan->trace, sizeof(plan->trace)) < 0 ||
	    text_take(o, "mode", "", plan->mode, sizeof(plan->mode)) < 0 ||
	    text_take(o, "on_stall", "", plan->on_stall, sizeof(plan->on_stall)) < 0 ||
	    text_take(o, "compression", "none", plan->compression, sizeof(plan->compression)) < 0 ||
	    number_take(o, "streams", 2, STREAMS_MAX, &streams) < 0 ||
	    number_take(o, "stall_s", 60, 86400, &stall_s) < 0 ||
	    number_take(o, "lost", 0, 1000, &lost) < 0 ||
	    number_take(o, "bandwidth_mib", 0, INT32_MAX, &plan->bandwidth_mib) < 0) {
		return -EBADMSG;
	}
	if (!plan->id || !one_of(plan->mode, modes) || !one_of(plan->on_stall, stalls) ||
	    !one_of(plan->compression, methods)) {
		return -EBADMSG;
	}
	plan->streams = streams ? (unsigned int)streams : 1;
	plan->lost = (unsigned int)lost;
	plan->stall_s = stall_s ? (unsigned int)stall_s : 60;
	plan->tls = !json_is_false(json_object_get(o, "tls"));
	plan->autoconverge = !json_is_false(json_object_get(o, "autoconverge"));
	return 0;
}

int vmha_move_json_plan(const char *reply, struct vmha_plan **ret_plan, struct vmha_err **err)
{
	vmha_autofree struct vmha_plan *plan = calloc(1, sizeof(*plan));
	autojson json_t *o = NULL;
	int r = plan ? reply_load(reply, &o, err) : -ENOMEM;

	if (r < 0) {
		return plan ? r : vmha_err_set(err, r, "out of memory");
	}
	if (options_take(o, plan) < 0 || networks_take(o, plan) < 0) {
		return vmha_err_set(err, -EBADMSG,
				    "the plan that vmha-clusterd answers is not understood");
	}
	excluded_take(o, plan);
	*ret_plan = vmha_steal_ptr(plan);
	return 0;
}

int vmha_move_json_ways(const char *text, struct vmha_plan **ret_plan, struct vmha_err **err)
{
	vmha_autofree struct vmha_plan *plan = calloc(1, sizeof(*plan));
	autojson json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	if (!plan) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	if (!json_is_object(o) || networks_take(o, plan) < 0) {
		return vmha_err_set(err, -EBADMSG, "the ways to the source are not understood");
	}
	excluded_take(o, plan);
	*ret_plan = vmha_steal_ptr(plan);
	return 0;
}

int vmha_move_json_abort(const char *event, uint64_t id, char **ret_why)
{
	autojson json_t *o = json_loads(event, JSON_REJECT_DUPLICATES, NULL);
	const char *name = json_string_value(json_object_get(o, "event"));
	const char *why = json_string_value(json_object_get(o, "why"));

	if (!name || strcmp(name, "abort") != 0 ||
	    (uint64_t)json_integer_value(json_object_get(o, "id")) != id) {
		return 0;
	}
	*ret_why = vmha_str_printf("%.400s", why && *why ? why : "cancelled");
	return 1;
}

char *vmha_checks_json(const struct vmha_check *checks, size_t count)
{
	vmha_autostr struct vmha_str text = { 0 };
	json_t *list = json_array();
	bool ok = true;
	size_t i;

	for (i = 0; i < count; i++) {
		(void)json_array_append_new(list,
					    json_pack("{s:s, s:b, s:s}", "check", checks[i].check,
						      "ok", checks[i].ok, "text", checks[i].text));
		if (!checks[i].ok) {
			(void)vmha_str_add(&text, "%s%s", ok ? "" : "; ", checks[i].text);
			ok = false;
		}
	}
	return text_of(
		json_pack("{s:b, s:s, s:o}", "ok", ok, "text", given(text.text), "checks", list));
}
