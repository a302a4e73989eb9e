/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The coordinator of a volume: who it is, and handing it over. */
#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/daemon.h"
#include "cli/output.h"
#include "cli/volume.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define ASK_S  5
#define MOVE_S 30 /* clusterd itself gives up earlier, with words */

json_t *vmha_volume_owner_json(const char *volume, const char *lock, const struct vmha_nodes *nodes)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(ASK_S));
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_volume_holder holder;
	char name[VMHA_NODE_SIZE];
	int r = vmha_volume_holder(volume, VMHA_LOCK_COORDINATOR, deadline, &holder, &err);

	if (r < 0 && r != -ENOENT) {
		return json_pack("{s:s, s:n, s:n, s:s}", "lock", lock, "node", "epoch", "state",
				 vmha_err_text(err));
	}
	if (r < 0 || !holder.held) {
		return json_pack("{s:s, s:n, s:o, s:s}", "lock", lock, "node", "epoch",
				 r < 0 ? json_null() : json_integer((json_int_t)holder.epoch),
				 "state",
				 r == 0 && holder.dead
					 ? "nobody: the one that was is lost, another takes over"
					 : "nobody: does vmha-clusterd run on its nodes?");
	}
	return json_pack("{s:s, s:s, s:I, s:s}", "lock", lock, "node",
			 holder.node ? vmha_nodes_name(nodes, holder.node, name) : "?", "epoch",
			 (json_int_t)holder.epoch, "state", "held");
}

int vmha_volume_move(int argc, char **argv, struct vmha_err **err)
{
	vmha_autojson json_t *reply = NULL;
	int r;

	if (argc != 3 || !vmha_str_is_name(argv[1])) {
		return vmha_usage(err, "a volume and a node are needed");
	}
	r = vmha_need_root(err);
	r = r < 0 ? r
		  : vmha_daemon_ask(json_pack("{s:s, s:s, s:s}", "op", "volume-move", "volume",
					      argv[1], "node", argv[2]),
				    VMHA_SPAN_S(MOVE_S), &reply, err);
	if (r < 0) {
		return r;
	}
	vmha_output_step("%s coordinates volume %s now", argv[2], argv[1]);
	return vmha_output_json(json_pack("{s:s, s:s, s:O}", "volume", argv[1], "node", argv[2],
					  "epoch", json_object_get(reply, "epoch")));
}
