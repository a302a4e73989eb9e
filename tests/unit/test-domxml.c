/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/port/domxml.h"
#include "lib/role/domcheck.h"
#include "tests/unit/unit.h"

#define VOLUME_DIR "/clusterstorage/vol1"

#define HEAD                                                                                       \
	"<domain type='kvm'><name>web1</name>"                                                     \
	"<uuid>11111111-2222-3333-4444-555555555555</uuid>"
#define DISK_WITH(driver, source)                                                                  \
	"<disk type='file' device='disk'><driver name='qemu' type='raw' " driver                   \
	"/><source file='" source "'/><target dev='vda' bus='virtio'/></disk>"
#define DISK DISK_WITH("cache='none'", VOLUME_DIR "/web1/disk.img")
#define NIC                                                                                        \
	"<interface type='bridge'><mac address='52:54:00:00:00:01'/>"                              \
	"<source bridge='vmbr0'/></interface>"
#define TAIL	      "</domain>"
#define DEVICES(text) HEAD "<devices>" text "</devices>" TAIL
#define OS(text)      HEAD "<os>" text "</os><devices>" DISK NIC "</devices>" TAIL
#define TOP(text)     HEAD text "<devices>" DISK NIC "</devices>" TAIL

#define GOOD DEVICES(DISK NIC)

static struct vmha_domxml *parsed(const char *xml)
{
	struct vmha_domxml *dom = NULL;

	CHECK_INT(vmha_domxml_parse(xml, strlen(xml), &dom, NULL), 0);
	return dom;
}

static void refused(const char *xml, int code, const char *part)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_domxml *dom = NULL;

	CHECK_INT(vmha_domxml_parse(xml, strlen(xml), &dom, &err), code);
	CHECK_HAS(vmha_err_text(err), part);
	CHECK(dom == NULL);
}

static void malformed_is_refused_with_its_line(void)
{
	refused("", -EBADMSG, "not well-formed");
	refused("hello", -EBADMSG, "line 1");
	refused("<domain>\n<name>web1</domain>", -EBADMSG, "line 2");
	refused("<domain/><domain/>", -EBADMSG, "not well-formed");
	refused("<network><name>n</name></network>", -EBADMSG, "is a <network>, not a <domain>");
	refused("<domain>&nothere;</domain>", -EBADMSG, "not well-formed");
	refused("<domain a='1' a='2'/>", -EBADMSG, "not well-formed");
	refused("<domain>\x01</domain>", -EBADMSG, "not well-formed");
}

static void doctype_and_entities_are_refused(void)
{
	refused("<!DOCTYPE domain><domain/>", -EBADMSG, "DOCTYPE");
	refused("<!DOCTYPE d SYSTEM 'http://127.0.0.1:1/x.dtd'><domain/>", -EBADMSG, "DOCTYPE");
	refused("<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain>&x;</domain>",
		-EBADMSG, "DOCTYPE");
	refused("<!DOCTYPE d [<!ENTITY % p SYSTEM 'file:///etc/passwd'>%p;]><domain/>", -EBADMSG,
		"DOCTYPE");
	refused("<!DOCTYPE z [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>"
		"<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;'>"
		"<!ENTITY e '&d;&d;&d;&d;&d;&d;&d;&d;'>]><domain x='&e;'>&e;</domain>",
		-EBADMSG, "DOCTYPE");
}

static void too_large_and_too_deep_are_refused(void)
{
	vmha_autofree char *big = calloc(1, VMHA_DOMXML_MAX_BYTES + 2);
	vmha_autofree char *deep = calloc(1, 100001);
	struct vmha_domxml *dom = NULL;
	size_t i;

	CHECK(big && deep);
	memset(big, ' ', VMHA_DOMXML_MAX_BYTES + 1);
	refused(big, -EFBIG, "larger than");
	for (i = 0; i < 100000; i += 4) {
		/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): zeros follow */
		memcpy(deep + i, "<a> ", 4);
	}
	CHECK_INT(vmha_domxml_parse(deep, strlen(deep), &dom, NULL), -EBADMSG);
}

static void nul_inside_is_refused(void)
{
	static const char text[] = "<domain>\0</domain>";
	struct vmha_domxml *dom = NULL;

	CHECK_INT(vmha_domxml_parse(text, sizeof(text) - 1, &dom, NULL), -EBADMSG);
}

