/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/pcmk_change.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

static int name_check(const char *name, struct vmha_err **err)
{
	if (!name || !vmha_str_is_name(name)) {
		return vmha_err_set(err, -EINVAL, "'%s' is not a name", name ? name : "");
	}
	return 0;
}

static int out_of_memory(struct vmha_err **err)
{
	return vmha_err_set(err, -ENOMEM, "out of memory");
}

static int places_check(const struct vmha_pcmk_place *places, size_t count, struct vmha_err **err)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < count; i++) {
		r = name_check(places[i].role, err);
		r = r < 0 ? r : name_check(places[i].node, err);
	}
	return r;
}

int vmha_pcmk_places_xml(const struct vmha_pcmk_place *moves, size_t moves_count,
			 const struct vmha_pcmk_place *bans, size_t bans_count, char **ret_xml,
			 struct vmha_err **err)
{
	vmha_autostr struct vmha_str s = { 0 };
	size_t i;
	int r = places_check(moves, moves_count, err);

	r = r < 0 ? r : places_check(bans, bans_count, err);
	if (r < 0) {
		return r;
	}
	if (moves_count + bans_count == 0) {
		return vmha_err_set(err, -EINVAL, "no constraint to write");
	}
	(void)vmha_str_add(&s, "<configuration><constraints>");
	for (i = 0; i < moves_count; i++) {
		(void)vmha_str_add(&s,
				   "<rsc_location id=\"cli-prefer-%s\" rsc=\"%s\" role=\"Started\" "
				   "node=\"%s\" score=\"INFINITY\"/>",
				   moves[i].role, moves[i].role, moves[i].node);
	}
	for (i = 0; i < bans_count; i++) {
		(void)vmha_str_add(&s,
				   "<rsc_location id=\"" VMHA_PCMK_BAN_PREFIX "%s-%s\" rsc=\"%s\" "
				   "node=\"%s\" score=\"-INFINITY\"/>",
				   bans[i].node, bans[i].role, bans[i].role, bans[i].node);
	}
	(void)vmha_str_add(&s, "</constraints></configuration>");
	*ret_xml = vmha_str_steal(&s);
	return *ret_xml ? 0 : out_of_memory(err);
}

int vmha_pcmk_moves_expr(const char *const roles[], size_t count, char **ret_expr,
			 struct vmha_err **err)
{
	vmha_autostr struct vmha_str s = { 0 };
	size_t i;
	int r = count ? 0 : vmha_err_set(err, -EINVAL, "no constraint to remove");

	(void)vmha_str_add(&s, "//constraints/rsc_location[");
	for (i = 0; r == 0 && i < count; i++) {
		r = name_check(roles[i], err);
		(void)vmha_str_add(&s, "%s@id='cli-prefer-%s'", i ? " or " : "", roles[i]);
	}
	(void)vmha_str_add(&s, "]");
	if (r < 0) {
		return r;
	}
	*ret_expr = vmha_str_steal(&s);
	return *ret_expr ? 0 : out_of_memory(err);
}

int vmha_pcmk_move_expr(const char *role, const char *from, char **ret_expr, struct vmha_err **err)
{
	vmha_autostr struct vmha_str s = { 0 };
	int r = name_check(role, err);

	r = r < 0 || !from ? r : name_check(from, err);
	if (r < 0) {
		return r;
	}
	(void)vmha_str_add(&s, "//constraints/rsc_location[@id='cli-prefer-%s'", role);
	if (from) {
		(void)vmha_str_add(&s, " or @id='cli-ban-%s-on-%s'", role, from);
	}
	(void)vmha_str_add(&s, "]");
	*ret_expr = vmha_str_steal(&s);
	return *ret_expr ? 0 : out_of_memory(err);
}

int vmha_pcmk_bans_expr(const char *node, char **ret_expr, struct vmha_err **err)
{
	int r = name_check(node, err);

	if (r < 0) {
		return r;
	}
	/* by its node as well: "vmha-drain-a-b" may be role b of node a, or begin one of node a-b
	 */
	*ret_expr =
		vmha_str_printf("//constraints/rsc_location[starts-with(@id,'" VMHA_PCMK_BAN_PREFIX
				"%s-') and @node='%s']",
				node, node);
	return *ret_expr ? 0 : out_of_memory(err);
}

/* @return what attribute @name says, or NULL; borrowed */
static const char *attr(const xmlNode *x, const char *name)
{
	const xmlAttr *a = xmlHasProp(x, (const xmlChar *)name);

	return a && a->children ? (const char *)a->children->content : NULL;
}

/* The role that a constraint bans from @node, borrowed; NULL: it is none of a drain's. */
static const char *ban_role(const xmlNode *x, const char *node)
{
	const char *id = attr(x, "id");

	if (x->type != XML_ELEMENT_NODE || !vmha_str_eq((const char *)x->name, "rsc_location") ||
	    !id || !vmha_str_starts(id, VMHA_PCMK_BAN_PREFIX) ||
	    !vmha_str_eq(attr(x, "node"), node)) {
		return NULL;
	}
	return attr(x, "rsc");
}

/* Pointers first, then the texts they point to. */
static char **bans_collect(const xmlNode *first, const char *node, size_t *ret_count)
{
	size_t size = sizeof(char *);
	const xmlNode *x;
	size_t count = 0;
	char **roles;
	char *text;

	for (x = first; x; x = x->next) {
		const char *role = ban_role(x, node);

		if (role) {
			count++;
			size += sizeof(char *) + strlen(role) + 1;
		}
	}
	roles = calloc(1, size);
	if (!roles) {
		return NULL;
	}
	text = (char *)(roles + count + 1);
	*ret_count = 0;
	for (x = first; x; x = x->next) {
		const char *role = ban_role(x, node);

		if (role) {
			roles[(*ret_count)++] = text;
			text = stpcpy(text, role) + 1;
		}
	}
	return roles;
}

int vmha_pcmk_bans_parse(const char *xml, const char *node, char ***ret_roles, size_t *ret_count,
			 struct vmha_err **err)
{
	xmlDoc *doc = xmlReadMemory(xml, (int)strlen(xml), NULL, NULL,
				    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	char **roles;

	if (!root || !vmha_str_eq((const char *)root->name, "constraints")) {
		xmlFreeDoc(doc);
		return vmha_err_set(err, -EBADMSG, "cibadmin printed no constraints");
	}
	roles = bans_collect(root->children, node, ret_count);
	xmlFreeDoc(doc);
	if (!roles) {
		return out_of_memory(err);
	}
	*ret_roles = roles;
	return 0;
}
