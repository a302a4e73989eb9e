/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/str.h"

#define NET_PREFIX "net."

static const struct vmha_setting table[] = {
#define X(id_, name_, type_, unit_, min_, default_, max_, per_node_, choices_, text_)              \
	[VMHA_SETTING_##id_] = {                                                                   \
		.name = (name_),                                                                   \
		.type = VMHA_SETTING_##type_,                                                      \
		.unit = (unit_),                                                                   \
		.min = (min_),                                                                     \
		.fallback = (default_),                                                            \
		.max = (max_),                                                                     \
		.per_node = (per_node_),                                                           \
		.choices = (choices_),                                                             \
		.text = (text_),                                                                   \
	},
	VMHA_SETTINGS(X)
#undef X
};

bool vmha_setting_is_network(const char *name)
{
	return vmha_str_starts(name, NET_PREFIX) || strcmp(name, "migration-order") == 0;
}

const struct vmha_setting *vmha_setting_info(enum vmha_setting_id id)
{
	return &table[id];
}

bool vmha_setting_find(const char *name, enum vmha_setting_id *ret_id)
{
	int i;

	for (i = 0; i < VMHA_SETTINGS_COUNT; i++) {
		if (strcmp(table[i].name, name) == 0) {
			*ret_id = (enum vmha_setting_id)i;
			return true;
		}
	}
	return false;
}

/* The word number @index of "a|b|c". @return its length, 0 past the end */
static size_t choice_word(const char *choices, int64_t index, const char **ret_word)
{
	while (index > 0 && *choices) {
		choices += strcspn(choices, "|");
		choices += *choices == '|';
		index--;
	}
	*ret_word = choices;
	return strcspn(choices, "|");
}

void vmha_setting_format(enum vmha_setting_id id, int64_t value, char *buf, size_t size)
{
	const char *word = "";
	size_t len;

	switch (table[id].type) {
	case VMHA_SETTING_SWITCH:
		(void)snprintf(buf, size, "%s", value ? "on" : "off");
		break;
	case VMHA_SETTING_CHOICE:
		len = choice_word(table[id].choices, value, &word);
		(void)snprintf(buf, size, "%.*s", (int)len, word);
		break;
	case VMHA_SETTING_WINDOW:
		if (value < 0) {
			(void)snprintf(buf, size, "none");
			break;
		}
		(void)snprintf(
			buf, size, "%02d:%02d-%02d:%02d", (int)(value / VMHA_DAY_MINUTES / 60),
			(int)(value / VMHA_DAY_MINUTES % 60), (int)(value % VMHA_DAY_MINUTES / 60),
			(int)(value % VMHA_DAY_MINUTES % 60));
		break;
	case VMHA_SETTING_NUMBER:
	default:
		(void)snprintf(buf, size, "%" PRId64, value);
		break;
	}
}

/* "a|b|c" -> "a, b or c" */
static void choices_text(const char *choices, char *buf, size_t size)
{
	const char *word = NULL;
	size_t used = 0;
	size_t len;
	int64_t i;

	*buf = '\0';
	for (i = 0; (len = choice_word(choices, i, &word)) > 0 && used < size; i++) {
		const char *between = i == 0 ? "" : (word[len] ? ", " : " or ");

		used += (size_t)snprintf(buf + used, size - used, "%s%.*s", between, (int)len,
					 word);
	}
}

void vmha_setting_range(enum vmha_setting_id id, char *buf, size_t size)
{
	const struct vmha_setting *t = &table[id];

	switch (t->type) {
	case VMHA_SETTING_SWITCH:
		(void)snprintf(buf, size, "on or off");
		break;
	case VMHA_SETTING_CHOICE:
		choices_text(t->choices, buf, size);
		break;
	case VMHA_SETTING_WINDOW:
		(void)snprintf(buf, size, "HH:MM-HH:MM or none");
		break;
	case VMHA_SETTING_NUMBER:
	default:
		(void)snprintf(buf, size, "%" PRId64 " to %" PRId64 "%s%s", t->min, t->max,
			       *t->unit ? " " : "", t->unit);
		break;
	}
}

void vmha_settings_default(struct vmha_settings *s)
{
	memset(s, 0, sizeof(*s));
}

