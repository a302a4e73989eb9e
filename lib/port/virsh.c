/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/port/virsh.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "lib/base/cleanup.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"

#define ANSWER_TIMEOUT VMHA_SPAN_S(6)

/* What follows "virsh -q -c URI". */
static const char *const lists[][5] = {
	[VMHA_VIRSH_RUNNING_NAMES] = { "list", "--name" },
	[VMHA_VIRSH_RUNNING_UUIDS] = { "list", "--uuid" },
	[VMHA_VIRSH_DEFINED_NAMES] = { "list", "--all", "--persistent", "--name" },
	[VMHA_VIRSH_DEFINED_UUIDS] = { "list", "--all", "--persistent", "--uuid" },
	[VMHA_VIRSH_AUTOSTART_NAMES] = { "list", "--all", "--autostart", "--name" },
	[VMHA_VIRSH_NETWORKS] = { "net-list", "--name" },
};

static int virsh(const char *address, const char *const words[5],
		 struct vmha_proc_result *ret_result, struct vmha_err **err)
{
	vmha_autofree char *uri = address ? vmha_str_printf("qemu+tls://%s/system", address)
					  : strdup("qemu:///system");
	const char *const argv[] = { "virsh",  "-q",	 "-c",	   uri, words[0],
				     words[1], words[2], words[3], NULL };

	if (!uri) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	return vmha_proc_check(argv, NULL, ANSWER_TIMEOUT, ret_result, err);
}

/* @return true when @name is a line of @text; UUIDs in any case */
static bool line_find(const char *text, const char *name)
{
	size_t want = strlen(name);

	while (*text) {
		size_t len = strcspn(text, "\n");
		size_t trimmed = len;

		while (trimmed > 0 && text[trimmed - 1] == ' ') {
			trimmed--;
		}
		if (trimmed == want && strncasecmp(text, name, want) == 0) {
			return true;
		}
		text += len + (text[len] == '\n');
	}
	return false;
}

int vmha_virsh_has(const char *address, enum vmha_virsh_list list, const char *name,
		   struct vmha_err **err)
{
	vmha_autoresult struct vmha_proc_result res = { 0 };
	int r = virsh(address, lists[list], &res, err);

	return r < 0 ? r : line_find(res.output, name);
}

int vmha_virsh_autostart_off(const char *address, const char *name, struct vmha_err **err)
{
	const char *const words[5] = { "autostart", "--disable", name };

	return virsh(address, words, NULL, err);
}
