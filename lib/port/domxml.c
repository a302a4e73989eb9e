/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/domxml.h"

#include <errno.h>
#include <inttypes.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xpath.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/str.h"

struct vmha_domxml {
	xmlDoc *doc;
	struct vmha_domxml_disk *disks;
	size_t disks_count;
	struct vmha_domxml_nic *nics;
	size_t nics_count;
};

static void cleanup_xpath(xmlXPathObject **o)
{
	xmlXPathFreeObject(*o);
}
#define autoxpath __attribute__((cleanup(cleanup_xpath)))

/* @return the nodes @xpath finds under @from (NULL: the whole document), or NULL */
static xmlXPathObject *xpath_eval(xmlDoc *doc, xmlNode *from, const char *xpath)
{
	xmlXPathContext *ctx = xmlXPathNewContext(doc);
	xmlXPathObject *found = NULL;

	if (ctx) {
		ctx->node = from ? from : xmlDocGetRootElement(doc);
		found = xmlXPathEvalExpression((const xmlChar *)xpath, ctx);
		xmlXPathFreeContext(ctx);
	}
	return found;
}

static size_t found_count(const xmlXPathObject *found)
{
	return found && found->nodesetval ? (size_t)found->nodesetval->nodeNr : 0;
}

static char *text_trimmed(const char *text)
{
	size_t len;

	text += strspn(text, " \t\r\n");
	len = strlen(text);
	while (len > 0 && strchr(" \t\r\n", text[len - 1])) {
		len--;
	}
	return strndup(text, len);
}

static char *xpath_text(xmlDoc *doc, xmlNode *from, const char *xpath)
{
	autoxpath xmlXPathObject *found = xpath_eval(doc, from, xpath);
	xmlChar *content;
	char *text;

	if (!found_count(found)) {
		return NULL;
	}
	content = xmlNodeGetContent(found->nodesetval->nodeTab[0]);
	text = content ? text_trimmed((const char *)content) : NULL;
	xmlFree(content);
	return text;
}

static bool xpath_any(xmlDoc *doc, xmlNode *from, const char *xpath)
{
	autoxpath xmlXPathObject *found = xpath_eval(doc, from, xpath);

	return found_count(found) > 0;
}

/* Called where a DOCTYPE begins, before anything in it is read: there ends the parse. */
static void doctype_refuse(void *ctx, const xmlChar *name, const xmlChar *external,
			   const xmlChar *system)
{
	xmlParserCtxt *parser = ctx;

	(void)name;
	(void)external;
	(void)system;
	*(bool *)parser->_private = true;
	xmlStopParser(parser);
}

static void error_ignore(void *ctx, const char *fmt, ...)
{
	(void)ctx;
	(void)fmt;
}

