/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/domcheck.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "lib/base/cleanup.h"
#include "lib/core/volumetype.h"

void vmha_findings_free(struct vmha_findings *f)
{
	vmha_str_free(&f->refusals);
	vmha_str_free(&f->warnings);
	*f = (struct vmha_findings){ 0 };
}

static void finding_add(struct vmha_str *to, size_t *count, const char *fmt, va_list ap)
{
	vmha_autofree char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
	}
	(void)vmha_str_add(to, "%s%s", *count ? "\n" : "", text ? text : "out of memory");
	(*count)++;
}

void vmha_findings_refuse(struct vmha_findings *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	finding_add(&f->refusals, &f->refusals_count, fmt, ap);
	va_end(ap);
}

void vmha_findings_warn(struct vmha_findings *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	finding_add(&f->warnings, &f->warnings_count, fmt, ap);
	va_end(ap);
}

void vmha_findings_disk(struct vmha_findings *f, const char *disk, enum vmha_disk_mode mode,
			const struct vmha_disk_policy *policy, const char *why)
{
	if (mode == VMHA_DISK_SAFE) {
		return;
	}
	if (mode == VMHA_DISK_NOTED) {
		vmha_findings_warn(f, "disk %s %s", disk, why);
	} else if (mode == VMHA_DISK_UNSAFE && policy->unsafe) {
		vmha_findings_warn(f, "taken all the same (--unsafe): disk %s %s", disk, why);
	} else {
		vmha_findings_refuse(f, "disk %s %s%s", disk, why,
				     mode == VMHA_DISK_UNSAFE ? " (--unsafe takes it all the same)"
							      : "");
	}
}

int vmha_findings_result(const struct vmha_findings *f, const char *what, struct vmha_err **err)
{
	vmha_autostr struct vmha_str text = { 0 };
	const char *p;

	if (f->refusals.failed) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	if (f->refusals_count == 0) {
		return 0;
	}
	for (p = f->refusals.text; *p; p++) {
		(void)(*p == '\n' ? vmha_str_add(&text, "; ") : vmha_str_add(&text, "%c", *p));
	}
	if (text.failed) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	return vmha_err_set(err, -EINVAL, "%s: %s", what, text.text);
}

bool vmha_path_is_under(const char *path, const char *dir)
{
	size_t len = strlen(dir);
	const char *rest = path + len;

	if (strncmp(path, dir, len) != 0 || rest[0] != '/' || rest[1] == '\0' || rest[1] == '/') {
		return false;
	}
	for (; *rest; rest += strcspn(rest, "/")) {
		size_t part;

		rest++;
		part = strcspn(rest, "/");
		if (part == 0 || (part == 2 && strncmp(rest, "..", 2) == 0)) {
			return false;
		}
	}
	return true;
}

int vmha_mac_normalise(const char *mac, char ret_mac[18])
{
	int i;

	for (i = 0; i < 17; i++) {
		unsigned char c = (unsigned char)mac[i];

		if (i % 3 == 2 ? (c != ':' && c != '-') : !isxdigit(c)) {
			return -EINVAL;
		}
		ret_mac[i] = i % 3 == 2 ? ':' : (char)tolower(c);
	}
	ret_mac[17] = '\0';
	return mac[17] == '\0' ? 0 : -EINVAL;
}

