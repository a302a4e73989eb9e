/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/precheck.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "lib/port/domxml.h"
#include "lib/port/virt.h"
#include "lib/role/connect.h"
#include "lib/role/domcheck.h"
#include "lib/role/peers.h"
#include "lib/role/volume.h"

#define MIB	     (1024ULL * 1024)
#define MARGIN_BYTES (128 * MIB) /* QEMU itself, and what the host needs to breathe */
#define ASK_PATIENCE VMHA_SPAN_S(3)
#define CPU_PATIENCE VMHA_SPAN_MS(700) /* asked of another node: never long */

struct list {
	const struct vmha_action *act;
	const struct vmha_domxml *dom;
	struct vmha_check *checks;
	int count;
};

/* @param why NULL or "": it is good */
static void add(struct list *l, const char *check, const char *why)
{
	struct vmha_check *c;

	if (l->count == VMHA_CHECKS_MAX) {
		return;
	}
	c = &l->checks[l->count++];
	*c = (struct vmha_check){ .check = check, .ok = !why || !*why };
	(void)snprintf(c->text, sizeof(c->text), "%s", c->ok ? "good" : why);
}

static void __attribute__((format(printf, 3, 4)))
refuse(struct list *l, const char *check, const char *fmt, ...)
{
	char text[sizeof(l->checks->text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	add(l, check, text);
}

/* --- memory --------------------------------------------------------------------------------- */

uint64_t vmha_precheck_bytes(const char *number, const char *unit)
{
	static const struct {
		const char *unit;
		uint64_t bytes;
	} units[] = {
		{ "b", 1 },	     { "bytes", 1 },	    { "KB", 1000 },
		{ "k", 1024 },	     { "KiB", 1024 },	    { "MB", 1000000 },
		{ "M", MIB },	     { "MiB", MIB },	    { "GB", 1000000000ULL },
		{ "G", 1024 * MIB }, { "GiB", 1024 * MIB }, { "TB", 1000000000000ULL },
		{ "T", MIB * MIB },  { "TiB", MIB * MIB },
	};
	uint64_t n = 0;
	size_t i;

	if (vmha_str_u64(number, 0, UINT64_MAX / (MIB * MIB), &n) < 0) {
		return 0;
	}
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (vmha_str_eq(unit ? unit : "KiB", units[i].unit)) {
			return n * units[i].bytes;
		}
	}
	return 0;
}

char *vmha_precheck_memory(const char *meminfo, uint64_t need_bytes, const char *node,
			   const char *vm)
{
	const char *line = strstr(meminfo, "MemAvailable:");
	unsigned long long kib = 0;

	if (!line || sscanf(line, "MemAvailable: %llu kB", &kib) != 1) {
		return vmha_str_printf("%s does not say how much memory is free", node);
	}
	if (kib * 1024 >= need_bytes + need_bytes / 32 + MARGIN_BYTES) {
		return NULL;
	}
	return vmha_str_printf("%s has %llu MiB of memory free, %s needs %llu MiB and a margin",
			       node, kib / 1024, vm, (unsigned long long)(need_bytes / MIB));
}

static void check_memory(struct list *l)
{
	vmha_autofree char *number = vmha_domxml_get(l->dom, "/domain/memory");
	vmha_autofree char *unit = vmha_domxml_get(l->dom, "/domain/memory/@unit");
	vmha_autofree char *meminfo = NULL;
	vmha_autofree char *why = NULL;
	uint64_t need = number ? vmha_precheck_bytes(number, unit) : 0;

	if (!need) {
		refuse(l, "memory", "the size of %s's memory is not understood", l->act->role.name);
	} else if (vmha_file_read("/proc/meminfo", 65536, &meminfo, NULL, NULL) < 0) {
		refuse(l, "memory", "%s does not say how much memory is free", l->act->node);
	} else {
		why = vmha_precheck_memory(meminfo, need, l->act->node, l->act->role.name);
		add(l, "memory", why);
	}
}

/* --- what libvirt knows --------------------------------------------------------------------- */

/* A model that is chosen by the host the guest runs on is only known there. */
static char *cpu_of(const struct list *l)
{
	struct vmha_owner_record owner = { 0 };
	char address[VMHA_NODE_SIZE] = "";
	char *cpu = NULL;

	if (vmha_domxml_count(l->dom, "/domain/cpu[@mode='host-model']") > 0) {
		if (vmha_role_load(&l->act->role, VMHA_RECORD_OWNER, &owner, NULL) == 0 &&
		    !vmha_str_eq(owner.node, l->act->node) &&
		    vmha_peer_address(owner.node, address, NULL) == 0) {
			(void)vmha_virt_cpu(address, l->act->rec.uuid, CPU_PATIENCE, &cpu, NULL);
		}
		return cpu; /* not known: libvirt compares when it moves */
	}
	if (vmha_domxml_count(l->dom, "/domain/cpu[@mode='host-passthrough' or "
				      "@mode='maximum']") > 0) {
		return NULL;
	}
	return vmha_domxml_get_xml(l->dom, "/domain/cpu");
}

static void check_nic(struct list *l, const struct vmha_domxml_nic *nic)
{
	char path[VMHA_PATH_SIZE];

	(void)snprintf(path, sizeof(path), "/sys/class/net/%s", nic->source);
	if (strchr(nic->source, '/') || access(path, F_OK) < 0) {
		refuse(l, "network", "%s has no %s %s, to which %s is connected", l->act->node,
		       vmha_str_eq(nic->type, "bridge") ? "bridge" : "network device", nic->source,
		       l->act->role.name);
	} else {
		add(l, "network", NULL);
	}
}

/* @param[out] networks libvirt's own, which it is to be asked about. @return how many */
static size_t check_nics(struct list *l, const char **networks)
{
	size_t count = 0;
	size_t found = 0;
	size_t i;
	const struct vmha_domxml_nic *nics = vmha_domxml_nics(l->dom, &count);

	for (i = 0; i < count; i++) {
		if (!nics[i].source) {
			continue;
		}
		if (!vmha_str_eq(nics[i].type, "network")) {
			check_nic(l, &nics[i]);
		} else if (found < VMHA_VIRT_NETWORKS_MAX) {
			networks[found++] = nics[i].source;
		}
	}
	return found;
}

/* The words are read on other nodes too. */
static void refuse_libvirt(struct list *l, const char *why)
{
	static const char here[] = "libvirtd of this node";

	if (vmha_str_starts(why, here)) {
		refuse(l, "libvirt", "libvirtd of %s%s", l->act->node, why + strlen(here));
	} else {
		refuse(l, "libvirt", "%s cannot take it: %s", l->act->node, why);
	}
}

/* It is slow to answer the first time: it tries QEMU then. */
static void check_libvirt(struct list *l, const struct vmha_virt_needs *nics, size_t found)
{
	vmha_autofree char *type = vmha_domxml_get(l->dom, "/domain/@type");
	vmha_autofree char *arch = vmha_domxml_get(l->dom, "/domain/os/type/@arch");
	vmha_autofree char *machine = vmha_domxml_get(l->dom, "/domain/os/type/@machine");
	vmha_autofree char *emulator = vmha_domxml_get(l->dom, "/domain/devices/emulator");
	vmha_autofree char *cpu = cpu_of(l);
	vmha_autofree struct vmha_virt_host *host = calloc(1, sizeof(*host));
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_virt_needs needs = *nics;
	const char *node = l->act->node;
	size_t i;

	needs.type = type;
	needs.arch = arch;
	needs.machine = machine;
	needs.emulator = emulator;
	needs.cpu_xml = cpu;
	if (!host ||
	    vmha_virt_host(&needs, vmha_action_left(l->act, ASK_PATIENCE), host, &err) < 0) {
		refuse_libvirt(l, vmha_err_text(err));
		return;
	}
	if (*host->machine) {
		refuse(l, "machine", "QEMU of %s cannot run it: %s", node, host->machine);
	} else {
		add(l, "machine", NULL);
	}
	if (*host->cpu) {
		refuse(l, "cpu", "the CPU of %s does not suit it: %s", node, host->cpu);
	} else {
		add(l, "cpu", NULL);
	}
	for (i = 0; i < found; i++) {
		if (*host->networks[i]) {
			refuse(l, "network", "network %s of %s: %s", needs.networks[i], node,
			       host->networks[i]);
		} else {
			add(l, "network", NULL);
		}
	}
}

/* --- disks, volume -------------------------------------------------------------------------- */

/* A definition can be changed by hand, or be of a release that knew less. */
static void check_mode(struct list *l, const struct vmha_domxml_disk *disk,
		       const struct vmha_disk_policy *policy)
{
	vmha_autostr struct vmha_str why = { 0 };
	enum vmha_disk_mode mode = vmha_disk_check(disk, policy, &why);

	if (mode == VMHA_DISK_REFUSED || (mode == VMHA_DISK_UNSAFE && !policy->unsafe)) {
		refuse(l, "disk", "disk %s of %s %s", disk->target ? disk->target : "?",
		       l->act->role.name, why.text);
	} else {
		add(l, "disk", NULL);
	}
}

static void check_disks(struct list *l)
{
	struct vmha_volume_record volume = { 0 };
	struct vmha_disk_policy policy;
	size_t count = 0;
	size_t i;
	const struct vmha_domxml_disk *disks = vmha_domxml_disks(l->dom, &count);

	/* a volume that cannot be read is refused by its own check */
	(void)vmha_volume_load(l->act->role.volume, VMHA_VOLUME_RECORD, &volume, NULL);
	policy = vmha_disk_policy_of(&volume, l->act->rec.unsafe);

	for (i = 0; i < count; i++) {
		if (!disks[i].source) {
			continue;
		}
		if (access(disks[i].source, F_OK) < 0) {
			refuse(l, "disk", "%s does not have %s (%s)", l->act->node, disks[i].source,
			       strerror(errno));
		} else {
			check_mode(l, &disks[i], &policy);
		}
	}
}

/* Files beside the disks that QEMU opens when it is started on the target. */
static void check_files(struct list *l)
{
	static const char *const files[] = { "/domain/os/kernel", "/domain/os/initrd",
					     "/domain/os/loader", "/domain/os/nvram" };
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		vmha_autofree char *path = vmha_domxml_get(l->dom, files[i]);

		if (path && *path == '/' && access(path, F_OK) < 0) {
			refuse(l, "disk", "%s does not have %s (%s)", l->act->node, path,
			       strerror(errno));
		}
	}
}

