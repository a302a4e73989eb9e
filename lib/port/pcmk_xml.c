/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xpath.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/port/pcmk.h"

static xmlDoc *xml_read(const char *xml)
{
	return xmlReadMemory(xml, (int)strlen(xml), NULL, NULL,
			     XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
}

/* @return an attribute's text, borrowed from the document; "" when it is missing */
static const char *attr(const xmlNode *node, const char *name)
{
	const xmlAttr *a = node ? xmlHasProp(node, (const xmlChar *)name) : NULL;

	return a && a->children && a->children->content ? (const char *)a->children->content : "";
}

static bool attr_true(const xmlNode *node, const char *name)
{
	return strcmp(attr(node, name), "true") == 0;
}

static bool is_element(const xmlNode *node, const char *name)
{
	return node && node->type == XML_ELEMENT_NODE &&
	       strcmp((const char *)node->name, name) == 0;
}

static xmlXPathObject *xpath(xmlDoc *doc, const char *expr)
{
	xmlXPathContext *ctx = xmlXPathNewContext(doc);
	xmlXPathObject *found = ctx ? xmlXPathEvalExpression((const xmlChar *)expr, ctx) : NULL;

	xmlXPathFreeContext(ctx);
	return found;
}

static const xmlNode *xpath_first(xmlDoc *doc, const char *expr)
{
	xmlXPathObject *found = xpath(doc, expr);
	const xmlNode *node = found && found->nodesetval && found->nodesetval->nodeNr
				      ? found->nodesetval->nodeTab[0]
				      : NULL;

	xmlXPathFreeObject(found);
	return node;
}

/*
 * Read every node @expr finds into an array of items of @size bytes.
 * @return 0; -ENOMEM
 */
static int items_read(xmlDoc *doc, const char *expr, size_t size,
		      void (*read)(const xmlNode *, void *), void *ret_items, size_t *ret_count)
{
	xmlXPathObject *found = xpath(doc, expr);
	size_t n = found && found->nodesetval ? (size_t)found->nodesetval->nodeNr : 0;
	char *items = found ? calloc(n + 1, size) : NULL;
	size_t i;

	for (i = 0; items && i < n; i++) {
		read(found->nodesetval->nodeTab[i], items + i * size);
	}
	xmlXPathFreeObject(found);
	if (!items) {
		return -ENOMEM;
	}
	*(void **)ret_items = items;
	*ret_count = n;
	return 0;
}

static void node_read(const xmlNode *x, void *item)
{
	struct vmha_pcmk_node *n = item;

	n->name = attr(x, "name");
	n->id = (unsigned int)strtoul(attr(x, "id"), NULL, 10);
	n->online = attr_true(x, "online");
	n->standby = attr_true(x, "standby") || attr_true(x, "standby_onfail");
	n->maintenance = attr_true(x, "maintenance");
	n->pending = attr_true(x, "pending");
	n->unclean = attr_true(x, "unclean");
	n->shutdown = attr_true(x, "shutdown");
	n->dc = attr_true(x, "is_dc");
	n->remote = strcmp(attr(x, "type"), "remote") == 0 || strcmp(attr(x, "type"), "guest") == 0;
}

static void resource_read(const xmlNode *x, void *item)
{
	struct vmha_pcmk_resource *r = item;
	const xmlNode *n;

	r->id = attr(x, "id");
	r->clone = is_element(x->parent, "clone") ? attr(x->parent, "id") : "";
	r->agent = attr(x, "resource_agent");
	r->state = attr(x, "role");
	r->target_role = attr(x, "target_role");
	r->pending = attr(x, "pending");
	r->active = attr_true(x, "active");
	r->orphaned = attr_true(x, "orphaned");
	r->blocked = attr_true(x, "blocked");
	r->managed = attr_true(x, "managed");
	r->failed = attr_true(x, "failed");
	for (n = x->children; n && r->nodes_count < VMHA_PCMK_PLACES_MAX; n = n->next) {
		if (is_element(n, "node")) {
			r->nodes[r->nodes_count++] = attr(n, "name");
		}
	}
}

static void failure_read(const xmlNode *x, void *item)
{
	struct vmha_pcmk_failure *f = item;
	const char *key = *attr(x, "op_key") ? attr(x, "op_key") : attr(x, "id");

	f->role = key; /* cut at "_OP_INTERVAL" by failures_name() */
	f->op = attr(x, "task");
	f->node = attr(x, "node");
	f->reason = attr(x, "exitreason");
	f->status = attr(x, "status");
	f->result = attr(x, "exitstatus");
	f->when = attr(x, "last-rc-change");
}

static void fence_read(const xmlNode *x, void *item)
{
	struct vmha_pcmk_fence *f = item;

	f->target = attr(x, "target");
	f->action = attr(x, "action");
	f->status = attr(x, "status");
	f->when = attr(x, "completed");
	f->reason = attr(x, "exit-reason");
}

/* "web_1_migrate_to_0" of task "migrate_to" is role "web_1": cut in place, in our own document. */
static void failures_name(struct vmha_pcmk_state *s)
{
	size_t i;

	for (i = 0; i < s->failures_count; i++) {
		struct vmha_pcmk_failure *f = &s->failures[i];
		vmha_autofree char *tail = vmha_str_printf("_%s_", f->op);
		char *at = NULL;
		char *p = tail ? strstr((char *)(uintptr_t)f->role, tail) : NULL;

		for (; p; p = strstr(p + 1, tail)) {
			at = p;
		}
		if (at) {
			*at = '\0';
		}
	}
}

static int state_fill(struct vmha_pcmk_state *s)
{
	xmlDoc *doc = s->doc;
	const xmlNode *dc = xpath_first(doc, "/*/summary/current_dc");
	const xmlNode *options = xpath_first(doc, "/*/summary/cluster_options");

	s->dc_present = attr_true(dc, "present");
	s->dc = attr(dc, "name");
	s->quorum = attr_true(dc, "with_quorum");
	s->maintenance = attr_true(options, "maintenance-mode");
	s->stonith = attr_true(options, "stonith-enabled");
	if (items_read(doc, "/*/nodes/node", sizeof(*s->nodes), node_read, &s->nodes,
		       &s->nodes_count) < 0 ||
	    items_read(doc, "/*/resources//resource", sizeof(*s->resources), resource_read,
		       &s->resources, &s->resources_count) < 0 ||
	    items_read(doc, "/*/failures/failure", sizeof(*s->failures), failure_read, &s->failures,
		       &s->failures_count) < 0 ||
	    items_read(doc, "/*/fence_history/fence_event", sizeof(*s->fences), fence_read,
		       &s->fences, &s->fences_count) < 0) {
		return -ENOMEM;
	}
	failures_name(s);
	return 0;
}

int vmha_pcmk_state_parse(const char *xml, struct vmha_pcmk_state **ret_state,
			  struct vmha_err **err)
{
	vmha_autopcmk struct vmha_pcmk_state *s = calloc(1, sizeof(*s));

	if (!s) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	s->doc = xml_read(xml);
	if (!s->doc || !xpath_first(s->doc, "/*[self::pacemaker-result or self::crm_mon]/nodes")) {
		return vmha_err_set(err, -EBADMSG, "crm_mon printed no cluster status as XML");
	}
	if (state_fill(s) < 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	*ret_state = vmha_steal_ptr(s);
	return 0;
}

void vmha_pcmk_state_free(struct vmha_pcmk_state *s)
{
	if (!s) {
		return;
	}
	free(s->nodes);
	free(s->resources);
	free(s->failures);
	free(s->fences);
	xmlFreeDoc(s->doc);
	free(s);
}

const struct vmha_pcmk_node *vmha_pcmk_node_find(const struct vmha_pcmk_state *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->nodes_count; i++) {
		if (strcmp(s->nodes[i].name, name) == 0) {
			return &s->nodes[i];
		}
	}
	return NULL;
}

const struct vmha_pcmk_resource *vmha_pcmk_resource_find(const struct vmha_pcmk_state *s,
							 const char *id)
{
	size_t i;

	for (i = 0; i < s->resources_count; i++) {
		if (strcmp(s->resources[i].id, id) == 0) {
			return &s->resources[i];
		}
	}
	return NULL;
}

bool vmha_pcmk_runs_on(const struct vmha_pcmk_state *s, const char *clone, const char *node)
{
	size_t i;
	size_t n;

	for (i = 0; i < s->resources_count; i++) {
		const struct vmha_pcmk_resource *r = &s->resources[i];

		if (strcmp(r->clone, clone) != 0 && strcmp(r->id, clone) != 0) {
			continue;
		}
		for (n = 0; n < r->nodes_count; n++) {
			if (strcmp(r->nodes[n], node) == 0 && strcmp(r->state, "Started") == 0) {
				return true;
			}
		}
	}
	return false;
}

const struct vmha_pcmk_failure *vmha_pcmk_failure_find(const struct vmha_pcmk_state *s,
						       const char *role)
{
	const struct vmha_pcmk_failure *newest = NULL;
	size_t i;

	for (i = 0; i < s->failures_count; i++) {
		const struct vmha_pcmk_failure *f = &s->failures[i];

		if (strcmp(f->role, role) == 0 && (!newest || strcmp(f->when, newest->when) > 0)) {
			newest = f;
		}
	}
	return newest;
}

#define SCORE_INFINITY 1000000L

static long score_parse(const char *text)
{
	if (strcmp(text, "-INFINITY") == 0) {
		return -SCORE_INFINITY;
	}
	if (strcmp(text, "INFINITY") == 0 || strcmp(text, "+INFINITY") == 0) {
		return SCORE_INFINITY;
	}
	return strtol(text, NULL, 10);
}

static const char *nvpair(const xmlNode *primitive, const char *set, const char *name)
{
	const xmlNode *s;
	const xmlNode *p;

	for (s = primitive->children; s; s = s->next) {
		for (p = is_element(s, set) ? s->children : NULL; p; p = p->next) {
			if (is_element(p, "nvpair") && strcmp(attr(p, "name"), name) == 0) {
				return attr(p, "value");
			}
		}
	}
	return "";
}

static void primitive_read(const xmlNode *x, void *item)
{
	struct vmha_pcmk_primitive *p = item;

	p->id = attr(x, "id");
	p->parent = is_element(x->parent, "resources") ? "" : attr(x->parent, "id");
	p->volume = nvpair(x, "instance_attributes", "volume");
	p->name = nvpair(x, "instance_attributes", "name");
	p->mode = nvpair(x, "instance_attributes", "migration_mode");
	p->path = nvpair(x, "instance_attributes", "path");
	p->type = nvpair(x, "instance_attributes", "type");
	p->device = nvpair(x, "instance_attributes", "device");
	p->options = nvpair(x, "instance_attributes", "options");
	p->target_role = nvpair(x, "meta_attributes", "target-role");
	p->priority = score_parse(nvpair(x, "meta_attributes", "priority"));
	if (!*p->name) {
		p->name = p->id;
	}
	vmha_guest_policy_default(&p->policy);
#define X(name_, default_, keep_, stop_)                                                           \
	(void)vmha_guest_policy_set(&p->policy, #name_, nvpair(x, "instance_attributes", #name_),  \
				    NULL);
	VMHA_GUEST_POLICIES(X)
#undef X
}

int vmha_pcmk_primitives_parse(const char *xml, const char *type,
			       struct vmha_pcmk_primitives **ret_list, struct vmha_err **err)
{
	vmha_autoprimitives struct vmha_pcmk_primitives *list = calloc(1, sizeof(*list));
	vmha_autofree char *expr = vmha_str_printf(
		"//primitive[@class='ocf' and @provider='vmha' and @type='%s']", type);

	if (!list || !expr) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	list->doc = xml_read(xml);
	if (!list->doc) {
		return vmha_err_set(err, -EBADMSG, "cibadmin printed no XML");
	}
	if (items_read(list->doc, expr, sizeof(*list->items), primitive_read, &list->items,
		       &list->count) < 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	*ret_list = vmha_steal_ptr(list);
	return 0;
}

int vmha_pcmk_controld_parse(const char *xml, char **ret_clone, struct vmha_err **err)
{
	xmlDoc *doc = xml_read(xml);
	const xmlNode *x =
		doc ? xpath_first(doc, "//primitive[@class='ocf' and @provider='pacemaker' and "
				       "@type='controld']")
		    : NULL;
	const xmlNode *up = x;
	int r = 0;

	while (up && !is_element(up, "clone") && !is_element(up, "resources")) {
		up = up->parent;
	}
	if (!doc) {
		r = vmha_err_set(err, -EBADMSG, "cibadmin printed no XML");
	} else if (!x) {
		r = vmha_err_set(err, -ENOENT, "no resource of the cluster runs dlm_controld");
	} else if (!is_element(up, "clone")) {
		r = vmha_err_set(err, -EINVAL,
				 "resource %s (ocf:pacemaker:controld) is no clone: DLM is needed "
				 "on every node",
				 attr(x, "id"));
	} else {
		*ret_clone = strdup(attr(up, "id"));
		r = *ret_clone ? 0 : vmha_err_set(err, -ENOMEM, "out of memory");
	}
	xmlFreeDoc(doc);
	return r;
}

void vmha_pcmk_primitives_free(struct vmha_pcmk_primitives *list)
{
	if (list) {
		free(list->items);
		xmlFreeDoc(list->doc);
		free(list);
	}
}

/* How many resources run on a node, from the same XML: breaks ties as Pacemaker would. */
static unsigned long node_load(xmlDoc *doc, const char *name)
{
	vmha_autofree char *expr = vmha_str_printf("//cluster_status/nodes/node[@name='%s']", name);
	const xmlNode *n = expr ? xpath_first(doc, expr) : NULL;

	return strtoul(attr(n, "resources_running"), NULL, 10);
}

static unsigned long planned_load(const struct vmha_pcmk_load *planned, size_t count,
				  const char *node)
{
	unsigned long sum = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		sum += strcmp(planned[i].node, node) == 0 ? planned[i].roles : 0;
	}
	return sum;
}

static bool is_shut(const struct vmha_pcmk_load *planned, size_t count, const char *node)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (planned[i].shut && strcmp(planned[i].node, node) == 0) {
			return true;
		}
	}
	return false;
}

