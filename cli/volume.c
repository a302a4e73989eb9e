/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/volume.h"

#include "cli/cli.h"

const struct vmha_command vmha_commands_volume[] = {
	{
		"volume create",
		"NAME --path DIRECTORY | --type gfs2|nfs --device DEVICE [--options OPTIONS] "
		"[--journals N] [--io-timeout SECONDS] [--force]",
		"Make shared storage a volume of the cluster, and join it on all nodes",
		"The volume is seen at /clusterstorage/NAME on every node.  If anything fails, "
		"all\n"
		"that was made is undone.\n\n"
		"  --type TYPE           dir: a directory, mounted by somebody else (default)\n"
		"                        gfs2: a shared block device, on which GFS2 is made\n"
		"                        nfs: an export, mounted by the volume's agent\n"
		"  --path DIRECTORY      of dir: where the storage is mounted, the same on every\n"
		"                        node\n"
		"  --device DEVICE       of gfs2 and nfs: /dev/..., the same on every node; or\n"
		"                        SERVER:/EXPORT\n"
		"  --options OPTIONS     of gfs2 and nfs: further options of the mount\n"
		"  --journals N          of gfs2: how many nodes may mount it (default: as many "
		"as\n"
		"                        corosync's list has, 2 at least); others are added later\n"
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
		"  --force               make GFS2 on a device that holds something else, which "
		"is\n"
		"                        lost; take over what an interrupted create left, "
		"also\n"
		"                        a finished volume of that name that no resource uses: be\n"
		"                        sure that no other cluster uses it\n",
		vmha_volume_create,
		false,
	},
	{
		"volume add",
		"NAME --path DIRECTORY | --type gfs2|nfs --device DEVICE [--options OPTIONS] "
		"[--force]",
		"Bring an existing volume, with all that is on it, into this cluster",
		"Refused while anybody, of any cluster, is in the volume's lockspace.  Its VMs are "
		"not\n"
		"roles before 'vmha vm add' makes them so.\n\n"
		"  --type, --path, --device, --options   as for 'vmha volume create'\n"
		"  --force               also when a host has not left the volume but does not\n"
		"                        renew: be sure that it is off\n",
		vmha_volume_add,
		false,
	},
	{
		"volume remove",
		"NAME [--destroy] [--force]",
		"Take a volume out of the cluster; its data stays",
		"Refused while roles are on it.\n\n"
		"  --destroy             make it no volume any more: a GFS2 is wiped, of the "
		"others\n"
		"                        the directory .vmha is removed; after proof that nobody "
		"is\n"
		"                        in its lockspace\n"
		"  --force               also where definitions of VMs are still on it, where its\n"
		"                        lock cannot be had, or a host has not left it\n",
		vmha_volume_remove,
		false,
	},
	{
		"volume check",
		"[NAME]",
		"Check that volumes are on every node what they should be, and agree with their "
		"roles",
		"On all nodes that are online: is it at its place, of the same id and size?  On "
		"this\n"
		"one: is it the right mount, does its cluster file system work, is its record "
		"whole,\n"
		"is there space, and do leases, directories and resources of its roles agree?\n"
		"Exit status 3: something failed.\n",
		vmha_volume_check,
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
