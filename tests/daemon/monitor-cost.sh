#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=240 weight=3 lab=own
# Processor time (user + system, of the agent and all it starts) of one monitor of ocf:vmha:vm
# against ocf:heartbeat:VirtualDomain's on the same running VM: at most 1/30, with the
# question to clusterd in it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
RUNS=${VMHA_TEST_RUNS:-20}
AT_MOST=30

# Run in the node: environment and agent as arguments; prints ms of processor time a run.
# shellcheck disable=SC2016 # Python's
COST='
import os, resource, subprocess, sys
runs, env, agent = int(sys.argv[1]), dict(a.split("=", 1) for a in sys.argv[3:]), sys.argv[2]
env["PATH"] = os.environ["PATH"]
def once():
    return subprocess.run([agent, "monitor"], env=env, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE)
first = once()  # not counted: caches
if first.returncode != 0:
    sys.exit("%s monitor: %d %s" % (agent, first.returncode, first.stderr.decode()))
def used():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime
begin = used()
for _ in range(runs):
    if once().returncode != 0:
        sys.exit("monitor failed in the middle")
print("%.3f" % ((used() - begin) * 1000 / runs))
'

cost() {
	local node=$1 agent=$2
	shift 2
	on "$node" python3 -c "$COST" "$RUNS" "$agent" OCF_ROOT=/usr/lib/ocf OCF_RA_VERSION_MAJOR=1 \
		OCF_RA_VERSION_MINOR=1 OCF_RESOURCE_INSTANCE=web1 OCF_RESKEY_CRM_meta_timeout=30000 \
		OCF_RESKEY_CRM_meta_interval=10000 OCF_RESKEY_CRM_meta_name=monitor "$@"
}

lab_begin --volume dir
role_make web1
HOME_NODE=$(role_place web1)
OURS=$(cost "$HOME_NODE" /usr/lib/ocf/resource.d/vmha/vm OCF_RESKEY_volume="$VOLUME")
THEIRS=$(cost "$HOME_NODE" /usr/lib/ocf/resource.d/heartbeat/VirtualDomain \
	OCF_RESKEY_config="/clusterstorage/$VOLUME/web1/web1.xml" OCF_RESKEY_hypervisor=qemu:///system)
RATIO=$(awk -v a="$THEIRS" -v b="$OURS" 'BEGIN { printf "%.1f", a / b }')
figure "monitor_cpu_ms ocf:vmha:vm=$OURS ocf:heartbeat:VirtualDomain=$THEIRS runs=$RUNS ratio=1/$RATIO"
awk -v a="$THEIRS" -v b="$OURS" -v r="$AT_MOST" 'BEGIN { exit !(b * r <= a) }' ||
	[[ -n $(sanitizers) ]] || fail "a monitor costs more than 1/$AT_MOST of VirtualDomain's"
