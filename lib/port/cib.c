/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/cib.h"

#include <crm/cib.h>
#include <crm/common/xml.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define DEPTH_MAX 8

/* The one connection: libcib hands nothing of ours to its callbacks. */
static struct {
	cib_t *cib;
	struct vmha_cib_calls calls;
	void *data;
} the;

static int legacy_errno(int rc)
{
	rc = rc < 0 ? -rc : rc;
	return rc > 0 && rc < 200 ? -rc : -EIO; /* Pacemaker's own codes begin at 200 */
}

/* A change of this path concerns the configuration; most concern the status. */
static bool path_concerns(const char *path)
{
	return !vmha_str_starts(path, "/cib/") || vmha_str_starts(path, "/cib/configuration");
}

/* Is there a change of the configuration in this patch, somewhere below @node? */
static bool concerns(const xmlNode *node, int depth)
{
	const xmlNode *n;

	for (n = node; n && depth < DEPTH_MAX; n = n->next) {
		const xmlAttr *a =
			n->type == XML_ELEMENT_NODE ? xmlHasProp(n, (const xmlChar *)"path") : NULL;

		if (a && a->children && a->children->content &&
		    strcmp((const char *)n->name, "change") == 0) {
			if (path_concerns((const char *)a->children->content)) {
				return true;
			}
		} else if (concerns(n->children, depth + 1)) {
			return true;
		}
	}
	return false;
}

static void on_diff(const char *event, xmlNode *msg)
{
	(void)event;
	if (!the.calls.changed || !msg) {
		return;
	}
	if (concerns(msg->children, 0)) {
		the.calls.changed(the.data);
	} else {
		the.calls.status(the.data);
	}
}

static void on_lost(gpointer data)
{
	(void)data;
	if (the.calls.lost) {
		the.calls.lost(the.data);
	}
}

int vmha_cib_open(const struct vmha_cib_calls *calls, void *data, struct vmha_err **err)
{
	int rc;

	if (the.cib) {
		return vmha_err_set(err, -EBUSY, "the CIB is open");
	}
	the.cib = cib_native_new();
	if (!the.cib) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	rc = the.cib->cmds->signon(the.cib, "vmha-cibwatch", cib_query);
	if (rc == pcmk_ok) {
		rc = the.cib->cmds->set_connection_dnotify(the.cib, on_lost);
	}
	if (rc == pcmk_ok) {
		rc = the.cib->cmds->add_notify_callback(the.cib, T_CIB_DIFF_NOTIFY, on_diff);
	}
	if (rc != pcmk_ok) {
		vmha_cib_close();
		return vmha_err_errno(err, legacy_errno(rc), "cannot sign on with Pacemaker");
	}
	the.calls = *calls;
	the.data = data;
	return 0;
}

void vmha_cib_close(void)
{
	cib_t *cib = the.cib;

	memset(&the, 0, sizeof(the));
	if (cib) {
		(void)cib->cmds->signoff(cib);
		cib_delete(cib);
	}
}

static int query(const char *section, int options, xmlNode **ret_xml, struct vmha_err **err)
{
	xmlNode *xml = NULL;
	int rc;

	if (!the.cib) {
		return vmha_err_set(err, -ENOTCONN, "the CIB is not open");
	}
	rc = the.cib->cmds->query(the.cib, section, &xml,
				  options | (int)cib_scope_local | (int)cib_sync_call);
	if (rc != pcmk_ok || !xml) {
		free_xml(xml);
		return vmha_err_errno(err, rc == pcmk_ok ? -EBADMSG : legacy_errno(rc),
				      "cannot read Pacemaker's configuration");
	}
	*ret_xml = xml;
	return 0;
}

int vmha_cib_query(char **ret_xml, struct vmha_err **err)
{
	const char *epoch;
	const char *admin;
	xmlNode *configuration = NULL;
	xmlNode *root = NULL;
	char *text;
	/* the version first: it may only be older than what is read */
	int r = query(NULL, cib_no_children, &root, err);

	r = r < 0 ? r : query("configuration", 0, &configuration, err);
	if (r < 0) {
		free_xml(root);
		return r;
	}
	admin = crm_element_value(root, "admin_epoch");
	epoch = crm_element_value(root, "epoch");
	text = dump_xml_unformatted(configuration);
	*ret_xml = text ? vmha_str_printf("<cib admin_epoch=\"%s\" epoch=\"%s\">%s</cib>",
					  admin ? admin : "0", epoch ? epoch : "0", text)
			: NULL;
	free(text);
	free_xml(root);
	free_xml(configuration);
	return *ret_xml ? 0 : vmha_err_set(err, -ENOMEM, "out of memory");
}