static void facts_are_read(void)
{
	vmha_autodomxml struct vmha_domxml *dom = parsed(DEVICES(
		DISK "<disk type='block' device='disk'><source dev='" VOLUME_DIR "/lun1'/>"
		     "<backingStore type='file'><format type='raw'/><source file='/base.img'/>"
		     "<backingStore/></backingStore><target dev='vdb'/><shareable/></disk>"
		     "<disk type='file' device='cdrom'><target dev='sda'/></disk>" NIC));
	const struct vmha_domxml_disk *d;
	const struct vmha_domxml_nic *n;
	vmha_autofree char *name = vmha_domxml_get(dom, "/domain/name");
	size_t count = 0;

	CHECK_STR(name, "web1");
	d = vmha_domxml_disks(dom, &count);
	CHECK_INT(count, 4);
	CHECK_STR(d[0].source, VOLUME_DIR "/web1/disk.img");
	CHECK_STR(d[0].cache, "none");
	CHECK_STR(d[1].type, "block");
	CHECK_STR(d[1].source, VOLUME_DIR "/lun1");
	CHECK(d[1].shareable && !d[1].readonly);
	CHECK(d[2].source == NULL && d[2].readonly);
	CHECK_STR(d[3].device, "backing");
	CHECK_STR(d[3].source, "/base.img");
	n = vmha_domxml_nics(dom, &count);
	CHECK_INT(count, 1);
	CHECK_STR(n[0].source, "vmbr0");
	CHECK_STR(n[0].mac, "52:54:00:00:00:01");
}

static void lease_goes_in_and_comes_back(void)
{
	struct vmha_lease mine = { .lockspace = "vol1",
				   .name = "web1",
				   .path = VOLUME_DIR "/.vmha/leases",
				   .offset = 3145728 };
	struct vmha_lease other = mine;
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autodomxml struct vmha_domxml *dom = parsed(GOOD);
	vmha_autodomxml struct vmha_domxml *again = NULL;
	vmha_autofree char *text = NULL;

	other.offset = 4194304;
	CHECK_INT(vmha_domxml_has_lease(dom, &mine, NULL), 0);
	CHECK_INT(vmha_domxml_set_lease(dom, &mine), 0);
	text = vmha_domxml_print(dom);
	again = parsed(text);
	CHECK_INT(vmha_domxml_has_lease(again, &mine, NULL), 1);
	CHECK_INT(vmha_domxml_has_lease(again, &other, &err), -EEXIST);
	CHECK_INT(vmha_domxml_set_lease(again, &other), 0);
	CHECK_INT(vmha_domxml_has_lease(again, &other, NULL), 1);
	CHECK_INT(vmha_domxml_count(again, "//lease"), 1);
}

static void name_and_uuid_can_be_set(void)
{
	vmha_autodomxml struct vmha_domxml *dom =
		parsed("<domain type='kvm' id='7'><name>a</name></domain>");
	vmha_autofree char *name = NULL;
	vmha_autofree char *uuid = NULL;

	CHECK_INT(vmha_domxml_set(dom, "name", "b<&"), 0);
	CHECK_INT(vmha_domxml_set(dom, "uuid", "u"), 0);
	vmha_domxml_forget_run(dom);
	name = vmha_domxml_get(dom, "/domain/name");
	uuid = vmha_domxml_get(dom, "/domain/uuid");
	CHECK_STR(name, "b<&");
	CHECK_STR(uuid, "u");
	CHECK_INT(vmha_domxml_count(dom, "/domain/@id"), 0);
}

