/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_DOMXML_H
#define VMHA_PORT_DOMXML_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/port/lease_sanlock.h"

/*
 * A libvirt domain's XML by libxml2.  The text comes from people: no DOCTYPE (hence no entities),
 * nothing is fetched, the size is bounded.
 */
#define VMHA_DOMXML_MAX_BYTES (1U << 20)

struct vmha_domxml;

/**
 * Parse the XML of a domain.
 * @return 0; -EFBIG; -EBADMSG not well-formed, has a DOCTYPE, or is no <domain>, with the line in
 * @err; -ENOMEM
 */
int vmha_domxml_parse(const char *text, size_t len, struct vmha_domxml **ret_dom,
		      struct vmha_err **err);
/** As vmha_domxml_parse(), from a file. @return also the errno of reading it */
int vmha_domxml_load(const char *path, struct vmha_domxml **ret_dom, struct vmha_err **err);

void vmha_domxml_free(struct vmha_domxml *dom);
static inline void vmha_cleanup_domxml(struct vmha_domxml **dom)
{
	vmha_domxml_free(*dom);
}
#define vmha_autodomxml __attribute__((cleanup(vmha_cleanup_domxml)))

/** @return the document as UTF-8 text for the caller to free; NULL when memory ran out */
char *vmha_domxml_print(const struct vmha_domxml *dom);

/** Text of the first node that @xpath finds, white space around it cut; NULL: none. Caller frees.
 */
char *vmha_domxml_get(const struct vmha_domxml *dom, const char *xpath);
/** As vmha_domxml_get(), the element itself as XML. */
char *vmha_domxml_get_xml(const struct vmha_domxml *dom, const char *xpath);
/** How many nodes @xpath finds. */
size_t vmha_domxml_count(const struct vmha_domxml *dom, const char *xpath);

/** What stands in the XML; NULL where it says nothing. */
struct vmha_domxml_disk {
	char *type;   /* "file", "block", ... */
	char *device; /* "disk", "cdrom", "floppy", "lun"; default "disk" */
	char *source; /* path; NULL: no medium */
	char *target; /* "vda" */
	char *cache;
	char *io;
	char *driver; /* format: "raw", "qcow2" */
	bool readonly;
	bool shareable;
	bool transient;
};

struct vmha_domxml_nic {
	char *type;   /* "network", "bridge", ... */
	char *source; /* name of the network, bridge or device */
	char *mac;    /* as written */
};

/**
 * The domain's disks.  Backing files named in <backingStore> or <mirror> come as disks of their
 * own, read-only, with device "backing".
 * @param[out] ret_count how many
 * @return borrowed array, gone with @dom
 */
const struct vmha_domxml_disk *vmha_domxml_disks(const struct vmha_domxml *dom, size_t *ret_count);
const struct vmha_domxml_nic *vmha_domxml_nics(const struct vmha_domxml *dom, size_t *ret_count);

/** Set the text of /domain/@element ("name", "uuid"), made where missing. @return 0 or -ENOMEM */
int vmha_domxml_set(struct vmha_domxml *dom, const char *element, const char *text);

/** Replace /domain/cpu by the element @xml. @return 0; -EBADMSG; -ENOMEM */
int vmha_domxml_set_cpu(struct vmha_domxml *dom, const char *xml, struct vmha_err **err);

/** Remove what belongs to one run of the domain: its number (id="7"). */
void vmha_domxml_forget_run(struct vmha_domxml *dom);

/** Replace every <lease> by @lease's. @return 0 or -ENOMEM */
int vmha_domxml_set_lease(struct vmha_domxml *dom, const struct vmha_lease *lease);

/** @return 1 the only <lease> is @lease's; 0 there is none; -EEXIST there is another */
int vmha_domxml_has_lease(const struct vmha_domxml *dom, const struct vmha_lease *lease,
			  struct vmha_err **err);

#endif
