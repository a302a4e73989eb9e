/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/port/pcmk_settings.h"
#include "tests/unit/unit.h"

#define HEAD "<cib admin_epoch='1' epoch='7' num_updates='3'><configuration>"
#define TAIL "<resources/><constraints/></configuration><status/></cib>"

static const char fresh[] =
	HEAD "<crm_config/><nodes><node id='1' uname='n1'/><node id='2' uname='n2'/></nodes>" TAIL;

static const char used[] = HEAD
	"<crm_config><cluster_property_set id='cib-bootstrap-options'>"
	"<nvpair id='a' name='stonith-enabled' value='true'/>"
	"<nvpair id='limit' name='migration-limit' value='4'/>"
	"<nvpair id='b' name='vmha-migration-tls' value='off'/></cluster_property_set>"
	"<cluster_property_set id='vmha-settings'>"
	"<nvpair id='c' name='vmha-migration-slots' value='4'/>"
	"<nvpair id='d' name='vmha-net.10.0.0.0_24.name' value='A &amp; B'/>"
	"</cluster_property_set></crm_config>"
	"<nodes><node id='1' uname='n1'><instance_attributes id='nodes-1'>"
	"<nvpair id='e' name='vmha-migration-slots' value='2'/>"
	"<nvpair id='f' name='standby' value='off'/></instance_attributes></node></nodes>" TAIL;

static void settings_are_read_wherever_they_stand(void)
{
	vmha_autosettings struct vmha_pcmk_settings *list = NULL;

	CHECK_INT(vmha_pcmk_settings_parse(used, &list, NULL), 0);
	CHECK_INT(list->count, 4);
	CHECK(list->version == ((uint64_t)1 << 32 | 7));
	CHECK_STR(list->items[0].name, "migration-tls");
	CHECK_STR(list->items[0].value, "off");
	CHECK_STR(list->items[2].name, "net.10.0.0.0_24.name");
	CHECK_STR(list->items[2].value, "A & B");
	CHECK_STR(list->items[3].node, "n1");
	CHECK_STR(list->items[3].value, "2");
}

static void nodes_are_read(void)
{
	static const char xml[] =
		HEAD "<crm_config/><nodes><node id='1' uname='n1'/>"
		     "<node id='r1' uname='r1' type='remote'/><node id='2000' uname='n2'/>"
		     "<node id='99999999999' uname='n3'/></nodes>" TAIL;
	vmha_autofree struct vmha_listed *nodes = NULL;
	struct vmha_listed *none = NULL;
	size_t count = 0;

	CHECK_INT(vmha_pcmk_cib_nodes_parse(xml, &nodes, &count, NULL), 0);
	CHECK_INT(count, 2);
	CHECK_INT(nodes[0].id, 1);
	CHECK_STR(nodes[0].name, "n1");
	CHECK_INT(nodes[1].id, 2000);
	CHECK_STR(nodes[1].name, "n2");
	CHECK_INT(vmha_pcmk_cib_nodes_parse("<cib/>", &none, &count, NULL), -EBADMSG);
	CHECK_INT(vmha_pcmk_cib_nodes_parse("", &none, &count, NULL), -EBADMSG);
	CHECK(!none);
}

static void what_is_no_configuration_is_refused(void)
{
	struct vmha_pcmk_settings *list = NULL;
	char *patch = NULL;

	CHECK_INT(vmha_pcmk_settings_parse("", &list, NULL), -EBADMSG);
	CHECK_INT(vmha_pcmk_settings_parse("<cib>", &list, NULL), -EBADMSG);
	CHECK_INT(vmha_pcmk_settings_parse("<html/>", &list, NULL), -EBADMSG);
	CHECK_INT(vmha_pcmk_settings_patch("<html/>", NULL, 0, &patch, NULL), -EBADMSG);
	CHECK(!list && !patch);
}

static char *patch_of(const char *xml, const struct vmha_pcmk_setting_change *changes, size_t count)
{
	char *patch = NULL;

	CHECK_INT(vmha_pcmk_settings_patch(xml, changes, count, &patch, NULL), 0);
	return patch;
}

