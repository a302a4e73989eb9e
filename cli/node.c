/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cli.h"
#include "cli/node_setup.h"

const struct vmha_command vmha_commands_node[] = {
	{
		"node setup",
		"[--migration-address ADDRESS] [--ca-cert FILE --ca-key FILE] [--set FILE:K=V]... "
		"[--dry-run]",
		"Configure this host: libvirt, QEMU, sanlock, certificates",
		"Shows what it changes, keeps the old files in /var/lib/vmha/backup, and changes\n"
		"nothing when run again.  It restarts nothing unless told.\n\n"
		"  --migration-address ADDRESS  IP address of this host that VMs move over\n"
		"                        (default: as set before, or the only one there is)\n"
		"  --ca-cert FILE --ca-key FILE  CA that signs this node's certificate\n"
		"                        (default: what is installed, else a new CA)\n"
		"  --cert FILE --key FILE  ready certificate of this node, RSA, with its key\n"
		"  --host-uuid auto|keep|UUID  libvirt's host UUID; auto derives a stable one\n"
		"                        (default: auto where the firmware has none, else keep)\n"
		"  --sanlock-host-name NAME  (default: the node's name)\n"
		"  --set FILE:KEY=VALUE  one more setting, as it stands in the file, quotes too;\n"
		"                        FILE is libvirtd.conf, qemu.conf, qemu-sanlock.conf or\n"
		"                        sanlock.conf; may be repeated\n"
		"  --dry-run             show the changes, make none\n"
		"  --yes                 do not ask (it asks only at a terminal)\n"
		"  --restart             restart the daemons concerned; refused while a VM runs\n",
		vmha_node_setup,
		false,
	},
	{
		"node doctor",
		"",
		"Check this host and say what to do",
		"Checks all that setup configures, and what answers: sanlock, libvirtd, "
		"Pacemaker,\n"
		"fencing, the other nodes.  Each line is ok, warn or fail, with what to do about "
		"it.\n"
		"Exit status 0, or 3 when something fails.\n",
		vmha_node_doctor,
		false,
	},
	{ 0 },
};
