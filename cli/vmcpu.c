/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "cli/cluster.h"
#include "cli/output.h"
#include "cli/vm.h"
#include "lib/base/cleanup.h"
#include "lib/port/virt.h"

#define PATIENCE VMHA_SPAN_S(10)

struct cpus {
	char *xml[VMHA_VIRT_CPUS_MAX + 1]; /* NULL ends */
	size_t count;
};

static void cpus_free(struct cpus *c)
{
	size_t i;

	for (i = 0; i < c->count; i++) {
		free(c->xml[i]);
	}
}

/* Every node is asked: one that is off may be the weakest. */
static int nodes_ask(const struct vmha_pcmk_state *s, const struct vmha_virt_needs *needs,
		     struct cpus *c, struct vmha_err **err)
{
	vmha_autofree char *self = NULL;
	size_t i;
	int r = vmha_pcmk_self(&self, err);

	for (i = 0; r == 0 && i < s->nodes_count && c->count < VMHA_VIRT_CPUS_MAX; i++) {
		const struct vmha_pcmk_node *n = &s->nodes[i];
		vmha_autofree char *address = NULL;

		if (!n->online) {
			return vmha_err_set(err, -EHOSTDOWN,
					    "node %s is not online: which CPU all nodes can give "
					    "is not known: start it, or do without --cpu baseline",
					    n->name);
		}
		r = vmha_cluster_address(n->name, self, &address, err);
		r = r < 0 ? r
			  : vmha_virt_host_cpu(address, needs, PATIENCE, &c->xml[c->count], err);
		if (r < 0) {
			vmha_err_prefix(err, "node %s does not tell its CPU", n->name);
		} else {
			c->count++;
		}
	}
	return r;
}

int vmha_vm_cpu_baseline(struct vmha_domxml *dom, const struct vmha_pcmk_state *s,
			 struct vmha_err **err)
{
	__attribute__((cleanup(cpus_free))) struct cpus c = { 0 };
	vmha_autofree char *type = vmha_domxml_get(dom, "/domain/@type");
	vmha_autofree char *arch = vmha_domxml_get(dom, "/domain/os/type/@arch");
	vmha_autofree char *machine = vmha_domxml_get(dom, "/domain/os/type/@machine");
	vmha_autofree char *emulator = vmha_domxml_get(dom, "/domain/devices/emulator");
	const struct vmha_virt_needs needs = {
		.type = type, .arch = arch, .machine = machine, .emulator = emulator
	};
	vmha_autofree char *xml = NULL;
	vmha_autofree char *model = NULL;
	int r = nodes_ask(s, &needs, &c, err);

	r = r < 0 ? r : vmha_virt_baseline(&needs, (const char *const *)c.xml, PATIENCE, &xml, err);
	r = r < 0 ? r : vmha_domxml_set_cpu(dom, xml, err);
	if (r == 0) {
		model = vmha_domxml_get(dom, "/domain/cpu/model");
		vmha_output_step("CPU that all %zu nodes can give: %s", c.count,
				 model ? model : "?");
	}
	return r;
}