/* Elements with which a VM cannot run everywhere, or cannot move. */
static const struct {
	const char *xpath;
	bool warn;
	const char *text;
} rules[] = {
	{ "/domain/devices/hostdev", false,
	  "<hostdev>: a device of one host cannot move with the VM: remove it" },
	{ "/domain/devices/filesystem", false,
	  "<filesystem>: a shared directory of one host cannot move with the VM: remove it" },
	{ "/domain/devices/shmem", false,
	  "<shmem>: memory shared on one host cannot move with the VM: remove it" },
	{ "/domain/devices/memory[@model='nvdimm' or @model='virtio-pmem']", false,
	  "<memory model='nvdimm'>: memory kept on one host cannot move with the VM: remove it" },
	{ "/domain/devices/*[(self::serial or self::console or self::parallel or self::channel) "
	  "and (@type='dev' or @type='pipe')]",
	  false,
	  "a character device of the host (type 'dev' or 'pipe') cannot move with the VM: "
	  "use type 'pty'" },
	{ "/domain/devices/*[(self::serial or self::console or self::parallel or self::channel) "
	  "and @type='file']",
	  true, "a serial port writes to a file of the node: each node has its own" },
	{ "/domain/devices/smartcard[@mode='host' or @mode='host-certificates']", false,
	  "<smartcard mode='host'>: the host's smart card cannot move with the VM: remove it" },
	{ "/domain/devices/input[@type='passthrough' or @type='evdev']", false,
	  "<input type='passthrough'>: an input device of one host cannot move with the VM" },
	{ "/domain/devices/tpm[backend/@type='passthrough']", false,
	  "<tpm> of the host cannot move with the VM: remove it" },
	{ "/domain/launchSecurity", false,
	  "<launchSecurity>: encrypted guest memory cannot move: remove it" },
	{ "/domain/cpu/feature[@name='invtsc' and @policy='require']", false,
	  "CPU feature invtsc forbids live migration: remove it" },
	{ "/domain/cpu[@migratable='off']", false,
	  "<cpu migratable='off'> forbids live migration: remove the attribute" },
	{ "/domain/cpu[@mode='host-passthrough']", true,
	  "<cpu mode='host-passthrough'>: moves only between equal CPUs; 'host-model' or a named "
	  "model moves anywhere" },
	{ "/domain/*[local-name()='commandline']", true,
	  "<qemu:commandline>: not checked; it must work on every node" },
	{ "/domain/on_poweroff[normalize-space()!='destroy']", false,
	  "<on_poweroff> must be 'destroy': whether a VM that is off is started again is "
	  "Pacemaker's decision" },
	{ "/domain/on_reboot[normalize-space()!='restart' and normalize-space()!='destroy']", false,
	  "<on_reboot> must be 'restart' or 'destroy'" },
	{ "/domain/on_crash[normalize-space()='rename-restart']", false,
	  "<on_crash> must be 'destroy', 'restart' or 'preserve' (then the role's on_panic "
	  "decides)" },
	{ "/domain/on_lockfailure[normalize-space()='ignore']", false,
	  "<on_lockfailure>ignore: a VM without its lease must not run: remove it" },
	{ "/domain/os[@firmware='efi' and not(nvram)]", false,
	  "UEFI without <nvram>: its variables would lie on one node: name a file on the volume" },
	{ "/domain/os[loader/@type='pflash' and not(nvram) and not(loader/@stateless='yes')]",
	  false,
	  "UEFI without <nvram>: its variables would lie on one node: name a file on the volume" },
};

static void rules_check(const struct vmha_domxml *dom, struct vmha_findings *f)
{
	size_t i;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (!vmha_domxml_count(dom, rules[i].xpath)) {
			continue;
		}
		if (rules[i].warn) {
			vmha_findings_warn(f, "%s", rules[i].text);
		} else {
			vmha_findings_refuse(f, "%s", rules[i].text);
		}
	}
}

static bool path_on_volume(const char *path, const char *volume_dir)
{
	size_t len = strlen(volume_dir);

	return vmha_path_is_under(path, volume_dir) &&
	       !vmha_str_starts(path + len, "/.vmha/"); /* ours: leases, health */
}

struct vmha_disk_policy vmha_disk_policy_of(const struct vmha_volume_record *volume, bool unsafe)
{
	return (struct vmha_disk_policy){
		.coherent = vmha_str_eq(volume->type, vmha_volume_type_name(VMHA_VOLUME_TYPE_GFS2)),
		.unsafe = unsafe,
	};
}

enum vmha_disk_mode vmha_disk_check(const struct vmha_domxml_disk *disk,
				    const struct vmha_disk_policy *policy, struct vmha_str *why)
{
	const struct vmha_disk_facts facts = {
		.device = disk->device,
		.cache = disk->cache,
		.io = disk->io,
		.medium = disk->source != NULL,
		.readonly = disk->readonly,
		.transient = disk->transient,
		.coherent = policy->coherent && vmha_str_eq(disk->type, "file"),
	};

	return vmha_disk_judge(&facts, why);
}

static void disk_check(const struct vmha_domxml_disk *d, const char *volume_dir,
		       const struct vmha_disk_policy *policy, struct vmha_findings *f)
{
	const char *name = d->target ? d->target : "?";
	vmha_autostr struct vmha_str why = { 0 };
	enum vmha_disk_mode mode;

	if (!vmha_str_eq(d->type, "file") && !vmha_str_eq(d->type, "block")) {
		vmha_findings_refuse(f,
				     "disk %s is of type '%s': only 'file' and 'block' are known",
				     name, d->type ? d->type : "");
		return;
	}
	if (!d->source) {
		if (!d->readonly && !vmha_str_eq(d->device, "floppy")) {
			vmha_findings_refuse(f, "disk %s has no <source>", name);
		}
		return; /* an empty drive */
	}
	if (!path_on_volume(d->source, volume_dir)) {
		vmha_findings_refuse(f, "disk %s: %s is not on the volume: move it under %s/", name,
				     d->source, volume_dir);
	}
	if (d->shareable) {
		vmha_findings_warn(f,
				   "disk %s is <shareable/>: its lease protects this VM only, not "
				   "the others that use it",
				   name);
	}
	mode = vmha_disk_check(d, policy, &why);
	vmha_findings_disk(f, name, mode, policy, why.text);
}