static int choice_parse(const char *choices, const char *value, int64_t *ret_value)
{
	const char *word = NULL;
	size_t len;
	int64_t i;

	for (i = 0; (len = choice_word(choices, i, &word)) > 0; i++) {
		if (strlen(value) == len && strncmp(value, word, len) == 0) {
			*ret_value = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int window_parse(const char *value, int64_t *ret_value)
{
	unsigned int h[2];
	unsigned int m[2];
	char rest = 0;

	if (strcmp(value, "none") == 0) {
		*ret_value = -1;
		return 0;
	}
	if (strlen(value) != strlen("HH:MM-HH:MM") ||
	    sscanf(value, "%2u:%2u-%2u:%2u%c", &h[0], &m[0], &h[1], &m[1], &rest) != 4 ||
	    strspn(value, "0123456789:-") != strlen(value)) {
		return -EINVAL;
	}
	if (h[0] > 23 || h[1] > 23 || m[0] > 59 || m[1] > 59) {
		return -ERANGE;
	}
	*ret_value = (int64_t)(h[0] * 60 + m[0]) * VMHA_DAY_MINUTES + h[1] * 60 + m[1];
	return 0;
}

static int value_parse(enum vmha_setting_id id, const char *value, int64_t *ret_value)
{
	const struct vmha_setting *t = &table[id];
	uint64_t number = 0;
	int r;

	switch (t->type) {
	case VMHA_SETTING_SWITCH:
		*ret_value = strcmp(value, "on") == 0;
		return *ret_value || strcmp(value, "off") == 0 ? 0 : -EINVAL;
	case VMHA_SETTING_CHOICE:
		return choice_parse(t->choices, value, ret_value);
	case VMHA_SETTING_WINDOW:
		return window_parse(value, ret_value);
	case VMHA_SETTING_NUMBER:
	default:
		r = vmha_str_u64(value, (uint64_t)t->min, (uint64_t)t->max, &number);
		if (r == 0) {
			*ret_value = (int64_t)number;
		}
		return r;
	}
}

int64_t vmha_setting_number(const struct vmha_setting_pair *pairs, size_t count,
			    enum vmha_setting_id id, const char *node)
{
	int64_t number = table[id].fallback;
	bool own = false;
	size_t i;

	for (i = 0; i < count; i++) {
		const struct vmha_setting_pair *p = &pairs[i];
		bool of_node = node && *p->node && table[id].per_node && strcmp(p->node, node) == 0;
		int64_t value = 0;

		if (strcmp(p->name, table[id].name) == 0 && (of_node || (!*p->node && !own)) &&
		    value_parse(id, p->value, &value) == 0) {
			number = value;
			own = of_node;
		}
	}
	return number;
}

static int bad_value(enum vmha_setting_id id, int code, const char *value, struct vmha_err **err)
{
	char range[128];
	char standard[64];

	vmha_setting_range(id, range, sizeof(range));
	vmha_setting_format(id, table[id].fallback, standard, sizeof(standard));
	return vmha_err_set(err, code, "%s cannot be '%.64s': it takes %s (default: %s)",
			    table[id].name, value, range, standard);
}

static const struct vmha_settings_node *node_find(const struct vmha_settings *s, const char *node)
{
	uint32_t i;

	for (i = 0; node && i < s->nodes_count; i++) {
		if (strcmp(s->nodes[i].name, node) == 0) {
			return &s->nodes[i];
		}
	}
	return NULL;
}

/* The entry of @node, a new one in its place by name if need be. @return NULL: no room */
static struct vmha_settings_node *node_make(struct vmha_settings *s, const char *node)
{
	uint32_t i;

	for (i = 0; i < s->nodes_count && strcmp(s->nodes[i].name, node) < 0; i++) {
	}
	if (i == s->nodes_count || strcmp(s->nodes[i].name, node) != 0) {
		if (s->nodes_count == VMHA_SETTINGS_NODES_MAX) {
			return NULL;
		}
		memmove(&s->nodes[i + 1], &s->nodes[i], (s->nodes_count - i) * sizeof(s->nodes[0]));
		memset(&s->nodes[i], 0, sizeof(s->nodes[0]));
		(void)snprintf(s->nodes[i].name, sizeof(s->nodes[i].name), "%s", node);
		s->nodes_count++;
	}
	return &s->nodes[i];
}

static void node_drop_if_empty(struct vmha_settings *s, const struct vmha_settings_node *n)
{
	uint32_t i = (uint32_t)(n - s->nodes);
	int id;

	for (id = 0; id < VMHA_SETTINGS_COUNT; id++) {
		if (n->set[id]) {
			return;
		}
	}
	s->nodes_count--;
	memmove(&s->nodes[i], &s->nodes[i + 1], (s->nodes_count - i) * sizeof(s->nodes[0]));
	memset(&s->nodes[s->nodes_count], 0, sizeof(s->nodes[0]));
}

/* Is @name to be had, for @node? */
static int name_check(const char *node, const char *name, enum vmha_setting_id *ret_id,
		      struct vmha_err **err)
{
	if (vmha_setting_is_network(name)) {
		return vmha_err_set(err, -ENOENT,
				    "%.64s is a property of networks: use 'vmha network set' or "
				    "'vmha network order'",
				    name);
	}
	if (!vmha_setting_find(name, ret_id)) {
		return vmha_err_set(err, -ENOENT,
				    "there is no setting '%.64s': 'vmha config' lists the settings",
				    name);
	}
	if (*node && !table[*ret_id].per_node) {
		return vmha_err_set(err, -EPERM,
				    "%s is one for the whole cluster: it cannot be set for node "
				    "%.64s alone",
				    name, node);
	}
	if (strlen(node) >= VMHA_NODE_SIZE) {
		return vmha_err_set(err, -EINVAL, "the name of node %.64s... is too long", node);
	}
	return 0;
}

int vmha_settings_put(struct vmha_settings *s, const char *node, const char *name,
		      const char *value, struct vmha_err **err)
{
	enum vmha_setting_id id = VMHA_SETTING_MIGRATION_SLOTS;
	struct vmha_settings_node *n;
	int64_t number = 0;
	int r;

	node = node ? node : "";
	r = name_check(node, name, &id, err);
	if (r < 0) {
		return r;
	}
	r = value_parse(id, value, &number);
	if (r < 0) {
		return bad_value(id, r, value, err);
	}
	if (*node) {
		n = node_make(s, node);
		if (!n) {
			return vmha_err_set(err, -ENOSPC,
					    "at most %d nodes may have settings of their own",
					    VMHA_SETTINGS_NODES_MAX);
		}
		n->value[id] = number;
		n->set[id] = true;
		return 0;
	}
	s->value[id] = number;
	s->set[id] = true;
	return 0;
}

int vmha_settings_reset(struct vmha_settings *s, const char *node, const char *name,
			struct vmha_err **err)
{
	enum vmha_setting_id id = VMHA_SETTING_MIGRATION_SLOTS;
	const struct vmha_settings_node *n;
	int r;

	node = node ? node : "";
	r = name_check(node, name, &id, err);
	if (r < 0) {
		return r;
	}
	if (!*node) {
		s->value[id] = 0;
		s->set[id] = false;
		return 0;
	}
	n = node_find(s, node);
	if (n) {
		s->nodes[n - s->nodes].value[id] = 0;
		s->nodes[n - s->nodes].set[id] = false;
		node_drop_if_empty(s, n);
	}
	return 0;
}

int64_t vmha_settings_get(const struct vmha_settings *s, enum vmha_setting_id id, const char *node)
{
	const struct vmha_settings_node *n = node_find(s, node);

	if (n && n->set[id]) {
		return n->value[id];
	}
	return s->set[id] ? s->value[id] : table[id].fallback;
}

const char *vmha_settings_origin(const struct vmha_settings *s, enum vmha_setting_id id,
				 const char *node)
{
	const struct vmha_settings_node *n = node_find(s, node);

	if (n && n->set[id]) {
		return "node";
	}
	return s->set[id] ? "cluster" : "default";
}

int64_t vmha_settings_max(const struct vmha_settings *s, enum vmha_setting_id id)
{
	int64_t max = vmha_settings_get(s, id, NULL);
	uint32_t i;

	for (i = 0; i < s->nodes_count; i++) {
		if (s->nodes[i].set[id] && s->nodes[i].value[id] > max) {
			max = s->nodes[i].value[id];
		}
	}
	return max;
}

static void pair_fill(enum vmha_setting_id id, const char *node, int64_t value,
		      struct vmha_setting_pair *ret_pair)
{
	memset(ret_pair, 0, sizeof(*ret_pair));
	(void)snprintf(ret_pair->node, sizeof(ret_pair->node), "%s", node);
	(void)snprintf(ret_pair->name, sizeof(ret_pair->name), "%s", table[id].name);
	vmha_setting_format(id, value, ret_pair->value, sizeof(ret_pair->value));
}

bool vmha_settings_next(const struct vmha_settings *s, size_t *cursor,
			struct vmha_setting_pair *ret_pair)
{
	const size_t count = VMHA_SETTINGS_COUNT;

	/* the cluster's first, then node by node */
	for (; *cursor < count * (1 + s->nodes_count); (*cursor)++) {
		size_t row = *cursor / count;
		enum vmha_setting_id id = (enum vmha_setting_id)(*cursor % count);
		const struct vmha_settings_node *n = row ? &s->nodes[row - 1] : NULL;

		if (n ? n->set[id] : s->set[id]) {
			pair_fill(id, n ? n->name : "", n ? n->value[id] : s->value[id], ret_pair);
			(*cursor)++;
			return true;
		}
	}
	return false;
}
