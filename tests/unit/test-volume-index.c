/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "lib/core/volume_index.h"
#include "tests/unit/unit.h"

#define T   VMHA_PART_THERE
#define D   VMHA_PART_DAMAGED
#define MIB (1024ULL * 1024)

#define AT (3 * MIB)
/* A role's things: leases, XML with its <lease> at an offset, record with one */
#define ROLE_WITH(leases_, xml_, leased_, xml_offset_, record_, record_offset_)                    \
	.leases = (leases_), .lease_offset = AT, .directory = true, .xml = (xml_),                 \
	.xml_leased = (leased_), .xml_offset = (xml_offset_), .record = (record_),                 \
	.record_offset = (record_offset_)
#define ROLE ROLE_WITH(1, T, true, AT, T, AT) /* nothing lacks */

static const struct {
	const char *what;
	struct vmha_index_entry e;
	enum vmha_index_verdict verdict;
	const char *problem;
} rows[] = {
	{ "a role", { ROLE, .configured = true }, VMHA_INDEX_WHOLE, "" },
	{ "a role that runs", { ROLE, .configured = true, .owner = T }, VMHA_INDEX_WHOLE, "" },
	{ "a saved role", { ROLE, .configured = true, .state = T }, VMHA_INDEX_WHOLE, "" },
	{ "a role with rubbish", { ROLE, .configured = true, .unended = 2 }, VMHA_INDEX_WHOLE, "" },
	{ "a directory of disks", { .directory = true }, VMHA_INDEX_NOTHING, "" },

	/* every point at which an add can be cut short */
	{ "add: intent", { .intent = T }, VMHA_INDEX_SETTLED, "making was cut short" },
	{ "add: directory", { .intent = T, .directory = true }, VMHA_INDEX_UNDO, "is to go" },
	{ "add: lease",
	  { .intent = T, .directory = true, .leases = 1, .lease_offset = MIB },
	  VMHA_INDEX_UNDO,
	  "is to go" },
	{ "add: half an XML file",
	  { .intent = T, .directory = true, .leases = 1, .unended = 1 },
	  VMHA_INDEX_UNDO,
	  "is to go" },
	{ "add: XML",
	  { .intent = T, .directory = true, .leases = 1, .xml = T },
	  VMHA_INDEX_UNDO,
	  "is to go" },
	{ "add: record", { ROLE, .intent = T }, VMHA_INDEX_UNDO, "before it changed the cluster" },
	{ "add: resource",
	  { ROLE, .intent = T, .configured = true },
	  VMHA_INDEX_SETTLED,
	  "it is a role" },

	/* and a remove */
	{ "remove: intent",
	  { ROLE, .intent = T, .removing = true, .configured = true },
	  VMHA_INDEX_SETTLED,
	  "stays a role" },
	{ "remove: resource",
	  { ROLE, .intent = T, .removing = true },
	  VMHA_INDEX_FINISH,
	  "the rest is to go" },
	{ "remove: lease",
	  { .directory = true, .xml = T, .record = T, .intent = T, .removing = true },
	  VMHA_INDEX_FINISH,
	  "the rest is to go" },
	{ "remove: files",
	  { .directory = true, .intent = T, .removing = true },
	  VMHA_INDEX_FINISH,
	  "the rest is to go" },
	{ "remove: directory",
	  { .intent = T, .removing = true },
	  VMHA_INDEX_SETTLED,
	  "removal was cut short" },

	/* nobody began anything: hands off */
	{ "a lost configuration", { ROLE }, VMHA_INDEX_STRAY, "not in the cluster" },
	{ "a lease alone", { .leases = 1 }, VMHA_INDEX_STRAY, "not in the cluster" },
	{ "an owner record alone", { .owner = T }, VMHA_INDEX_STRAY, "not in the cluster" },
	{ "saved memory alone", { .state = D }, VMHA_INDEX_STRAY, "not in the cluster" },
	{ "half a file alone", { .unended = 1 }, VMHA_INDEX_STRAY, "not in the cluster" },

	{ "no lease",
	  { .directory = true, .xml = T, .record = T, .configured = true },
	  VMHA_INDEX_BROKEN,
	  "it has no lease" },
	{ "two leases",
	  { ROLE_WITH(2, T, true, AT, T, AT), .configured = true },
	  VMHA_INDEX_BROKEN,
	  "it has 2 leases" },
	{ "nothing but a resource", { .configured = true }, VMHA_INDEX_BROKEN, "it has no XML" },
	{ "no record",
	  { ROLE_WITH(1, T, true, AT, VMHA_PART_ABSENT, 0), .configured = true },
	  VMHA_INDEX_BROKEN,
	  "it has no record" },
	{ "damaged record",
	  { ROLE_WITH(1, T, true, AT, D, 0), .configured = true },
	  VMHA_INDEX_BROKEN,
	  "its record cannot be read" },
	{ "damaged XML",
	  { ROLE_WITH(1, D, false, 0, T, AT), .configured = true },
	  VMHA_INDEX_BROKEN,
	  "its XML cannot" },
	{ "damaged owner record",
	  { ROLE, .owner = D, .configured = true },
	  VMHA_INDEX_BROKEN,
	  "owner record" },
	{ "damaged record of memory",
	  { ROLE, .state = D, .configured = true },
	  VMHA_INDEX_BROKEN,
	  "saved memory" },
	{ "lease elsewhere by the XML",
	  { ROLE_WITH(1, T, true, 4 * MIB, T, AT), .configured = true },
	  VMHA_INDEX_BROKEN,
	  "its XML has its lease at 4194304, the index at 3145728" },
	{ "lease elsewhere by the record",
	  { ROLE_WITH(1, T, true, AT, T, 4 * MIB), .configured = true },
	  VMHA_INDEX_BROKEN,
	  "its record has its lease at 4194304" },
	{ "XML without its lease",
	  { ROLE_WITH(1, T, false, 0, T, AT), .configured = true },
	  VMHA_INDEX_BROKEN,
	  "has not its <lease>" },
	{ "broken, and begun",
	  { ROLE_WITH(0, T, true, AT, T, AT), .configured = true, .intent = T },
	  VMHA_INDEX_BROKEN,
	  "it has no lease; its making was cut short" },
	{ "damaged intent", { ROLE, .intent = D }, VMHA_INDEX_UNKNOWN, "cannot be read" },
};

