/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/port/virt_child.h"

/* Our own error texts come from libvirt; an empty one would say "nothing is wrong". */
static void words(char *to, size_t size)
{
	const char *text = virGetLastErrorMessage();

	(void)snprintf(to, size, "%s", text && *text ? text : "libvirt does not say why");
}

/* libvirt indents what it prints: the domain's own children stand at two blanks. */
int vmha_virt_child_cpu(void *dom, struct vmha_virt_reply *reply)
{
	vmha_autofree char *xml = virDomainGetXMLDesc(dom, VIR_DOMAIN_XML_MIGRATABLE);
	char *cpu = xml ? strstr(xml, "\n  <cpu") : NULL;
	char *end;

	if (!xml) {
		return vmha_virt_fail(reply);
	}
	while (cpu && cpu[8] != ' ' && cpu[8] != '>' && cpu[8] != '/') { /* <cputune>, not <cpu> */
		cpu = strstr(cpu + 1, "\n  <cpu");
	}
	end = cpu ? strstr(cpu, "\n  </cpu>") : NULL;
	if (!end) { /* no children: one line */
		end = cpu ? strstr(cpu + 1, "/>\n") : NULL;
		end = end ? end + 2 : NULL;
	} else {
		end += strlen("\n  </cpu>");
	}
	if (!end || (size_t)(end - cpu) >= sizeof(reply->text)) {
		(void)snprintf(reply->error, sizeof(reply->error), "the guest has no CPU model");
		return -ENOENT;
	}
	memcpy(reply->text, cpu, (size_t)(end - cpu));
	return 0;
}

static void machine_check(virConnectPtr conn, const struct vmha_virt_needs *n,
			  struct vmha_virt_host *host)
{
	vmha_autofree char *caps =
		virConnectGetDomainCapabilities(conn, n->emulator, n->arch, n->machine, n->type, 0);

	if (!caps) {
		words(host->machine, sizeof(host->machine));
	}
}

static void cpu_check(virConnectPtr conn, const struct vmha_virt_needs *n,
		      struct vmha_virt_host *host)
{
	int r = virConnectCompareHypervisorCPU(conn, n->emulator, n->arch, n->machine, n->type,
					       n->cpu_xml,
					       VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE);

	if (r < 0 && virGetLastErrorCode() == VIR_ERR_NO_SUPPORT) {
		return; /* another architecture: libvirt looks when it moves */
	}
	if (r < 0) {
		words(host->cpu, sizeof(host->cpu));
	} else if (r == VIR_CPU_COMPARE_INCOMPATIBLE) {
		(void)snprintf(host->cpu, sizeof(host->cpu), "libvirt finds it incompatible");
	}
}

static void network_check(virConnectPtr conn, const char *name, char *to, size_t size)
{
	virNetworkPtr net = virNetworkLookupByName(conn, name);

	if (!net) {
		words(to, size);
	} else if (virNetworkIsActive(net) != 1) {
		(void)snprintf(to, size, "it is not active");
	}
	if (net) {
		virNetworkFree(net);
	}
}

int vmha_virt_child_host(void *conn, const struct vmha_virt_needs *needs,
			 struct vmha_virt_reply *reply)
{
	size_t i;

	machine_check(conn, needs, &reply->host);
	if (needs->cpu_xml && !*reply->host.machine) {
		cpu_check(conn, needs, &reply->host);
	}
	for (i = 0; i < VMHA_VIRT_NETWORKS_MAX && needs->networks[i]; i++) {
		network_check(conn, needs->networks[i], reply->host.networks[i],
			      sizeof(reply->host.networks[i]));
	}
	return 0;
}

static int text_put(struct vmha_virt_reply *reply, const char *text)
{
	if (strlen(text) >= sizeof(reply->text)) {
		(void)snprintf(reply->error, sizeof(reply->error), "the CPU's XML is too long");
		return -EFBIG;
	}
	memcpy(reply->text, text, strlen(text) + 1);
	return 0;
}

/* Of the capabilities: what <mode name='host-model'> holds is the content of a <cpu>. */
int vmha_virt_child_host_cpu(void *conn, const struct vmha_virt_needs *needs,
			     struct vmha_virt_reply *reply)
{
	static const char head[] = "<mode name='host-model' supported='yes'>";
	vmha_autofree char *caps = virConnectGetDomainCapabilities(
		conn, needs->emulator, needs->arch, needs->machine, needs->type, 0);
	vmha_autofree char *text = NULL;
	char *begin;
	char *end;

	if (!caps) {
		return vmha_virt_fail(reply);
	}
	begin = strstr(caps, head);
	end = begin ? strstr(begin, "</mode>") : NULL;
	if (!end) {
		(void)snprintf(reply->error, sizeof(reply->error),
			       "it has no CPU model for guests of this kind");
		return -ENOENT;
	}
	*end = '\0';
	text = vmha_str_printf("<cpu>%s</cpu>", begin + strlen(head));
	return text ? text_put(reply, text) : -ENOMEM;
}

int vmha_virt_child_baseline(void *conn, const struct vmha_virt_needs *needs,
			     const char *const *cpus, struct vmha_virt_reply *reply)
{
	const char *list[VMHA_VIRT_CPUS_MAX];
	vmha_autofree char *cpu = NULL;
	unsigned int count = 0;

	while (count < VMHA_VIRT_CPUS_MAX && cpus[count]) {
		list[count] = cpus[count];
		count++;
	}
	cpu = virConnectBaselineHypervisorCPU(conn, needs->emulator, needs->arch, needs->machine,
					      needs->type, list, count,
					      VIR_CONNECT_BASELINE_CPU_MIGRATABLE);
	return cpu ? text_put(reply, cpu) : vmha_virt_fail(reply);
}