int vmha_pcmk_scores_choose(const char *xml, const char *role, const char *from,
			    const struct vmha_pcmk_load *planned, size_t planned_count,
			    char **ret_node, struct vmha_err **err)
{
	vmha_autofree char *expr = vmha_str_printf(
		"//node_weight[@id='%s' and starts-with(@function,'pcmk__primitive')]", role);
	xmlDoc *doc = xml_read(xml);
	xmlXPathObject *found = doc && expr ? xpath(doc, expr) : NULL;
	const char *best = NULL;
	unsigned long best_load = 0;
	long best_score = 0;
	int i;

	for (i = 0; found && found->nodesetval && i < found->nodesetval->nodeNr; i++) {
		const char *node = attr(found->nodesetval->nodeTab[i], "node");
		long score = score_parse(attr(found->nodesetval->nodeTab[i], "score"));
		unsigned long load;

		if (strcmp(node, from) == 0 || score < 0 || is_shut(planned, planned_count, node)) {
			continue;
		}
		load = node_load(doc, node) + planned_load(planned, planned_count, node);
		if (!best || score > best_score || (score == best_score && load < best_load)) {
			best = node;
			best_score = score;
			best_load = load;
		}
	}
	*ret_node = best ? strdup(best) : NULL;
	xmlXPathFreeObject(found);
	xmlFreeDoc(doc);
	if (!*ret_node) {
		return vmha_err_set(err, -ENOENT, "no other node may run %s now", role);
	}
	return 0;
}