/* What the XML alone tells: NULL is accepted. */
static const struct {
	const char *what;
	const char *xml;
	const char *refusal;
} domains[] = {
	{ "good", GOOD, NULL },
	{ "directsync", DEVICES(DISK_WITH("cache='directsync'", VOLUME_DIR "/d.img") NIC), NULL },
	{ "empty cdrom",
	  DEVICES(DISK NIC "<disk type='file' device='cdrom'><target dev='sda'/></disk>"), NULL },
	{ "on_crash restart", TOP("<on_crash>restart</on_crash>"), NULL },
	{ "pty console", DEVICES(DISK NIC "<console type='pty'/>"), NULL },
	{ "nvram on the volume",
	  OS("<loader type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader><nvram>" VOLUME_DIR
	     "/web1/nvram.fd</nvram>"),
	  NULL },
	{ "other name", "<domain type='kvm'><name>web2</name><devices/></domain>", "not 'web1'" },
	{ "no name", "<domain type='kvm'><devices/></domain>", "no <name>" },
	{ "xen", "<domain type='xen'><name>web1</name><devices/></domain>", "domain type 'xen'" },
	{ "disk elsewhere", DEVICES(DISK_WITH("cache='none'", "/var/lib/libvirt/images/d.img") NIC),
	  "not on the volume" },
	{ "disk on another volume",
	  DEVICES(DISK_WITH("cache='none'", "/clusterstorage/vol10/d.img") NIC),
	  "not on the volume" },
	{ "disk by dots", DEVICES(DISK_WITH("cache='none'", VOLUME_DIR "/../../etc/d.img") NIC),
	  "not on the volume" },
	{ "disk in our own directory",
	  DEVICES(DISK_WITH("cache='none'", VOLUME_DIR "/.vmha/leases") NIC), "not on the volume" },
	{ "the volume itself", DEVICES(DISK_WITH("cache='none'", VOLUME_DIR "/") NIC),
	  "not on the volume" },
	{ "cdrom elsewhere",
	  DEVICES(DISK NIC "<disk type='file' device='cdrom'><source file='/root/x.iso'/>"
			   "<target dev='sda'/></disk>"),
	  "/root/x.iso is not on the volume" },
	{ "backing file elsewhere",
	  DEVICES("<disk type='file'><driver cache='none'/><source file='" VOLUME_DIR "/d.qcow2'/>"
		  "<backingStore type='file'><source file='/base.img'/></backingStore>"
		  "<target dev='vda'/></disk>" NIC),
	  "/base.img is not on the volume" },
	{ "default cache", DEVICES(DISK_WITH("", VOLUME_DIR "/d.img") NIC), "cache mode 'default" },
	{ "writeback", DEVICES(DISK_WITH("cache='writeback'", VOLUME_DIR "/d.img") NIC),
	  "cache mode 'writeback'" },
	{ "network disk",
	  DEVICES("<disk type='network'><source protocol='rbd' name='p/i'/><target "
		  "dev='vda'/></disk>"),
	  "of type 'network'" },
	{ "transient disk",
	  DEVICES("<disk type='file'><driver cache='none'/><source file='" VOLUME_DIR "/d'/>"
		  "<target dev='vda'/><transient/></disk>"),
	  "<transient/>" },
	{ "hostdev", DEVICES(DISK NIC "<hostdev mode='subsystem' type='pci'><source/></hostdev>"),
	  "<hostdev>" },
	{ "hostdev interface",
	  DEVICES(DISK "<interface type='hostdev'><mac address='52:54:00:00:00:01'/></interface>"),
	  "type 'hostdev'" },
	{ "filesystem", DEVICES(DISK NIC "<filesystem type='mount'/>"), "<filesystem>" },
	{ "host's serial port", DEVICES(DISK NIC "<serial type='dev'/>"), "character device" },
	{ "no MAC", DEVICES(DISK "<interface type='bridge'><source bridge='b'/></interface>"),
	  "no <mac" },
	{ "multicast MAC",
	  DEVICES(DISK "<interface type='bridge'><mac address='01:00:5e:00:00:01'/>"
		       "<source bridge='b'/></interface>"),
	  "multicast" },
	{ "no MAC at all",
	  DEVICES(DISK "<interface type='bridge'><mac address='nonsense'/>"
		       "<source bridge='b'/></interface>"),
	  "not a MAC" },
	{ "one MAC twice", DEVICES(DISK NIC NIC), "two interfaces" },
	{ "bridge without a name",
	  DEVICES(DISK "<interface type='bridge'><mac address='52:54:00:00:00:01'/></interface>"),
	  "names no bridge" },
	{ "UEFI without nvram", OS("<loader type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader>"),
	  "UEFI without <nvram>" },
	{ "nvram elsewhere", OS("<nvram>/var/lib/libvirt/qemu/nvram/web1.fd</nvram>"),
	  "NVRAM /var/lib/libvirt/qemu/nvram/web1.fd is not on the volume" },
	{ "TPM", DEVICES(DISK NIC "<tpm model='tpm-crb'><backend type='emulator'/></tpm>"),
	  "emulated TPM" },
	{ "host's TPM", DEVICES(DISK NIC "<tpm><backend type='passthrough'/></tpm>"), "<tpm> of" },
	{ "on_poweroff restart", TOP("<on_poweroff>restart</on_poweroff>"), "<on_poweroff>" },
	{ "on_crash preserve", TOP("<on_crash>preserve</on_crash>"), NULL },
	{ "on_crash rename", TOP("<on_crash>rename-restart</on_crash>"), "<on_crash>" },
};

