#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=600 lab=own
# Storage that hangs or fails under the volume's agent: without a VM nobody is fenced and the volume
# comes back by itself, also after sanlock was killed; with a VM the node is fenced.  Orphans of a lost
# lockspace are killed before it is joined again.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

csv_agent() { # NODE ACTION INTERVAL_MS
	on "$1" env ${AGENT_PATH:+"PATH=$AGENT_PATH"} OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE="$VOLUME" \
		OCF_RESKEY_CRM_meta_timeout=30000 OCF_RESKEY_CRM_meta_interval="$3" \
		OCF_RESKEY_volume="$VOLUME" /usr/lib/ocf/resource.d/vmha/csv "$2"
}

# agent_says NODE ACTION INTERVAL_MS STATUS [TEXT]
agent_says() {
	local rc=0 start
	start=$(now_ms)
	csv_agent "$1" "$2" "$3" >"$WORK/agent.log" 2>&1 || rc=$?
	((rc == $4)) || fail "$2 on $1: status $rc instead of $4: $(cat "$WORK/agent.log")"
	[[ -z ${5:-} ]] || grep -q -- "$5" "$WORK/agent.log" || fail "$2 on $1 does not say $5: $(cat "$WORK/agent.log")"
	figure "$2 on $1: status $rc in $(($(now_ms) - start)) ms: $(tail -n 1 "$WORK/agent.log")"
}

agent_is() {
	csv_agent "$1" monitor 10000 >/dev/null 2>&1
}

# agent_code NODE STATUS: of its monitor.
agent_code() {
	local rc=0
	csv_agent "$1" monitor 10000 >/dev/null 2>&1 || rc=$?
	((rc == $2))
}

# guest_start NODE NAME: a QEMU on the volume, outside of the cluster's care.
guest_start() {
	local file=/clusterstorage/$VOLUME/$2/$2.img
	on "$1" mkdir -p "${file%/*}"
	[[ -e $(real_path "$file") ]] || lab guest disk "$file"
	lab guest xml "$2" --disk "$file" >"$WORK/$2.xml"
	on "$1" sh -c "cat >/root/$2.xml" <"$WORK/$2.xml"
	on "$1" virsh -q create "/root/$2.xml" || fail "virsh create $2"
}

lab_begin --volume dir
cluster_from node1
await 30 "node3 is well" agent_is node3
agent_says node3 monitor 10000 0
agent_says node3 monitor 0 0

# said NAME STATUS-PATTERN TEXT: of the command NAME of commands_run
said() {
	# shellcheck disable=SC2053  # a pattern
	[[ $(<"$WORK/$1.status") == $2 ]] || fail "$1: status $(<"$WORK/$1.status") instead of $2: $(cat "$WORK/$1.log")"
	grep -q -- "$3" "$WORK/$1.log" || fail "$1 does not say $3: $(cat "$WORK/$1.log")"
}

