# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016  # the backquotes are text
# The verbs: their arguments and what they do.  Feeds --help and the check of the command line.

HELP_ORDER=(up down status exec shell power node service cut heal slow stall-storage pull-disk freeze thaw guest
	ping-gap check-disk)

declare -A HELP_ARGS=(
	[up]='[--nodes N] [--volume dir|lun] [--io-timeout S] [--no-volume] [--stage DIR] [--share DIR]... [--env NAME=VALUE]...
       --vm [--packages DIR] [--watchdog KIND[,KIND...]] [--memory MIB] [--disks N] [--disk-size MIB] [--disk-4k LUN]'
	[down]=''
	[status]=''
	[exec]='NODE COMMAND [ARG...]'
	[shell]='NODE'
	[power]='on|off|cycle NODE'
	[node]='add [--id N] | remove NODE'
	[service]='NODE start|stop|restart|status NAME'
	[cut]='NODE NET [--in|--out]'
	[heal]='NODE [NET] | all'
	[slow]='NET|NODE:NET RATE|off'
	[stall-storage]='NODE [eio|hang|full|denied|delay MS]'
	[pull-disk]='NODE LUN'
	[freeze]='NODE'
	[thaw]='NODE'
	[guest]='build | xml NAME [OPTIONS] | disk PATH [--tiny] | ip NAME | console NAME'
	[ping-gap]='start|stop|report GUEST | wait GUEST [SECONDS]'
	[check-disk]='[--min-seq N] [--same-boot] DISK'
	[power-request]=''
	[power-reset]=''
)

declare -A HELP_TEXT=(
	[up]='Make a cluster and start it: 3 nodes unless --nodes says 2 to 5.
--volume dir     the shared volume is a directory (default), at /clusterstorage/vol1 on every node
--volume lun     also /dev/disk/by-id/lun1 to lun4 on every node, linked as /clusterstorage/vol1/lunK
--io-timeout S   I/O timeout of the volume'"'"'s lockspace (1)
--no-volume      mount the directory, but do not make it a volume of the cluster
--stage DIR      nodes run what `make install DESTDIR=DIR` put there (or environment VMHA_STAGE)
--share DIR      show this directory of the machine, read-only, in the nodes
--env NAME=VALUE for all that runs in the nodes
--vm             nodes are machines under QEMU with a kernel of their own (GFS2, DLM, watchdogs); no volume
                 is made; --stage or --packages is needed
  --packages DIR    install the vmha_*.deb that is in DIR
  --watchdog KIND   softdog or i6300esb; sanlock uses it; with commas: node1 has the first, and so on,
                    the last is that of all further nodes
  --memory MIB      of a node (896)
  --disks N         shared disks /dev/disk/by-id/lun1 to lunN (4), --disk-size MIB each (1024)
  --disk-4k LUN     this one has sectors of 4096 bytes'
	[down]='Stop the lab and remove all of it, also after an up that failed half-way.'
	[status]='Show nodes, their services and the faults that are set.'
	[exec]='Run a command in a node, with the rights of the node'"'"'s own root.  NODE is node2 or 2.
Standard input, output and exit status are the command'"'"'s.'
	[shell]='A login shell in a node.'
	[power]='on boots the node with its /etc and /var as they are and starts its services; off is loss of
power: every process of the node is gone when it returns; cycle is both.'
	[node]='add       one node more, up to five, in the cluster when it returns; --id: its corosync node id
remove    take out the last one: its services end, it is switched off, and neither corosync nor
          Pacemaker has it in its configuration any more.  Its files are gone.'
	[service]='sanlock, libvirtd, corosync, clusterd or pacemaker of a node.  A service that dies stays dead until started.'
	[cut]='Pull a cable of a node: NET is clu, mig, pub or mgt.  --in and --out cut one direction, as seen
from the node, without loss of the link.'
	[heal]='Take back cut and slow of one network, or every fault of a node, or of all nodes.'
	[slow]='Limit the rate (tc: 20mbit, 500kbit) of a network on all nodes or on one, both directions.'
	[stall-storage]='The shared storage of this node hangs (default), fails with EIO, has no space left for a
file to grow, denies to make or remove names, or takes MS longer for each operation, until heal NODE.'
	[pull-disk]='The shared disk LUN (lun1, ...) of a machine is gone, until heal NODE.'
	[freeze]='Stop all processes of a node where they are, as a machine that hangs does.'
	[thaw]='Let a frozen node run on.'
	[guest]='build        make the test guest now (up does it too); prints where it is
xml NAME     print a domain XML: [--disk PATH] [--memory MIB] [--dirty MB[:MB_PER_S]] [--write-ms MS]
         [--panic | --watchdog]: a device that tells of a panic or of a system that hangs
             disk: /clusterstorage/vol1/NAME/NAME.img unless given
         --tiny: a boot sector that counts on its console and disk, for machines (up --vm)
disk PATH    make (or zero) the raw disk PATH, below /clusterstorage/vol1; --tiny: that boot sector on it
ip NAME      the address of the guest on the public network
console NAME what the guest printed, from every node it ran on'
	[ping-gap]='start a ping of a guest (name or address) every 10 ms; stop prints replies, lost and the largest
gap between replies in ms; report prints the same and goes on; wait returns when the guest answers.'
	[check-disk]='Read a test guest'"'"'s disk, also while it runs: are its writes whole?  Prints the boots, each finding
and a summary line; exit 0 yes, 1 no, 2 cannot tell.  DISK is /clusterstorage/vol1/... of this lab,
or a file or device of this machine.
--min-seq N    not ok unless record N is there
--same-boot    not ok if there was more than one boot'
	[power-request]='Internal: answer one request to the power switch.'
	[power-reset]='Internal: a machine has reset itself.'
)

help_known() {
	[[ -v HELP_ARGS[$1] ]]
}

help_show() {
	local verb
	if [[ -n $1 ]] && help_known "$1"; then
		printf 'Usage: vmha-lab [--name NAME] %s %s\n\n%s\n' "$1" "${HELP_ARGS[$1]}" "${HELP_TEXT[$1]}"
		return
	fi
	printf 'Usage: vmha-lab [--name NAME] VERB [ARG...]\n\n'
	printf 'Real clusters (corosync, pacemaker, sanlock, libvirtd, QEMU) in namespaces of this machine.\n'
	printf 'NAME is "lab" unless given here or in the environment as VMHA_LAB_NAME.\n\n'
	for verb in "${HELP_ORDER[@]}"; do
		printf '  %-14s %s\n' "$verb" "${HELP_ARGS[$verb]}"
	done
	printf '\nvmha-lab VERB --help tells more.\n'
}
