/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "lib/core/diskmode.h"
#include "tests/unit/unit.h"

#define DISK .device = "disk", .medium = true

static const struct {
	struct vmha_disk_facts d;
	enum vmha_disk_mode mode;
	const char *why;
} rows[] = {
	{ { DISK, .cache = "none" }, VMHA_DISK_SAFE, "" },
	{ { DISK, .cache = "directsync" }, VMHA_DISK_SAFE, "" },
	{ { DISK, .cache = "none", .io = "native" }, VMHA_DISK_SAFE, "" },
	{ { DISK, .cache = "directsync", .io = "native" }, VMHA_DISK_SAFE, "" },
	{ { DISK, .cache = "none", .io = "threads" }, VMHA_DISK_SAFE, "" },
	{ { DISK, .cache = "none", .io = "io_uring" }, VMHA_DISK_SAFE, "" },
	{ { DISK, .cache = "none", .coherent = true }, VMHA_DISK_SAFE, "" },

	{ { DISK }, VMHA_DISK_UNSAFE, "cache mode 'default (writeback)'" },
	{ { DISK, .cache = "default" }, VMHA_DISK_UNSAFE, "set <driver cache='none'/>" },
	{ { DISK, .cache = "writeback" }, VMHA_DISK_UNSAFE, "could read stale data" },
	{ { DISK, .cache = "writethrough" }, VMHA_DISK_UNSAFE, "could read stale data" },
	{ { DISK, .cache = "writeback", .io = "threads" }, VMHA_DISK_UNSAFE, "stale" },
	{ { DISK, .cache = "unsafe" }, VMHA_DISK_UNSAFE, "ignores the guest's flushes" },

	{ { DISK, .coherent = true }, VMHA_DISK_NOTED, "GFS2 keeps it safe" },
	{ { DISK, .cache = "writeback", .coherent = true }, VMHA_DISK_NOTED, "'none' is better" },
	{ { DISK, .cache = "writethrough", .coherent = true }, VMHA_DISK_NOTED, "'writethrough'" },
	{ { DISK, .cache = "unsafe", .coherent = true }, VMHA_DISK_UNSAFE, "flushes" },

	{ { DISK, .io = "native" }, VMHA_DISK_REFUSED, "or io='threads'" },
	{ { DISK, .cache = "writeback", .io = "native" }, VMHA_DISK_REFUSED, "io='native'" },
	{ { DISK, .cache = "writeback", .io = "native", .coherent = true },
	  VMHA_DISK_REFUSED,
	  "io='native'" },
	{ { DISK, .cache = "writeback", .io = "native", .readonly = true },
	  VMHA_DISK_REFUSED,
	  "io='native'" },
	{ { DISK, .cache = "sometimes" }, VMHA_DISK_REFUSED, "none of libvirt's" },
	{ { DISK, .cache = "none", .transient = true }, VMHA_DISK_REFUSED, "<transient/>" },
	{ { .device = "lun", .medium = true, .cache = "none" }, VMHA_DISK_REFUSED, "'lun'" },

	/* what nobody writes */
	{ { DISK, .readonly = true }, VMHA_DISK_SAFE, "" },
	{ { DISK, .readonly = true, .cache = "unsafe" }, VMHA_DISK_SAFE, "" },
	{ { .device = "cdrom", .medium = true, .readonly = true }, VMHA_DISK_SAFE, "" },
	{ { .device = "cdrom", .readonly = true }, VMHA_DISK_SAFE, "" },
	{ { .device = "floppy" }, VMHA_DISK_SAFE, "" },
	{ { .device = "floppy", .medium = true }, VMHA_DISK_UNSAFE, "stale" },
	{ { .device = "floppy", .medium = true, .readonly = true }, VMHA_DISK_SAFE, "" },
};

static void every_mode_has_its_answer(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		vmha_autostr struct vmha_str why = { 0 };
		enum vmha_disk_mode mode = vmha_disk_judge(&rows[i].d, &why);

		if (mode != rows[i].mode) {
			printf("# row %zu: %s\n", i, why.text ? why.text : "");
		}
		CHECK_INT(mode, rows[i].mode);
		CHECK_HAS(why.text ? why.text : "", rows[i].why);
		CHECK((mode == VMHA_DISK_SAFE) == !why.text);
		CHECK_INT(vmha_disk_judge(&rows[i].d, NULL), mode);
	}
}

static const struct {
	const char *said;
	const char *inside;
	enum vmha_disk_mode mode;
	const char *why;
} formats[] = {
	{ NULL, NULL, VMHA_DISK_SAFE, "" },
	{ "raw", NULL, VMHA_DISK_SAFE, "" },
	{ "qcow2", "qcow2", VMHA_DISK_SAFE, "" },
	{ "raw", "qcow2", VMHA_DISK_UNSAFE, "raw by the XML, but is qcow2 inside" },
	{ NULL, "vmdk", VMHA_DISK_UNSAFE, "but is vmdk inside" },
	{ "qcow2", NULL, VMHA_DISK_REFUSED, "qcow2 by the XML, but raw inside" },
	{ "qcow2", "vhdx", VMHA_DISK_REFUSED, "but vhdx inside" },
	{ "vmdk", "vmdk", VMHA_DISK_REFUSED, "only raw and qcow2" },
	{ "vmdk", "qcow2", VMHA_DISK_REFUSED, "only raw and qcow2" },
	{ "qed", NULL, VMHA_DISK_REFUSED, "only raw and qcow2" },
};

static void format_and_content_agree(void)
{
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		vmha_autostr struct vmha_str why = { 0 };

		CHECK_INT(vmha_image_judge(formats[i].said, formats[i].inside, &why),
			  formats[i].mode);
		CHECK_HAS(why.text ? why.text : "", formats[i].why);
	}
}

static void formats_are_known_by_their_first_bytes(void)
{
	static const char vdi[512] = "<<< Oracle VM VirtualBox Disk Image >>>\n";
	static const char qcow2[4] = { 'Q', 'F', 'I', '\xfb' };
	static const char vhdx[8] = { 'v', 'h', 'd', 'x', 'f', 'i', 'l', 'e' };
	static const char vdi_magic[4] = { '\x7f', '\x10', '\xda', '\xbe' };
	char head[512] = { 0 };

	CHECK(vmha_image_format(head, sizeof(head)) == NULL);
	CHECK(vmha_image_format(vdi, sizeof(vdi)) == NULL);
	CHECK(vmha_image_format("QFI\xfb", 4) != NULL);
	CHECK(vmha_image_format("QFI", 3) == NULL);
	CHECK(vmha_image_format(NULL, 0) == NULL);
	memcpy(head, qcow2, sizeof(qcow2));
	CHECK_STR(vmha_image_format(head, sizeof(head)), "qcow2");
	memcpy(head, vhdx, sizeof(vhdx));
	CHECK_STR(vmha_image_format(head, sizeof(head)), "vhdx");
	memcpy(head, vdi, 64);
	memcpy(head + 64, vdi_magic, sizeof(vdi_magic));
	CHECK_STR(vmha_image_format(head, sizeof(head)), "vdi");
}

static const struct unit_test tests[] = {
	UNIT_TEST(every_mode_has_its_answer),
	UNIT_TEST(format_and_content_agree),
	UNIT_TEST(formats_are_known_by_their_first_bytes),
};
UNIT_MAIN(tests)