# commands_run NODE LINE...: "NAME COMMAND...", all at the same time; a minute is too long for any.
commands_run() {
	local node=$1 line pids=()
	shift
	for line; do
		# shellcheck disable=SC2086  # words
		(
			rc=0
			on "$node" timeout 60 ${line#* } >"$WORK/${line%% *}.log" 2>&1 </dev/null || rc=$?
			echo "$rc" >"$WORK/${line%% *}.status"
		) &
		pids+=($!)
	done
	wait "${pids[@]}"
}

lab guest disk "/clusterstorage/$VOLUME/web1/web1.img"
lab guest xml web1 >"$WORK/web1.xml"
for NODE in node1 node3; do
	on "$NODE" sh -c 'cat >/root/web1.xml' <"$WORK/web1.xml"
done
on node1 vmha vm add web1 --xml /root/web1.xml --volume "$VOLUME" --disabled >"$WORK/add.log" 2>&1 ||
	fail "vm add: $(cat "$WORK/add.log")"

step "storage of node3 hangs, no VM there: degraded, nobody fenced, back by itself; no command hangs"
lab stall-storage node3 hang
await 20 "a degraded volume" agent_code node3 190
agent_says node3 monitor 10000 190 "node3"
START=$(now_ms)
commands_run node3 "list vmha vm list" "status vmha status" "why vmha why web1" "show vmha vm show web1" \
	"add vmha vm add web2 --xml /root/web1.xml --volume $VOLUME" "edit vmha vm edit web1 --xml /root/web1.xml" \
	"remove vmha vm remove web1" "volumes vmha volume list" "volume vmha volume show $VOLUME" \
	"check vmha volume check $VOLUME" "out vmha volume remove $VOLUME" \
	"new vmha volume create vol9 --path /clusterstorage/$VOLUME"
figure "commands_ms=$(($(now_ms) - START))"
HUNG=$(node_pids node3 '(^|/)dd .*[.]ask' | grep -c . || true)
((HUNG == 1)) || fail "$HUNG processes that ask the storage hang in the kernel"
said list 0 web1
said status "[03]" node3
said why 0 web1
said show 0 "does not answer on this node for 5 s"
said add 1 "does not answer on this node for 30 s"
said edit 1 "does not answer on this node for 30 s"
said remove 1 "does not answer on this node for 30 s"
said volumes 0 "$VOLUME"
said volume 0 "does not answer on this node for 5 s"
said check 3 "does not answer on this node for 30 s"
said new 1 "does not answer on this node for 30 s"
said out 1 "does not answer on this node for 30 s"
[[ $(fences_count) == 0 ]] || fail "fenced: $(fences)"
lab heal node3
await 60 "node3 is well again" agent_is node3
await 20 "node3 joined again" node_joined node3

step "a disk of a role lies on another volume, which hangs: refused, and looked at by nobody"
# a volume of node3 alone: the others are not asked to join it
for NODE in node1 node2; do
	on node3 crm_standby --node "$NODE" --update on
done
settled 60
on node3 sh -c 'mkdir /var/lib/vol2 && ln -s /var/lib/vol2 /clusterstorage/vol2' # nodes here may not mount
on node3 vmha volume create vol2 --path /var/lib/vol2 --io-timeout 1 >"$WORK/create.log" 2>&1 ||
	fail "volume create: $(cat "$WORK/create.log")"
lab stall-storage node3 hang
commands_run node3 "other vmha vm add web2 --xml /root/web1.xml --volume vol2"
said other 1 "cannot be looked at: the storage of volume $VOLUME does not answer on this node for 5 s"
lab heal node3
on node3 vmha volume remove vol2 --destroy >"$WORK/remove.log" 2>&1 || fail "volume remove: $(cat "$WORK/remove.log")"
for NODE in node1 node2; do
	on node3 crm_standby --node "$NODE" --delete >/dev/null
done
settled 60
await 60 "node3 is well again" agent_is node3

step "storage of node3 fails, no VM there: the same"
lab stall-storage node3 eio
sleep 25
agent_says node3 monitor 10000 190
[[ $(fences_count) == 0 ]] || fail "fenced: $(fences)"
lab heal node3
await 60 "node3 is well again" agent_is node3

step "sanlock of node3 hangs: the monitor does not"
daemon_signal node3 sanlock STOP
agent_says node3 monitor 10000 190 "does not answer"
daemon_signal node3 sanlock KILL
agent_says node3 monitor 10000 190 "sanlock is down"
agent_says node3 monitor 0 7
[[ $(fences_count) == 0 ]] || fail "fenced: $(fences)"

step "sanlock of node3 is started again: joined again by itself"
lab service node3 start sanlock
await 60 "node3 joined again" node_joined node3
await 30 "node3 is well again" agent_is node3

step "an orphan of a lost lockspace is killed before the volume is joined again"
# an old failure in maintenance would keep crm_resource --wait waiting for its monitor
cluster crm_resource --cleanup --resource "$VOLUME" >/dev/null 2>&1
settled 60
cluster crm_resource --resource "$VOLUME-clone" --meta --set-parameter maintenance --parameter-value true >/dev/null
settled 60
guest_start node3 orphan
daemon_signal node3 sanlock KILL
agent_says node3 monitor 10000 1 "orphan"
agent_says node3 stop 0 1 "orphan"
[[ -n $(qemu_pid node3 orphan) ]] || fail "the orphan ended by itself"
agent_says node3 start 0 1 "sanlock is down"
[[ -z $(qemu_pid node3 orphan) ]] || fail "the orphan runs on"
agent_says node3 stop 0 0
agent_says node3 stop 0 0
agent_says node3 monitor 10000 7
lab service node3 start sanlock
# who uses its host id cannot be asked
# shellcheck disable=SC2016 # for the node's shell
on node3 sh -c 'mkdir /root/broken && printf "#!/bin/sh\nexit 1\n" >/root/broken/sanlock && chmod +x /root/broken/sanlock'
AGENT_PATH=/root/broken:/usr/sbin:/usr/bin:/sbin:/bin agent_says node3 start 0 1 "cannot be told"
agent_says node3 monitor 10000 7
guest_start node3 orphan
agent_says node3 start 0 0 "orphan"
[[ -z $(qemu_pid node3 orphan) ]] || fail "the orphan runs on"
agent_says node3 start 0 0
agent_says node3 monitor 10000 0
cluster crm_resource --resource "$VOLUME-clone" --meta --delete-parameter maintenance >/dev/null
settled 60
[[ $(fences_count) == 0 ]] || fail "fenced: $(fences)"

step "storage of node3 hangs under a VM: node3 is fenced"
guest_start node3 web9
START=$(now_ms)
lab stall-storage node3 hang
await 60 "node3 fenced" fenced node3
figure "storage_hang_to_fence_ms=$(($(now_ms) - START))"
lab heal all
[[ $(fences | sort -u) == node3 ]] || fail "fenced: $(fences | tr '\n' ' ')"
await 120 "node3 back in the volume" node_joined node3