static void the_first_setting_makes_its_set(void)
{
	const struct vmha_pcmk_setting_change changes[] = {
		{ NULL, "migration-tls", "off" },
		{ "", "migration-streams", "4" },
		{ "n2", "shutdown-drain", "5" },
	};
	vmha_autofree char *patch = patch_of(fresh, changes, 3);

	/* in one creation: nothing can be created in what the same patch creates */
	CHECK_HAS(patch,
		  "<change operation=\"create\" path=\"/cib/configuration/crm_config\" "
		  "position=\"0\"><cluster_property_set id=\"vmha-settings\"><nvpair "
		  "id=\"vmha-settings-vmha-migration-tls\" name=\"vmha-migration-tls\" "
		  "value=\"off\"/><nvpair id=\"vmha-settings-vmha-migration-streams\" "
		  "name=\"vmha-migration-streams\" value=\"4\"/></cluster_property_set></change>");
	CHECK_HAS(patch, "path=\"/cib/configuration/nodes/node[@id='2']\" position=\"0\">"
			 "<instance_attributes id=\"nodes-2\"><nvpair "
			 "id=\"nodes-2-vmha-shutdown-drain\" name=\"vmha-shutdown-drain\" "
			 "value=\"5\"/></instance_attributes></change></diff>");
	CHECK(!strstr(patch, "migration-limit"));
}

static void slots_take_pacemakers_limit_along(void)
{
	const struct vmha_pcmk_setting_change first[] = { { NULL, "migration-slots", "3" } };
	const struct vmha_pcmk_setting_change reset[] = { { NULL, "migration-slots", NULL } };
	vmha_autofree char *made = patch_of(fresh, first, 1);
	vmha_autofree char *changed = patch_of(used, reset, 1);
	vmha_autofree char *only = patch_of(fresh, NULL, 0);

	CHECK_HAS(made, "<cluster_property_set id=\"cib-bootstrap-options\"><nvpair "
			"id=\"cib-bootstrap-options-migration-limit\" name=\"migration-limit\" "
			"value=\"3\"/>");
	CHECK_HAS(changed, "<change operation=\"delete\" path=\"/cib/configuration/crm_config/"
			   "cluster_property_set[@id='vmha-settings']/nvpair[@id='c']\"/>");
	CHECK_HAS(only, "name=\"migration-limit\" value=\"1\"/>");
	/* n1 may still have two */
	CHECK_HAS(changed, "<nvpair id=\"limit\" name=\"migration-limit\" value=\"2\"/>");
}

static void what_is_so_already_is_not_written(void)
{
	const struct vmha_pcmk_setting_change same[] = {
		{ NULL, "migration-tls", "off" },
		{ "n1", "migration-slots", "2" },
		{ NULL, "network-probe", NULL },
		{ "n1", "event-size", NULL },
	};

	CHECK(!patch_of(used, same, 4));
}

static void texts_are_quoted_and_nodes_must_exist(void)
{
	const struct vmha_pcmk_setting_change quoted[] = {
		{ NULL, "net.10.0.0.0_24.name", "<\"&'>" },
	};
	const struct vmha_pcmk_setting_change nobody[] = { { "n9", "migration-slots", "2" } };
	vmha_autofree char *patch = patch_of(used, quoted, 1);
	vmha_autoerr struct vmha_err *err = NULL;
	char *none = NULL;

	CHECK_HAS(patch, "value=\"&lt;&quot;&amp;'&gt;\"");
	CHECK_INT(vmha_pcmk_settings_patch(used, nobody, 1, &none, &err), -ENOENT);
	CHECK_HAS(vmha_err_text(err), "no node named 'n9'");
	CHECK(!none);
}

static const struct unit_test tests[] = {
	UNIT_TEST(settings_are_read_wherever_they_stand),
	UNIT_TEST(nodes_are_read),
	UNIT_TEST(what_is_no_configuration_is_refused),
	UNIT_TEST(the_first_setting_makes_its_set),
	UNIT_TEST(slots_take_pacemakers_limit_along),
	UNIT_TEST(what_is_so_already_is_not_written),
	UNIT_TEST(texts_are_quoted_and_nodes_must_exist),
};

UNIT_MAIN(tests)