static const struct vmha_disk_policy policy = { 0 };

static void every_domain_is_judged(void)
{
	size_t i;

	for (i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		vmha_autofindings struct vmha_findings f = { 0 };
		vmha_autodomxml struct vmha_domxml *dom = parsed(domains[i].xml);

		vmha_domain_check(dom, "web1", VOLUME_DIR, &policy, &f);
		printf("# %s: %s\n", domains[i].what,
		       f.refusals.text ? f.refusals.text : "accepted");
		if (domains[i].refusal) {
			CHECK_HAS(f.refusals.text, domains[i].refusal);
		} else {
			CHECK_STR(f.refusals.text, NULL);
		}
	}
}

static void unsafe_takes_what_could_go_wrong_only(void)
{
	const struct vmha_disk_policy unsafe = { .unsafe = true };
	const struct vmha_volume_record gfs2 = { .type = "gfs2" };
	const struct vmha_disk_policy coherent = vmha_disk_policy_of(&gfs2, false);
	vmha_autodomxml struct vmha_domxml *writeback =
		parsed(DEVICES(DISK_WITH("cache='writeback'", VOLUME_DIR "/d.img") NIC));
	vmha_autodomxml struct vmha_domxml *native = parsed(
		DEVICES(DISK_WITH("cache='writeback' io='native'", VOLUME_DIR "/d.img") NIC));
	vmha_autofindings struct vmha_findings plain = { 0 };
	vmha_autofindings struct vmha_findings taken = { 0 };
	vmha_autofindings struct vmha_findings never = { 0 };
	vmha_autofindings struct vmha_findings noted = { 0 };
	const struct vmha_domxml_disk *disks;
	size_t count;

	vmha_domain_check(writeback, "web1", VOLUME_DIR, &policy, &plain);
	CHECK_HAS(plain.refusals.text, "(--unsafe takes it all the same)");
	vmha_domain_check(writeback, "web1", VOLUME_DIR, &unsafe, &taken);
	CHECK_INT(taken.refusals_count, 0);
	CHECK_HAS(taken.warnings.text, "taken all the same (--unsafe): disk vda");
	vmha_domain_check(native, "web1", VOLUME_DIR, &unsafe, &never);
	CHECK_INT(never.refusals_count, 1);
	CHECK(coherent.coherent && !coherent.unsafe);
	vmha_domain_check(writeback, "web1", VOLUME_DIR, &coherent, &noted);
	CHECK_INT(noted.refusals_count, 0);
	CHECK_HAS(noted.warnings.text, "GFS2 keeps it safe");
	disks = vmha_domxml_disks(native, &count);
	CHECK_STR(disks[0].io, "native");
	CHECK_INT(vmha_disk_check(&disks[0], &unsafe, NULL), VMHA_DISK_REFUSED);
}

static void two_roles_must_differ(void)
{
	vmha_autodomxml struct vmha_domxml *a = parsed(GOOD);
	vmha_autodomxml struct vmha_domxml *b = parsed(
		"<domain type='kvm'><name>b</name><uuid>11111111-2222-3333-4444-55555555555A</uuid>"
		"<devices><interface type='bridge'><mac address='52:54:00:00:00:02'/>"
		"<source bridge='b'/></interface></devices></domain>");
	vmha_autofindings struct vmha_findings same = { 0 };
	vmha_autofindings struct vmha_findings none = { 0 };

	vmha_domain_check_pair(a, a, "twin", &same);
	CHECK_INT(same.refusals_count, 3);
	CHECK_HAS(same.refusals.text, "UUID");
	CHECK_HAS(same.refusals.text, "MAC 52:54:00:00:00:01 is role twin's");
	CHECK_HAS(same.refusals.text, "is used by role twin");
	vmha_domain_check_pair(a, b, "b", &none);
	CHECK_INT(none.refusals_count, 0);
}

