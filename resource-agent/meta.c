/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "resource-agent/params.h"

/*
 * resource-agents' schemas (metadata.rng, ra-api-1.dtd) know neither the action reload-agent nor
 * the attribute reloadable of OCF 1.1.  So this claims OCF 1.0 and advertises reload: Pacemaker
 * then takes a parameter with unique="0" as reloadable.  That includes `volume`; a reload to
 * another volume fails there, and the recovery (stop and start) is what such a change needs.
 */
#define OCF_VERSION "1.0"

static const char head[] =
	"<?xml version=\"1.0\"?>\n"
	"<!DOCTYPE resource-agent SYSTEM \"ra-api-1.dtd\">\n"
	"<resource-agent name=\"vm\" version=\"" PACKAGE_VERSION "\">\n"
	"<version>" OCF_VERSION "</version>\n"
	"<longdesc lang=\"en\">\n"
	"A virtual machine of libvirt and QEMU as a role on a cluster shared volume of vmha.\n"
	"It runs on one node only: its QEMU process holds a lease on the volume. It moves live or\n"
	"quickly between nodes, a failed move leaves it where it was, and a libvirtd that is dead\n"
	"or hangs is never taken for a VM that does not run. 'vmha vm add' makes the role and "
	"this\n"
	"resource, with the operations it needs: migrate_to must have on-fail=block, and start a\n"
	"timeout above the time after which the lease of a dead node can be taken over ('vmha\n"
	"volume show').\n"
	"</longdesc>\n"
	"<shortdesc lang=\"en\">Virtual machine on a cluster shared volume (vmha)</shortdesc>\n"
	"<parameters>\n";

static const char tail[] =
	"</parameters>\n"
	"<actions>\n"
	"<action name=\"start\" timeout=\"140s\"/>\n"
	"<action name=\"stop\" timeout=\"120s\"/>\n"
	"<action name=\"monitor\" timeout=\"30s\" interval=\"10s\" depth=\"0\"/>\n"
	"<action name=\"migrate_to\" timeout=\"600s\"/>\n"
	"<action name=\"migrate_from\" timeout=\"120s\"/>\n"
	"<action name=\"reload\" timeout=\"20s\"/>\n"
	"<action name=\"validate-all\" timeout=\"20s\"/>\n"
	"<action name=\"meta-data\" timeout=\"5s\"/>\n"
	"</actions>\n"
	"</resource-agent>\n";

static void parameter(const char *name, const char *type, const char *value, int required,
		      int unique, const char *summary, const char *text)
{
	(void)printf("<parameter name=\"%s\" unique=\"%d\" required=\"%d\">\n"
		     "<longdesc lang=\"en\">\n%s\n</longdesc>\n"
		     "<shortdesc lang=\"en\">%s</shortdesc>\n",
		     name, unique, required, text, summary);
	if (*value) {
		(void)printf("<content type=\"%s\" default=\"%s\"/>\n", type, value);
	} else {
		(void)printf("<content type=\"%s\"/>\n", type);
	}
	(void)printf("</parameter>\n");
}

void vm_meta_data(void)
{
	(void)fputs(head, stdout);
#define X(name_, type_, default_, required_, unique_, min_, max_, summary_, text_)                 \
	parameter(#name_, type_, default_, required_, unique_, summary_, text_);
	VM_PARAMS(X)
#undef X
	(void)fputs(tail, stdout);
}