static void check_volume(struct list *l)
{
	const struct vmha_action *act = l->act;
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_lease_owner owner = { 0 };

	if (!act->host_id) {
		refuse(l, "volume", "%s has not joined volume %s", act->node, act->role.volume);
		return;
	}
	add(l, "volume", NULL);
	if (vmha_lease_owner(&act->lease, &owner, &err) < 0) {
		refuse(l, "lease", "%s cannot read the lease of %s: %s", act->node, act->role.name,
		       vmha_err_text(err));
	} else {
		add(l, "lease", NULL);
	}
}

static void check_ways(struct list *l, const struct vmha_plan *ways)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_owner_record owner = { 0 };

	(void)vmha_role_load(&l->act->role, VMHA_RECORD_OWNER, &owner, NULL);
	if (vmha_connect_any(l->act, ways, *owner.node ? owner.node : "its node", &err) < 0) {
		refuse(l, "network", "%s", vmha_err_text(err));
	} else {
		add(l, "network", NULL);
	}
}

static bool is_good(const struct list *l)
{
	int i;

	for (i = 0; i < l->count && l->checks[i].ok; i++) {
	}
	return i == l->count;
}

int vmha_precheck(const struct vmha_action *act, const struct vmha_plan *ways, bool all,
		  struct vmha_check *checks, struct vmha_err **err)
{
	vmha_autodomxml struct vmha_domxml *dom = NULL;
	struct list l = { .act = act, .checks = checks };
	struct vmha_virt_needs nics = { 0 };
	char path[VMHA_PATH_SIZE];
	size_t found;
	int r;

	vmha_role_path(&act->role, VMHA_FILE_XML, path);
	r = vmha_domxml_load(path, &dom, err);
	if (r < 0) {
		return r;
	}
	l.dom = dom;
	check_volume(&l);
	check_memory(&l);
	check_disks(&l);
	check_files(&l);
	found = check_nics(&l, nics.networks);
	if (all || is_good(&l)) {
		check_libvirt(&l, &nics, found);
	}
	if (ways && (all || is_good(&l))) {
		check_ways(&l, ways);
	}
	return l.count;
}
