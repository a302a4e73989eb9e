/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/pcmk_settings.h"

#include <errno.h>
#include <inttypes.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/port/pcmk.h"

#define OWN_SET	    "vmha-settings"
#define CLUSTER_SET "cib-bootstrap-options" /* what crm and pcs show */
#define PATH_SIZE   1024

#define X(text_) ((const xmlChar *)(text_))

static void cleanup_doc(xmlDoc **doc)
{
	xmlFreeDoc(*doc);
}
#define autodoc __attribute__((cleanup(cleanup_doc)))

/* @return an attribute's text, borrowed from the document; "" when it is missing */
static const char *attr(const xmlNode *node, const char *name)
{
	const xmlAttr *a = node ? xmlHasProp(node, X(name)) : NULL;

	return a && a->children && a->children->content ? (const char *)a->children->content : "";
}

/* The next element called @name among @node and those behind it. */
static xmlNode *element(xmlNode *node, const char *name)
{
	while (node &&
	       (node->type != XML_ELEMENT_NODE || strcmp((const char *)node->name, name) != 0)) {
		node = node->next;
	}
	return node;
}

static xmlNode *child(const xmlNode *parent, const char *name)
{
	return parent ? element(parent->children, name) : NULL;
}

/* A part of the configuration ("crm_config"), in a whole CIB or in what cibadmin prints of it. */
static xmlNode *section(xmlDoc *doc, const char *name)
{
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	xmlNode *configuration = child(root, "configuration");

	return child(configuration ? configuration : root, name);
}

static xmlDoc *xml_read(const char *xml)
{
	return xmlReadMemory(xml, (int)strlen(xml), NULL, NULL,
			     XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
				     XML_PARSE_HUGE);
}

void vmha_pcmk_settings_free(struct vmha_pcmk_settings *list)
{
	if (list) {
		free(list->items);
		free(list);
	}
}

/* @return 0; -ENOMEM */
static int pair_add(struct vmha_pcmk_settings *list, const char *node, const xmlNode *nvpair)
{
	const char *name = attr(nvpair, "name");
	const char *value = attr(nvpair, "value");
	struct vmha_setting_pair *items;

	if (!vmha_str_starts(name, VMHA_SETTING_PREFIX)) {
		return 0;
	}
	name += strlen(VMHA_SETTING_PREFIX);
	if (strlen(name) >= sizeof(items->name) || strlen(value) >= sizeof(items->value) ||
	    strlen(node) >= sizeof(items->node)) {
		return 0;
	}
	items = reallocarray(list->items, list->count + 1, sizeof(*items));
	if (!items) {
		return -ENOMEM;
	}
	list->items = items;
	items += list->count++;
	memset(items, 0, sizeof(*items));
	(void)snprintf(items->node, sizeof(items->node), "%s", node);
	(void)snprintf(items->name, sizeof(items->name), "%s", name);
	(void)snprintf(items->value, sizeof(items->value), "%s", value);
	return 0;
}

/* All of @parent's sets called @set. */
static int sets_read(struct vmha_pcmk_settings *list, const xmlNode *parent, const char *set,
		     const char *node)
{
	xmlNode *s;
	xmlNode *p;
	int r = 0;

	for (s = child(parent, set); s && r == 0; s = element(s->next, set)) {
		for (p = child(s, "nvpair"); p && r == 0; p = element(p->next, "nvpair")) {
			r = pair_add(list, node, p);
		}
	}
	return r;
}

static int all_read(struct vmha_pcmk_settings *list, xmlDoc *doc)
{
	const xmlNode *root = xmlDocGetRootElement(doc);
	int r = sets_read(list, section(doc, "crm_config"), "cluster_property_set", "");
	xmlNode *n;

	for (n = child(section(doc, "nodes"), "node"); n && r == 0; n = element(n->next, "node")) {
		r = sets_read(list, n, "instance_attributes", attr(n, "uname"));
	}
	list->version = (uint64_t)strtoul(attr(root, "admin_epoch"), NULL, 10) << 32 |
			strtoul(attr(root, "epoch"), NULL, 10);
	return r;
}

