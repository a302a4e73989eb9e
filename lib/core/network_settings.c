/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/network.h"

#define PREFIX "net."
#define ORDER  "migration-order"

static const char *const role_names[] = {
	[VMHA_NETWORK_NONE] = "none",
	[VMHA_NETWORK_CLUSTER] = "cluster",
	[VMHA_NETWORK_CLIENT] = "cluster-and-client",
};

static const char *const state_names[] = {
	[VMHA_NETWORK_UP] = "up",
	[VMHA_NETWORK_PARTITIONED] = "partitioned",
	[VMHA_NETWORK_DOWN] = "down",
};

const char *vmha_network_role_name(enum vmha_network_role role)
{
	return role_names[role];
}

int vmha_network_role_parse(const char *text, enum vmha_network_role *ret_role)
{
	size_t i;

	for (i = 0; i < sizeof(role_names) / sizeof(role_names[0]); i++) {
		if (strcmp(text, role_names[i]) == 0) {
			*ret_role = (enum vmha_network_role)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *vmha_network_state_name(enum vmha_network_state state)
{
	return state_names[state];
}

bool vmha_network_name_valid(const char *name)
{
	const size_t len = strlen(name);
	size_t i;

	if (!len || len >= VMHA_NETWORK_NAME_SIZE || name[0] == ' ' || name[len - 1] == ' ') {
		return false;
	}
	for (i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)name[i];

		if (c < ' ' || c == 0x7f || c == ',') {
			return false;
		}
	}
	return true;
}

static bool key_valid(const char *key, size_t len)
{
	return len && len < VMHA_NETWORK_KEY_SIZE && strspn(key, "0123456789abcdef.-_") >= len;
}

static struct vmha_network_setting *item_get(struct vmha_network_settings *s, const char *key,
					     size_t len)
{
	size_t i;

	for (i = 0; i < s->count; i++) {
		if (strlen(s->items[i].key) == len && strncmp(s->items[i].key, key, len) == 0) {
			return &s->items[i];
		}
	}
	if (s->count == VMHA_NETWORKS_MAX) {
		return NULL;
	}
	s->items[s->count] = (struct vmha_network_setting){ 0 };
	memcpy(s->items[s->count].key, key, len);
	return &s->items[s->count++];
}

static int field_take(struct vmha_network_setting *item, const char *field, const char *value,
		      struct vmha_err **err)
{
	uint64_t metric;

	if (strcmp(field, "name") == 0) {
		if (!vmha_network_name_valid(value)) {
			return vmha_err_set(err, -EINVAL,
					    "'%s' cannot be a network's name: up to %d characters, "
					    "no comma, no blank at its ends",
					    value, VMHA_NETWORK_NAME_SIZE - 1);
		}
		(void)snprintf(item->name, sizeof(item->name), "%s", value);
	} else if (strcmp(field, "metric") == 0) {
		if (vmha_str_u64(value, 1, VMHA_NETWORK_METRIC_MAX, &metric) < 0) {
			return vmha_err_set(err, -EINVAL,
					    "a metric is a number from 1 to %d, not '%s'",
					    VMHA_NETWORK_METRIC_MAX, value);
		}
		item->metric = (uint32_t)metric;
	} else if (strcmp(field, "role") == 0) {
		if (vmha_network_role_parse(value, &item->role) < 0) {
			return vmha_err_set(err, -EINVAL,
					    "a network's role is none, cluster or "
					    "cluster-and-client, not '%s'",
					    value);
		}
		item->role_set = true;
	} else if (strcmp(field, "exclude") == 0) {
		if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
			return vmha_err_set(err, -EINVAL, "exclude is yes or no, not '%s'", value);
		}
		item->exclude = *value == 'y';
	} else {
		return -ENOENT;
	}
	return 0;
}

static int order_take(struct vmha_network_settings *s, const char *value, struct vmha_err **err)
{
	size_t count = 0;

	while (*value) {
		const size_t len = strcspn(value, ",");

		if (!key_valid(value, len)) {
			return vmha_err_set(err, -EINVAL,
					    "the migration order has no network's key at '%s'",
					    value);
		}
		if (count == VMHA_NETWORKS_MAX) {
			return vmha_err_set(err, -ENOSPC, "more than %d networks in the order",
					    VMHA_NETWORKS_MAX);
		}
		memcpy(s->order[count], value, len);
		s->order[count++][len] = '\0';
		value += len + (value[len] == ',');
	}
	s->order_count = count;
	return 0;
}

int vmha_network_settings_take(struct vmha_network_settings *s, const char *name, const char *value,
			       struct vmha_err **err)
{
	struct vmha_network_setting *item;
	const char *field;
	const char *key;
	int r;

	if (strcmp(name, ORDER) == 0) {
		return order_take(s, value, err);
	}
	key = name + strlen(PREFIX);
	field = strrchr(name, '.');
	if (!vmha_str_starts(name, PREFIX) || field < key ||
	    !key_valid(key, (size_t)(field - key))) {
		return vmha_err_set(err, -ENOENT, "'%s' is no setting of a network", name);
	}
	item = item_get(s, key, (size_t)(field - key));
	if (!item) {
		return vmha_err_set(err, -ENOSPC, "settings of more than %d networks",
				    VMHA_NETWORKS_MAX);
	}
	r = field_take(item, field + 1, value, err);
	return r == -ENOENT ? vmha_err_set(err, r, "a network has no setting '%s'", field + 1) : r;
}