static int doc_parse(const char *text, size_t len, xmlDoc **ret_doc, struct vmha_err **err)
{
	xmlParserCtxt *parser = xmlNewParserCtxt();
	bool doctype = false;
	xmlDoc *doc;
	int r = 0;

	if (!parser) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	parser->_private = &doctype;
	parser->sax->internalSubset = doctype_refuse;
	parser->sax->error = error_ignore;
	doc = xmlCtxtReadMemory(parser, text, (int)len, NULL, NULL,
				XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (doctype) {
		r = vmha_err_set(err, -EBADMSG,
				 "the XML has a DOCTYPE (entities are not accepted): remove it");
	} else if (!doc || !xmlDocGetRootElement(doc)) {
		const xmlError *e = xmlCtxtGetLastError(parser);
		vmha_autofree char *why = text_trimmed(e && e->message ? e->message : "no content");

		r = vmha_err_set(err, -EBADMSG, "not well-formed XML, line %d: %s", e ? e->line : 1,
				 why ? why : "");
	}
	xmlFreeParserCtxt(parser);
	if (r < 0) {
		xmlFreeDoc(doc);
		return r;
	}
	*ret_doc = doc;
	return 0;
}

static void disk_clear(struct vmha_domxml_disk *d)
{
	free(d->type);
	free(d->device);
	free(d->source);
	free(d->target);
	free(d->cache);
	free(d->io);
	free(d->driver);
}

static int disk_read(xmlDoc *doc, xmlNode *node, struct vmha_domxml_disk *d)
{
	d->type = xpath_text(doc, node, "@type");
	d->device = xpath_text(doc, node, "@device");
	if (!d->device) {
		d->device = strdup("disk");
	}
	d->source = xpath_text(doc, node, "source/@file|source/@dev");
	if (!d->source) { /* anything else that names a place: said to be there, by its type */
		d->source = xpath_text(doc, node, "source/@name|source/@volume|source/@dir");
	}
	d->target = xpath_text(doc, node, "target/@dev");
	d->cache = xpath_text(doc, node, "driver/@cache");
	d->io = xpath_text(doc, node, "driver/@io");
	d->driver = xpath_text(doc, node, "driver/@type");
	d->readonly = xpath_any(doc, node, "readonly") || vmha_str_eq(d->device, "cdrom");
	d->shareable = xpath_any(doc, node, "shareable");
	d->transient = xpath_any(doc, node, "transient");
	return d->device ? 0 : -ENOMEM;
}

static int backing_read(xmlDoc *doc, xmlNode *node, struct vmha_domxml_disk *d)
{
	d->type = xpath_text(doc, node, "@type");
	d->device = strdup("backing");
	d->source = xpath_text(doc, node, "source/@file|source/@dev");
	d->target = xpath_text(doc, node, "ancestor::disk/target/@dev");
	d->driver = xpath_text(doc, node, "format/@type");
	d->readonly = true;
	return d->device ? 0 : -ENOMEM;
}

#define XPATH_DISKS   "/domain/devices/disk"
#define XPATH_BACKING "/domain/devices/disk//*[(self::backingStore or self::mirror) and source]"

static int disks_read(struct vmha_domxml *dom)
{
	autoxpath xmlXPathObject *disks = xpath_eval(dom->doc, NULL, XPATH_DISKS);
	autoxpath xmlXPathObject *backing = xpath_eval(dom->doc, NULL, XPATH_BACKING);
	size_t n = found_count(disks);
	size_t total = n + found_count(backing);
	size_t i;

	dom->disks = calloc(total + 1, sizeof(*dom->disks));
	if (!dom->disks || !disks || !backing) {
		return -ENOMEM;
	}
	for (i = 0; i < total; i++) {
		int r = i < n ? disk_read(dom->doc, disks->nodesetval->nodeTab[i], &dom->disks[i])
			      : backing_read(dom->doc, backing->nodesetval->nodeTab[i - n],
					     &dom->disks[i]);

		dom->disks_count = i + 1;
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

static int nics_read(struct vmha_domxml *dom)
{
	autoxpath xmlXPathObject *nics = xpath_eval(dom->doc, NULL, "/domain/devices/interface");
	size_t n = found_count(nics);
	size_t i;

	dom->nics = calloc(n + 1, sizeof(*dom->nics));
	if (!dom->nics || !nics) {
		return -ENOMEM;
	}
	for (i = 0; i < n; i++) {
		xmlNode *node = nics->nodesetval->nodeTab[i];

		dom->nics[i].type = xpath_text(dom->doc, node, "@type");
		dom->nics[i].source =
			xpath_text(dom->doc, node, "source/@network|source/@bridge|source/@dev");
		dom->nics[i].mac = xpath_text(dom->doc, node, "mac/@address");
	}
	dom->nics_count = n;
	return 0;
}

int vmha_domxml_parse(const char *text, size_t len, struct vmha_domxml **ret_dom,
		      struct vmha_err **err)
{
	vmha_autodomxml struct vmha_domxml *dom = NULL;
	const xmlNode *root;
	int r;

	if (len > VMHA_DOMXML_MAX_BYTES) {
		return vmha_err_set(err, -EFBIG, "larger than %u bytes: not a domain's XML",
				    VMHA_DOMXML_MAX_BYTES);
	}
	dom = calloc(1, sizeof(*dom));
	if (!dom) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	r = doc_parse(text, len, &dom->doc, err);
	if (r < 0) {
		return r;
	}
	root = xmlDocGetRootElement(dom->doc);
	if (strcmp((const char *)root->name, "domain") != 0) {
		return vmha_err_set(err, -EBADMSG,
				    "the XML is a <%s>, not a <domain> (virsh dumpxml prints one)",
				    (const char *)root->name);
	}
	if (disks_read(dom) < 0 || nics_read(dom) < 0) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	*ret_dom = vmha_steal_ptr(dom);
	return 0;
}

int vmha_domxml_load(const char *path, struct vmha_domxml **ret_dom, struct vmha_err **err)
{
	vmha_autofree char *text = NULL;
	size_t len = 0;
	int r = vmha_file_read(path, VMHA_DOMXML_MAX_BYTES, &text, &len, err);

	if (r < 0) {
		return r;
	}
	r = vmha_domxml_parse(text, len, ret_dom, err);
	if (r < 0) {
		(void)vmha_err_prefix(err, "%s", path);
	}
	return r;
}

void vmha_domxml_free(struct vmha_domxml *dom)
{
	size_t i;

	if (!dom) {
		return;
	}
	for (i = 0; i < dom->disks_count; i++) {
		disk_clear(&dom->disks[i]);
	}
	for (i = 0; i < dom->nics_count; i++) {
		free(dom->nics[i].type);
		free(dom->nics[i].source);
		free(dom->nics[i].mac);
	}
	free(dom->disks);
	free(dom->nics);
	xmlFreeDoc(dom->doc);
	free(dom);
}

char *vmha_domxml_print(const struct vmha_domxml *dom)
{
	xmlChar *buf = NULL;
	char *text;
	int len = 0;

	xmlDocDumpMemoryEnc(dom->doc, &buf, &len, "UTF-8");
	text = buf ? strndup((const char *)buf, (size_t)len) : NULL;
	xmlFree(buf);
	return text;
}

char *vmha_domxml_get(const struct vmha_domxml *dom, const char *xpath)
{
	return xpath_text(dom->doc, NULL, xpath);
}

char *vmha_domxml_get_xml(const struct vmha_domxml *dom, const char *xpath)
{
	autoxpath xmlXPathObject *found = xpath_eval(dom->doc, NULL, xpath);
	xmlBuffer *buf;
	char *text = NULL;

	if (!found_count(found)) {
		return NULL;
	}
	buf = xmlBufferCreate();
	if (buf && xmlNodeDump(buf, dom->doc, found->nodesetval->nodeTab[0], 0, 0) > 0) {
		text = strdup((const char *)xmlBufferContent(buf));
	}
	xmlBufferFree(buf);
	return text;
}

size_t vmha_domxml_count(const struct vmha_domxml *dom, const char *xpath)
{
	autoxpath xmlXPathObject *found = xpath_eval(dom->doc, NULL, xpath);

	return found_count(found);
}

const struct vmha_domxml_disk *vmha_domxml_disks(const struct vmha_domxml *dom, size_t *ret_count)
{
	*ret_count = dom->disks_count;
	return dom->disks;
}

const struct vmha_domxml_nic *vmha_domxml_nics(const struct vmha_domxml *dom, size_t *ret_count)
{
	*ret_count = dom->nics_count;
	return dom->nics;
}

static xmlNode *child_find(xmlNode *parent, const char *name)
{
	xmlNode *n = parent ? parent->children : NULL;

	while (n && (n->type != XML_ELEMENT_NODE || strcmp((const char *)n->name, name) != 0)) {
		n = n->next;
	}
	return n;
}

static void nodes_remove(xmlDoc *doc, const char *xpath)
{
	autoxpath xmlXPathObject *found = xpath_eval(doc, NULL, xpath);
	size_t i;

	for (i = 0; i < found_count(found); i++) {
		xmlNode *n = found->nodesetval->nodeTab[i];

		found->nodesetval->nodeTab[i] = NULL;
		xmlUnlinkNode(n);
		xmlFreeNode(n);
	}
}

int vmha_domxml_set(struct vmha_domxml *dom, const char *element, const char *text)
{
	xmlNode *root = xmlDocGetRootElement(dom->doc);
	xmlNode *fresh = xmlNewDocNode(dom->doc, NULL, (const xmlChar *)element, NULL);
	xmlNode *content = xmlNewDocText(dom->doc, (const xmlChar *)text);
	xmlNode *old = child_find(root, element);

	if (!root || !fresh || !content) {
		xmlFreeNode(fresh);
		xmlFreeNode(content);
		return -ENOMEM;
	}
	(void)xmlAddChild(fresh, content);
	if (old) {
		(void)xmlReplaceNode(old, fresh);
		xmlFreeNode(old);
	} else if (root->children) {
		(void)xmlAddPrevSibling(root->children, fresh);
	} else {
		(void)xmlAddChild(root, fresh);
	}
	return 0;
}

void vmha_domxml_forget_run(struct vmha_domxml *dom)
{
	(void)xmlUnsetProp(xmlDocGetRootElement(dom->doc), (const xmlChar *)"id");
}

int vmha_domxml_set_lease(struct vmha_domxml *dom, const struct vmha_lease *lease)
{
	xmlNode *root = xmlDocGetRootElement(dom->doc);
	xmlNode *devices = child_find(root, "devices");
	xmlNode *target = NULL;
	xmlNode *node;
	char offset[24];

	nodes_remove(dom->doc, "/domain/devices/lease");
	if (!devices) {
		devices = xmlNewChild(root, NULL, (const xmlChar *)"devices", NULL);
	}
	node = devices ? xmlNewChild(devices, NULL, (const xmlChar *)"lease", NULL) : NULL;
	(void)snprintf(offset, sizeof(offset), "%" PRIu64, lease->offset);
	if (node &&
	    xmlNewTextChild(node, NULL, (const xmlChar *)"lockspace",
			    (const xmlChar *)lease->lockspace) &&
	    xmlNewTextChild(node, NULL, (const xmlChar *)"key", (const xmlChar *)lease->name)) {
		target = xmlNewChild(node, NULL, (const xmlChar *)"target", NULL);
	}
	if (!target || !xmlNewProp(target, (const xmlChar *)"path", (const xmlChar *)lease->path) ||
	    !xmlNewProp(target, (const xmlChar *)"offset", (const xmlChar *)offset)) {
		return -ENOMEM;
	}
	return 0;
}

int vmha_domxml_set_cpu(struct vmha_domxml *dom, const char *xml, struct vmha_err **err)
{
	xmlNode *root = xmlDocGetRootElement(dom->doc);
	xmlDoc *doc = NULL;
	xmlNode *cpu;
	int r = doc_parse(xml, strlen(xml), &doc, err);

	if (r < 0) {
		return r;
	}
	cpu = xmlDocCopyNode(xmlDocGetRootElement(doc), dom->doc, 1);
	xmlFreeDoc(doc);
	if (!cpu || strcmp((const char *)cpu->name, "cpu") != 0) {
		xmlFreeNode(cpu);
		return vmha_err_set(err, cpu ? -EBADMSG : -ENOMEM, "no <cpu> element");
	}
	nodes_remove(dom->doc, "/domain/cpu");
	if (!xmlAddChild(root, cpu)) {
		xmlFreeNode(cpu);
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

int vmha_domxml_has_lease(const struct vmha_domxml *dom, const struct vmha_lease *lease,
			  struct vmha_err **err)
{
	size_t count = vmha_domxml_count(dom, "/domain/devices/lease");
	vmha_autofree char *space = vmha_domxml_get(dom, "/domain/devices/lease/lockspace");
	vmha_autofree char *key = vmha_domxml_get(dom, "/domain/devices/lease/key");
	vmha_autofree char *path = vmha_domxml_get(dom, "/domain/devices/lease/target/@path");
	vmha_autofree char *offset = vmha_domxml_get(dom, "/domain/devices/lease/target/@offset");
	char want[24];

	if (count == 0) {
		return 0;
	}
	(void)snprintf(want, sizeof(want), "%" PRIu64, lease->offset);
	if (count == 1 && vmha_str_eq(space, lease->lockspace) && vmha_str_eq(key, lease->name) &&
	    vmha_str_eq(path, lease->path) && vmha_str_eq(offset ? offset : "0", want)) {
		return 1;
	}
	return vmha_err_set(
		err, -EEXIST,
		"the XML has a <lease> that is not this role's (lockspace '%s', key '%s')",
		space ? space : "", key ? key : "");
}
