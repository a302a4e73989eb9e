/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/volume.h"

#include "cli/cli.h"

const struct vmha_command vmha_commands_volume[] = {
	{
		"volume create",
		"NAME --path DIRECTORY [--type dir] [--io-timeout SECONDS] [--force]",
		"Make shared storage a volume of the cluster, and join it on all nodes",
		"The volume is seen at /clusterstorage/NAME on every node.  If anything fails, "
		"all\n"
		"that was made is undone.\n\n"
		"  --path DIRECTORY      where the storage is mounted, the same on every node\n"
		"  --type dir            kind of storage: dir, mounted by somebody else (default)\n"
		"  --io-timeout SECONDS  sanlock's limit of one I/O, 1 to 60.  Without it renewals "
		"are\n"
		"                        measured on the storage for some seconds, and ten times "
		"the\n"
		"                        slowest is taken, but never less than 10.  After a "
		"node's\n"
		"                        death without a proof of it, others take over after\n"
		"                        8 x SECONDS + 60 s; VMs are killed when storage is "
		"silent\n"
		"                        for 8 x SECONDS\n"
		"  --force               take over what an interrupted create left in DIRECTORY, "
		"also\n"
		"                        a finished volume of that name that no resource uses: be\n"
		"                        sure that no other cluster uses it\n",
		vmha_volume_create,
		false,
	},
	{
		"volume list",
		"",
		"List the volumes of the cluster",
		NULL,
		vmha_volume_list,
		false,
	},
	{
		"volume show",
		"NAME",
		"Show a volume: who has joined, leases and their owners, times, roles",
		"States of a node are sanlock's: live; failing (renewals late, it may be killing "
		"its\n"
		"VMs); dead (8 x io_timeout + 60 s without a renewal: its leases may be taken); "
		"left;\n"
		"unknown (not watched for long enough).\n",
		vmha_volume_show,
		false,
	},
	{
		"volume move",
		"NAME NODE",
		"Let another node coordinate a volume",
		"The coordinator does the volume's chores; VMs and their storage are not touched.\n"
		"NODE has to have started the volume.  The others stand back for 10 s; if NODE is\n"
		"lost meanwhile, one of them takes over then.\n",
		vmha_volume_move,
		false,
	},
	{
		"volume measure",
		"NAME|DIRECTORY",
		"Measure how long renewals of leases take on a storage, from this node",
		"Takes four seconds on storage that is well; direct reads and writes like "
		"sanlock's, on\n"
		"a file of 1 MiB that is gone afterwards.  Changes nothing.\n",
		vmha_volume_measure,
		false,
	},
	{ 0 },
};