int vmha_pcmk_scores_parse(const char *xml, const char *role, const char *from, char **ret_node,
			   struct vmha_err **err)
{
	return vmha_pcmk_scores_choose(xml, role, from, NULL, 0, ret_node, err);
}

int vmha_pcmk_attribute_parse(const char *xml, char **ret_value)
{
	xmlDoc *doc = xml_read(xml);
	const char *value = doc ? attr(xpath_first(doc, "//attribute"), "value") : "";
	char *copy = *value ? strdup(value) : NULL;
	int r = copy ? 0 : *value ? -ENOMEM : -ENOENT;

	xmlFreeDoc(doc);
	if (r == 0) {
		*ret_value = copy;
	}
	return r;
}

int vmha_pcmk_pending_parse(const char *xml, size_t *ret_count, struct vmha_err **err)
{
	xmlDoc *doc = xml_read(xml);
	/* <actions> lacks probes, and what is in flight; <transition> has them */
	const xmlNode *transition = doc ? xpath_first(doc, "/*/transition") : NULL;
	const xmlNode *x;

	if (!transition) {
		xmlFreeDoc(doc);
		return vmha_err_set(err, -EBADMSG, "crm_simulate printed no transition as XML");
	}
	*ret_count = 0;
	for (x = transition->children; x; x = x->next) {
		*ret_count += x->type == XML_ELEMENT_NODE && !is_element(x, "pseudo_action");
	}
	xmlFreeDoc(doc);
	return 0;
}