int vmha_pcmk_settings_parse(const char *xml, struct vmha_pcmk_settings **ret_list,
			     struct vmha_err **err)
{
	vmha_autosettings struct vmha_pcmk_settings *list = calloc(1, sizeof(*list));
	autodoc xmlDoc *doc = xml_read(xml);

	if (!doc || !section(doc, "crm_config")) {
		return vmha_err_set(err, -EBADMSG, "this is no configuration of Pacemaker");
	}
	if (!list || all_read(list, doc) < 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	*ret_list = vmha_steal_ptr(list);
	return 0;
}

int vmha_pcmk_cib_nodes_parse(const char *xml, struct vmha_listed **ret_nodes, size_t *ret_count,
			      struct vmha_err **err)
{
	vmha_autofree struct vmha_listed *nodes = NULL;
	autodoc xmlDoc *doc = xml_read(xml);
	size_t count = 0;
	xmlNode *n;

	if (!doc || !section(doc, "nodes")) {
		return vmha_err_set(err, -EBADMSG, "this is no configuration of Pacemaker");
	}
	nodes = calloc(VMHA_LISTED_MAX, sizeof(*nodes));
	if (!nodes) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	for (n = child(section(doc, "nodes"), "node"); n && count < VMHA_LISTED_MAX;
	     n = element(n->next, "node")) {
		uint64_t id;

		/* the id of a remote node is its name */
		if (vmha_str_u64(attr(n, "id"), 1, UINT_MAX, &id) == 0) {
			nodes[count].id = (unsigned int)id;
			(void)snprintf(nodes[count].name, sizeof(nodes[count].name), "%s",
				       attr(n, "uname"));
			count++;
		}
	}
	*ret_nodes = vmha_steal_ptr(nodes);
	*ret_count = count;
	return 0;
}

int vmha_pcmk_settings_read(struct vmha_pcmk_settings **ret_list, struct vmha_err **err)
{
	vmha_autofree char *xml = NULL;
	int r = vmha_pcmk_cib_read(&xml, err);

	return r < 0 ? r : vmha_pcmk_settings_parse(xml, ret_list, err);
}

/* --- changes -------------------------------------------------------------------------------- */

/* A patch in the making, and the CIB as it will be when the patch so far is applied. */
struct patch {
	xmlDoc *cib;
	xmlDoc *doc;
	bool empty;
};

/* Where @node is, as a patch says it: each step with its id, except the parts that are there once.
 */
static void path_of(const xmlNode *node, char *buf, size_t size)
{
	const char *id = attr(node, "id");
	size_t used;

	if (node->parent && node->parent->type == XML_ELEMENT_NODE) {
		path_of(node->parent, buf, size);
	} else {
		*buf = '\0';
	}
	used = strlen(buf);
	if (*id) {
		(void)snprintf(buf + used, size - used, "/%s[@id='%s']", node->name, id);
	} else {
		(void)snprintf(buf + used, size - used, "/%s", node->name);
	}
}

static xmlNode *change_new(struct patch *p, const char *operation, const xmlNode *at)
{
	char path[PATH_SIZE];
	xmlNode *c = xmlNewChild(xmlDocGetRootElement(p->doc), NULL, X("change"), NULL);

	path_of(at, path, sizeof(path));
	(void)xmlNewProp(c, X("operation"), X(operation));
	(void)xmlNewProp(c, X("path"), X(path));
	p->empty = false;
	return c;
}

static void change_modify(struct patch *p, xmlNode *nvpair, const char *value)
{
	xmlNode *c = change_new(p, "modify", nvpair);
	xmlNode *list = xmlNewChild(c, NULL, X("change-list"), NULL);
	xmlNode *a = xmlNewChild(list, NULL, X("change-attr"), NULL);

	(void)xmlNewProp(a, X("name"), X("value"));
	(void)xmlNewProp(a, X("operation"), X("set"));
	(void)xmlNewProp(a, X("value"), X(value));
	(void)xmlSetProp(nvpair, X("value"), X(value));
	(void)xmlAddChild(xmlNewChild(c, NULL, X("change-result"), NULL),
			  xmlDocCopyNode(nvpair, p->doc, 1));
}

#define MADE ((void *)1) /* in _private: not in Pacemaker's CIB yet */

/*
 * Create what was made below @node, with all that is in it: a patch finds the place of a creation
 * before it creates anything, so that nothing can be created inside what it creates.
 */
static void changes_create(struct patch *p, xmlNode *node)
{
	xmlNode *n;

	for (n = node; n; n = n->next) {
		if (n->_private == MADE) {
			xmlNode *c = change_new(p, "create", n->parent);

			(void)xmlNewProp(c, X("position"), X("0"));
			(void)xmlAddChild(c, xmlDocCopyNode(n, p->doc, 1));
		} else {
			changes_create(p, n->children);
		}
	}
}

static void change_delete(struct patch *p, xmlNode *nvpair)
{
	(void)change_new(p, "delete", nvpair);
	xmlUnlinkNode(nvpair);
	xmlFreeNode(nvpair);
}

/* @return the nvpair called @name in any of @parent's sets, or NULL */
static xmlNode *pair_find(const xmlNode *parent, const char *set, const char *name)
{
	xmlNode *s;
	xmlNode *p;

	for (s = child(parent, set); s; s = element(s->next, set)) {
		for (p = child(s, "nvpair"); p; p = element(p->next, "nvpair")) {
			if (strcmp(attr(p, "name"), name) == 0) {
				return p;
			}
		}
	}
	return NULL;
}

static xmlNode *set_find(const xmlNode *parent, const char *set, const char *id)
{
	xmlNode *s = child(parent, set);

	while (s && strcmp(attr(s, "id"), id) != 0) {
		s = element(s->next, set);
	}
	return s;
}

/* Make @name have @value (NULL: be gone) in a set of @parent; a new one goes into the set @id. */
static void pair_change(struct patch *p, xmlNode *parent, const char *set, const char *id,
			const char *name, const char *value)
{
	xmlNode *nvpair = pair_find(parent, set, name);
	vmha_autofree char *pair_id = vmha_str_printf("%s-%s", id, name);
	xmlNode *into;
	xmlNode *s;

	if (nvpair && !value) {
		change_delete(p, nvpair);
	} else if (nvpair && strcmp(attr(nvpair, "value"), value) != 0) {
		change_modify(p, nvpair, value);
	}
	if (nvpair || !value || !pair_id) {
		return;
	}
	s = set_find(parent, set, id);
	into = s ? s : xmlNewChild(parent, NULL, X(set), NULL);
	if (!s) {
		into->_private = MADE;
		(void)xmlNewProp(into, X("id"), X(id));
	}
	nvpair = xmlNewChild(into, NULL, X("nvpair"), NULL);
	nvpair->_private = MADE;
	(void)xmlNewProp(nvpair, X("id"), X(pair_id));
	(void)xmlNewProp(nvpair, X("name"), X(name));
	(void)xmlNewProp(nvpair, X("value"), X(value));
}

static int node_change(struct patch *p, const char *node, const char *name, const char *value,
		       struct vmha_err **err)
{
	xmlNode *n = child(section(p->cib, "nodes"), "node");
	vmha_autofree char *id = NULL;
	const xmlNode *first;