static void nic_check(const struct vmha_domxml_nic *n, struct vmha_findings *f)
{
	const char *type = n->type ? n->type : "";
	char mac[18];

	if (vmha_str_eq(type, "network") || vmha_str_eq(type, "bridge")) {
		if (!n->source) {
			vmha_findings_refuse(f, "interface of type '%s' names no %s", type, type);
		}
	} else if (vmha_str_eq(type, "direct") || vmha_str_eq(type, "ethernet") ||
		   vmha_str_eq(type, "user")) {
		vmha_findings_warn(f,
				   "interface of type '%s': not checked on other nodes; 'bridge' "
				   "or 'network' keeps its connections in a move",
				   type);
	} else {
		vmha_findings_refuse(f,
				     "interface of type '%s' cannot move with the VM: use 'bridge' "
				     "or 'network'",
				     type);
	}
	if (!n->mac) {
		vmha_findings_refuse(f,
				     "an interface has no <mac address='...'/>: it would get a new "
				     "one at each start");
	} else if (vmha_mac_normalise(n->mac, mac) < 0) {
		vmha_findings_refuse(f, "'%s' is not a MAC address", n->mac);
	} else if (strtol(mac, NULL, 16) & 1) {
		vmha_findings_refuse(f, "MAC %s is a multicast address", mac);
	}
}

static void nics_check(const struct vmha_domxml *dom, struct vmha_findings *f)
{
	const struct vmha_domxml_nic *nics;
	char mac[18];
	char other[18];
	size_t count;
	size_t i;
	size_t j;

	nics = vmha_domxml_nics(dom, &count);
	for (i = 0; i < count; i++) {
		nic_check(&nics[i], f);
		for (j = 0; j < i && nics[i].mac; j++) {
			if (nics[j].mac && vmha_mac_normalise(nics[i].mac, mac) == 0 &&
			    vmha_mac_normalise(nics[j].mac, other) == 0 &&
			    strcmp(mac, other) == 0) {
				vmha_findings_refuse(f, "two interfaces have the MAC %s", mac);
			}
		}
	}
}

static void firmware_check(const struct vmha_domxml *dom, const char *volume_dir,
			   struct vmha_findings *f)
{
	vmha_autofree char *file = vmha_domxml_get(dom, "/domain/os/nvram/source/@file");
	vmha_autofree char *text = vmha_domxml_get(dom, "/domain/os/nvram[not(source)]");
	vmha_autofree char *tpm =
		vmha_domxml_get(dom, "/domain/devices/tpm/backend[@type='emulator']/source/@path");
	const char *nvram = file ? file : text;

	if (vmha_domxml_count(dom, "/domain/os/nvram") &&
	    (!nvram || !path_on_volume(nvram, volume_dir))) {
		vmha_findings_refuse(f, "NVRAM %s is not on the volume: move it under %s/",
				     nvram && *nvram ? nvram : "(unnamed)", volume_dir);
	}
	if (vmha_domxml_count(dom, "/domain/devices/tpm/backend[@type='emulator']") &&
	    (!tpm || !path_on_volume(tpm, volume_dir))) {
		vmha_findings_refuse(
			f,
			"the state of the emulated TPM is not on the volume: give its "
			"<backend> a <source type='dir' path='%s/...'/> (libvirt 10.10 "
			"or newer), or remove the <tpm>",
			volume_dir);
	}
}

static void boot_file_check(const struct vmha_domxml *dom, const char *xpath, const char *what,
			    const char *volume_dir, struct vmha_findings *f)
{
	vmha_autofree char *path = vmha_domxml_get(dom, xpath);

	if (path && !path_on_volume(path, volume_dir)) {
		vmha_findings_warn(f,
				   "%s %s is not on the volume: it must be the same on every node",
				   what, path);
	}
}