static void all_refusals_come_at_once(void)
{
	vmha_autofindings struct vmha_findings f = { 0 };
	vmha_autoerr struct vmha_err *err = NULL;

	CHECK_INT(vmha_findings_result(&f, "x.xml", &err), 0);
	vmha_findings_refuse(&f, "first %d", 1);
	CHECK_INT(vmha_findings_result(&f, "x.xml", &err), -EINVAL);
	CHECK_STR(vmha_err_text(err), "x.xml: first 1");
	vmha_findings_refuse(&f, "second");
	CHECK_INT(vmha_findings_result(&f, "x.xml", &err), -EINVAL);
	CHECK_HAS(vmha_err_text(err), "x.xml: first 1; second");
}

static void paths_under_a_directory(void)
{
	CHECK(vmha_path_is_under("/a/b/c", "/a/b"));
	CHECK(vmha_path_is_under("/a/b/..c", "/a/b"));
	CHECK(!vmha_path_is_under("/a/b", "/a/b"));
	CHECK(!vmha_path_is_under("/a/b/", "/a/b"));
	CHECK(!vmha_path_is_under("/a/bc", "/a/b"));
	CHECK(!vmha_path_is_under("/a/b//c", "/a/b"));
	CHECK(!vmha_path_is_under("/a/b/../c", "/a/b"));
	CHECK(!vmha_path_is_under("/a/b/c/..", "/a/b"));
	CHECK(!vmha_path_is_under("a", "/a/b"));
}

static void a_file_is_named_in_its_error(void)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_domxml *dom = NULL;

	CHECK_INT(vmha_file_write(unit_path("x.xml"), "<a>", 3, 0600, NULL), 0);
	CHECK_INT(vmha_domxml_load(unit_path("x.xml"), &dom, &err), -EBADMSG);
	CHECK_HAS(vmha_err_text(err), "x.xml: not well-formed");
	CHECK_INT(vmha_domxml_load(unit_path("none.xml"), &dom, &err), -ENOENT);
	CHECK_HAS(vmha_err_text(err), "none.xml");
}

static void cpu_is_replaced(void)
{
	static const char text[] =
		"<domain><name>a</name><cpu mode='host-model'/><cputune/></domain>";
	vmha_autodomxml struct vmha_domxml *dom = NULL;
	vmha_autofree char *cpu = NULL;

	CHECK_INT(vmha_domxml_parse(text, strlen(text), &dom, NULL), 0);
	CHECK_INT(vmha_domxml_set_cpu(dom, "<disk/>", NULL), -EBADMSG);
	CHECK_INT(vmha_domxml_set_cpu(dom, "<cpu", NULL), -EBADMSG);
	CHECK_INT(vmha_domxml_set_cpu(dom, "<cpu><model>EPYC</model></cpu>", NULL), 0);
	CHECK_INT(vmha_domxml_count(dom, "/domain/cpu"), 1);
	cpu = vmha_domxml_get_xml(dom, "/domain/cpu");
	CHECK_STR(cpu, "<cpu><model>EPYC</model></cpu>");
	CHECK(!vmha_domxml_get_xml(dom, "/domain/nothing"));
}

static const struct unit_test tests[] = {
	UNIT_TEST(cpu_is_replaced),
	UNIT_TEST(malformed_is_refused_with_its_line),
	UNIT_TEST(doctype_and_entities_are_refused),
	UNIT_TEST(too_large_and_too_deep_are_refused),
	UNIT_TEST(nul_inside_is_refused),
	UNIT_TEST(facts_are_read),
	UNIT_TEST(lease_goes_in_and_comes_back),
	UNIT_TEST(name_and_uuid_can_be_set),
	UNIT_TEST(every_domain_is_judged),
	UNIT_TEST(unsafe_takes_what_could_go_wrong_only),
	UNIT_TEST(two_roles_must_differ),
	UNIT_TEST(all_refusals_come_at_once),
	UNIT_TEST(paths_under_a_directory),
	UNIT_TEST(a_file_is_named_in_its_error),
};

UNIT_MAIN(tests)