static void every_row_has_its_verdict(void)
{
	struct vmha_index index = { .configuration_known = true };
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		vmha_autostr struct vmha_str why = { 0 };
		enum vmha_index_verdict v = vmha_index_judge(&index, &rows[i].e, &why);

		if (v != rows[i].verdict) {
			printf("# %s: %s\n", rows[i].what, vmha_index_verdict_name(v));
		}
		CHECK_INT(v, rows[i].verdict);
		CHECK_HAS(why.text ? why.text : "", rows[i].problem);
		CHECK(*rows[i].problem || !why.text);
	}
}

static void without_the_configuration_nothing_is_known(void)
{
	struct vmha_index index = { 0 };
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_INT(vmha_index_judge(&index, &rows[i].e, NULL), VMHA_INDEX_UNKNOWN);
	}
}

static void entries_are_sorted_and_made_once(void)
{
	static const char *const names[] = { "web2", "a", "web10", "web1", "zz", "b" };
	vmha_autoindex struct vmha_index index = { .configuration_known = true };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct vmha_index_entry *e = vmha_index_entry(&index, names[i]);

		CHECK(e != NULL);
		CHECK_STR(e->name, names[i]);
		e->leases = (unsigned int)i + 1;
	}
	CHECK_INT(index.count, 6);
	for (i = 1; i < index.count; i++) {
		CHECK(strcmp(index.entries[i - 1].name, index.entries[i].name) < 0);
	}
	CHECK_INT(vmha_index_entry(&index, "web10")->leases, 3);
	CHECK_INT(index.count, 6);
	CHECK(vmha_index_entry(&index, "../x") == NULL);
	CHECK(vmha_index_entry(&index, "") == NULL);
	CHECK_INT(index.count, 6);
	vmha_index_free(&index);
	CHECK_INT(index.count, 0);
}

static void consistent_means_whole_or_nothing(void)
{
	vmha_autoindex struct vmha_index index = { .configuration_known = true };
	struct vmha_index_entry *e = vmha_index_entry(&index, "web1");

	CHECK(e && vmha_index_is_consistent(&index));
	*e = rows[0].e;
	CHECK(vmha_index_is_consistent(&index));
	e->leases = 0;
	CHECK(!vmha_index_is_consistent(&index));
	index.configuration_known = false;
	CHECK(!vmha_index_is_consistent(&index));
}

static void leases_of_the_volume_are_no_roles(void)
{
	CHECK(vmha_index_reserved("volume-admin") && vmha_index_reserved("volume-coordinator"));
	CHECK(!vmha_index_reserved("volume-1") && !vmha_index_reserved("web1"));
}

static const struct unit_test tests[] = {
	UNIT_TEST(every_row_has_its_verdict),
	UNIT_TEST(without_the_configuration_nothing_is_known),
	UNIT_TEST(entries_are_sorted_and_made_once),
	UNIT_TEST(consistent_means_whole_or_nothing),
	UNIT_TEST(leases_of_the_volume_are_no_roles),
};
UNIT_MAIN(tests)