static void identity_check(const struct vmha_domxml *dom, const char *name, struct vmha_findings *f)
{
	vmha_autofree char *type = vmha_domxml_get(dom, "/domain/@type");
	vmha_autofree char *xml_name = vmha_domxml_get(dom, "/domain/name");

	if (!vmha_str_eq(type, "kvm") && !vmha_str_eq(type, "qemu")) {
		vmha_findings_refuse(f, "domain type '%s': only 'kvm' and 'qemu' are known",
				     type ? type : "");
	}
	if (!xml_name || !*xml_name) {
		vmha_findings_refuse(f, "the XML has no <name>");
	} else if (strcmp(xml_name, name) != 0) {
		vmha_findings_refuse(
			f, "the XML's <name> is '%s', not '%s': change it, or add --rename",
			xml_name, name);
	}
}

void vmha_domain_check(const struct vmha_domxml *dom, const char *name, const char *volume_dir,
		       const struct vmha_disk_policy *policy, struct vmha_findings *f)
{
	const struct vmha_domxml_disk *disks;
	size_t count;
	size_t i;

	identity_check(dom, name, f);
	disks = vmha_domxml_disks(dom, &count);
	for (i = 0; i < count; i++) {
		disk_check(&disks[i], volume_dir, policy, f);
	}
	nics_check(dom, f);
	rules_check(dom, f);
	firmware_check(dom, volume_dir, f);
	boot_file_check(dom, "/domain/os/kernel", "kernel", volume_dir, f);
	boot_file_check(dom, "/domain/os/initrd", "initrd", volume_dir, f);
	boot_file_check(dom, "/domain/os/dtb", "device tree", volume_dir, f);
}

bool vmha_image_is_same(const char *a, const char *b)
{
	struct stat x;
	struct stat y;

	if (strcmp(a, b) == 0) {
		return true;
	}
	if (stat(a, &x) < 0 || stat(b, &y) < 0) {
		return false;
	}
	if (S_ISBLK(x.st_mode) && S_ISBLK(y.st_mode)) {
		return x.st_rdev == y.st_rdev;
	}
	return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void pair_disks(const struct vmha_domxml *dom, const struct vmha_domxml *other,
		       const char *other_name, struct vmha_findings *f)
{
	const struct vmha_domxml_disk *a;
	const struct vmha_domxml_disk *b;
	size_t na;
	size_t nb;
	size_t i;
	size_t j;

	a = vmha_domxml_disks(dom, &na);
	b = vmha_domxml_disks(other, &nb);
	for (i = 0; i < na; i++) {
		for (j = 0; j < nb; j++) {
			const bool same = vmha_str_eq(a[i].source, b[j].source);

			if (!a[i].source || !b[j].source || (a[i].readonly && b[j].readonly) ||
			    (a[i].shareable && b[j].shareable) ||
			    (!same && !vmha_image_is_same(a[i].source, b[j].source))) {
				continue;
			}
			vmha_findings_refuse(f, "disk %s: %s is %s role %s%s%s",
					     a[i].target ? a[i].target : "?", a[i].source,
					     same ? "used by" : "another name of", other_name,
					     same ? "" : "'s ", same ? "" : b[j].source);
		}
	}
}

static void pair_macs(const struct vmha_domxml *dom, const struct vmha_domxml *other,
		      const char *other_name, struct vmha_findings *f)
{
	const struct vmha_domxml_nic *a;
	const struct vmha_domxml_nic *b;
	char mac[18];
	char mac2[18];
	size_t na;
	size_t nb;
	size_t i;
	size_t j;

	a = vmha_domxml_nics(dom, &na);
	b = vmha_domxml_nics(other, &nb);
	for (i = 0; i < na; i++) {
		for (j = 0; j < nb; j++) {
			if (a[i].mac && b[j].mac && vmha_mac_normalise(a[i].mac, mac) == 0 &&
			    vmha_mac_normalise(b[j].mac, mac2) == 0 && strcmp(mac, mac2) == 0) {
				vmha_findings_refuse(f, "MAC %s is role %s's", mac, other_name);
			}
		}
	}
}

void vmha_domain_check_pair(const struct vmha_domxml *dom, const struct vmha_domxml *other,
			    const char *other_name, struct vmha_findings *f)
{
	vmha_autofree char *uuid = vmha_domxml_get(dom, "/domain/uuid");
	vmha_autofree char *uuid2 = vmha_domxml_get(other, "/domain/uuid");

	if (uuid && uuid2 && strcasecmp(uuid, uuid2) == 0) {
		vmha_findings_refuse(f, "UUID %s is role %s's: give the VM its own", uuid,
				     other_name);
	}
	pair_macs(dom, other, other_name, f);
	pair_disks(dom, other, other_name, f);
}
