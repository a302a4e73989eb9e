/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_PCMK_SETTINGS_H
#define VMHA_PORT_PCMK_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/core/listed.h"
#include "lib/core/settings.h"

/*
 * The cluster's settings in Pacemaker's configuration: properties `vmha-NAME` (in the property set
 * "vmha-settings", unless one stands in another set already), and attributes `vmha-NAME` of single
 * nodes.  Values come and go as text; lib/core/settings.h and network.h know what they mean.
 */

struct vmha_pcmk_settings {
	struct vmha_setting_pair *items; /* names without the prefix; whatever is there */
	size_t count;
	/* Of the configuration: grows with every change.  0: the XML was a part of it only. */
	uint64_t version;
};

void vmha_pcmk_settings_free(struct vmha_pcmk_settings *list);
static inline void vmha_cleanup_pcmk_settings(struct vmha_pcmk_settings **list)
{
	vmha_pcmk_settings_free(*list);
}
#define vmha_autosettings __attribute__((cleanup(vmha_cleanup_pcmk_settings)))

/** Ask Pacemaker (cibadmin).  Errors as in lib/port/pcmk.h. */
int vmha_pcmk_settings_read(struct vmha_pcmk_settings **ret_list, struct vmha_err **err);
/**
 * From a whole CIB, or its <configuration>, as XML.  What does not fit into a pair is left out.
 * @return 0; -EBADMSG no XML; -ENOMEM
 */
int vmha_pcmk_settings_parse(const char *xml, struct vmha_pcmk_settings **ret_list,
			     struct vmha_err **err);

/**
 * The cluster's own nodes, not Pacemaker Remote's, of the same XML.
 * @param[out] ret_nodes caller frees; set on 0 only
 * @return 0; -EBADMSG no XML; -ENOMEM
 */
int vmha_pcmk_cib_nodes_parse(const char *xml, struct vmha_listed **ret_nodes, size_t *ret_count,
			      struct vmha_err **err);

/**
 * Set and take back values in one write of the CIB: all of it or nothing.  Values are not checked
 * here.  When what is changed changes the slots of migrations, Pacemaker's property migration-limit
 * follows in the same write: it is the most that any node may have.
 * @param changes a NULL value takes back; a node NULL or "": the whole cluster; without any change
 * migration-limit is set as it should be
 * @return 0, also when all of it is so already; -ENOENT no node of that name; errors as in
 * lib/port/pcmk.h
 */
struct vmha_pcmk_setting_change {
	const char *node;
	const char *name; /* without the prefix */
	const char *value;
};
int vmha_pcmk_settings_change(const struct vmha_pcmk_setting_change *changes, size_t count,
			      struct vmha_err **err);

/**
 * The patch for that, for cibadmin --patch.
 * @param xml the CIB as it is
 * @param[out] ret_patch caller frees; NULL: nothing is to be done
 */
int vmha_pcmk_settings_patch(const char *xml, const struct vmha_pcmk_setting_change *changes,
			     size_t count, char **ret_patch, struct vmha_err **err);

#endif