	while (n && strcmp(attr(n, "uname"), node) != 0) {
		n = element(n->next, "node");
	}
	if (!n) {
		return vmha_err_set(err, -ENOENT,
				    "there is no node named '%.64s': 'vmha status' lists the nodes",
				    node);
	}
	first = child(n, "instance_attributes");
	id = first ? strdup(attr(first, "id")) : vmha_str_printf("nodes-%s", attr(n, "id"));
	if (!id) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	pair_change(p, n, "instance_attributes", id, name, value);
	return 0;
}

/* Pacemaker's own limit: the most that any node may have. */
static int limit_follow(struct patch *p)
{
	vmha_autosettings struct vmha_pcmk_settings *list = calloc(1, sizeof(*list));
	vmha_autofree struct vmha_settings *s = calloc(1, sizeof(*s));
	char limit[24];
	size_t i;

	if (!list || !s || all_read(list, p->cib) < 0) {
		return -ENOMEM;
	}
	vmha_settings_default(s);
	for (i = 0; i < list->count; i++) {
		(void)vmha_settings_put(s, list->items[i].node, list->items[i].name,
					list->items[i].value, NULL);
	}
	(void)snprintf(limit, sizeof(limit), "%" PRId64,
		       vmha_settings_max(s, VMHA_SETTING_MIGRATION_SLOTS));
	pair_change(p, section(p->cib, "crm_config"), "cluster_property_set", CLUSTER_SET,
		    "migration-limit", limit);
	return 0;
}

static int patch_fill(struct patch *p, const struct vmha_pcmk_setting_change *changes, size_t count,
		      struct vmha_err **err)
{
	bool slots = count == 0;
	size_t i;
	int r = 0;

	for (i = 0; i < count && r == 0; i++) {
		const struct vmha_pcmk_setting_change *c = &changes[i];
		vmha_autofree char *name = vmha_str_printf(VMHA_SETTING_PREFIX "%s", c->name);

		if (!name) {
			return vmha_err_set(err, -ENOMEM, "out of memory");
		}
		if (c->node && *c->node) {
			r = node_change(p, c->node, name, c->value, err);
		} else {
			pair_change(p, section(p->cib, "crm_config"), "cluster_property_set",
				    OWN_SET, name, c->value);
		}
		slots |=
			strcmp(c->name, vmha_setting_info(VMHA_SETTING_MIGRATION_SLOTS)->name) == 0;
	}
	if (r == 0 && slots && limit_follow(p) < 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	changes_create(p, section(p->cib, "crm_config")->children);
	changes_create(p, section(p->cib, "nodes")->children);
	return r;
}

int vmha_pcmk_settings_patch(const char *xml, const struct vmha_pcmk_setting_change *changes,
			     size_t count, char **ret_patch, struct vmha_err **err)
{
	autodoc xmlDoc *cib = xml_read(xml);
	autodoc xmlDoc *doc = xmlNewDoc(X("1.0"));
	struct patch p = { .cib = cib, .doc = doc, .empty = true };
	xmlNode *root = doc ? xmlNewNode(NULL, X("diff")) : NULL;
	xmlChar *text = NULL;
	int len = 0;
	int r;

	if (!root) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	(void)xmlDocSetRootElement(doc, root);
	(void)xmlNewProp(root, X("format"), X("2"));
	if (!cib || !section(cib, "crm_config") || !section(cib, "nodes")) {
		return vmha_err_set(err, -EBADMSG, "this is no configuration of Pacemaker");
	}
	r = patch_fill(&p, changes, count, err);
	if (r < 0) {
		return r;
	}
	*ret_patch = NULL;
	if (p.empty) {
		return 0;
	}
	xmlDocDumpMemory(doc, &text, &len);
	*ret_patch = text ? strndup((const char *)text, (size_t)len) : NULL;
	xmlFree(text);
	return *ret_patch ? 0 : vmha_err_set(err, -ENOMEM, "out of memory");
}

int vmha_pcmk_settings_change(const struct vmha_pcmk_setting_change *changes, size_t count,
			      struct vmha_err **err)
{
	vmha_autofree char *patch = NULL;
	vmha_autofree char *xml = NULL;
	int r = vmha_pcmk_cib_read(&xml, err);

	r = r < 0 ? r : vmha_pcmk_settings_patch(xml, changes, count, &patch, err);
	return r < 0 || !patch ? r : vmha_pcmk_patch(patch, err);
}
