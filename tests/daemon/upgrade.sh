#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=900 lab=own weight=3
# A rolling upgrade, node by node, while a VM runs: vmha of the commit before (VMHA_TEST_OLD names
# another) and this one share a cluster.  At each step all nodes agree, settings reach all of them,
# the VM moves over the seam both ways, no record is lost, and the guest is not booted again.
# Where there is no commit before (no git, a shallow clone) the older release is this very source,
# built to speak the protocol before (or the same, where there is none): the seam is tested then,
# not what the last commit changed.
# shellcheck source=tests/clusterd-lib.sh
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../clusterd-lib.sh"
OLD=${VMHA_TEST_OLD:-HEAD^}

# Where a release puts its programs, below /usr.
PROGRAMS=(
	sbin/vmha-clusterd:clusterd/vmha-clusterd
	libexec/vmha/vmha-cibwatch:clusterd/vmha-cibwatch
	libexec/vmha/vmha-virtwatch:clusterd/vmha-virtwatch
	libexec/vmha/vmha-guest-report:clusterd/vmha-guest-report
	libexec/vmha/vm-action:resource-agent/vm-action
	lib/ocf/resource.d/vmha/vm:resource-agent/vm
	lib/ocf/resource.d/vmha/csv:csv/csv
	bin/vmha:cli/vmha
)

# As root in somebody's clone.
old_git() {
	git -c safe.directory="$TOP" -C "$TOP" "$@"
}

# proto_of SRC [N]: the protocol that a source speaks; or make it N.
proto_of() {
	local file=$1/lib/core/cluster.h
	grep -q '^#define VMHA_CLUSTER_PROTO' "$file" || file=$1/clusterd/group.h
	[[ -z ${2:-} ]] || sed -i "s/^\(#define [A-Z_]*_PROTO[[:blank:]]*\)[0-9]*U/\1$2U/" "$file"
	sed -n 's/^#define [A-Z_]*_PROTO[[:blank:]]*\([0-9]*\)U.*/\1/p' "$file"
}

# old_source: the older release, in $WORK/old/src.
old_source() {
	local src=$WORK/old/src proto
	mkdir -p "$src" "$WORK/old/build"
	if old_git cat-file -e "$OLD:clusterd/main.c" 2>/dev/null; then
		old_git archive "$OLD" | tar -x -C "$src"
		# configure is this commit's where it would be the same
		if [[ -x $TOP/configure ]] &&
			old_git diff --quiet "$OLD" -- configure.ac Makefile.am m4 '*local.mk'; then
			(cd "$TOP" && tar -c configure aclocal.m4 Makefile.in config.h.in build-aux) | tar -x -C "$src"
		fi
		figure "the older release is $(old_git log -1 --format='%h (%s)' "$OLD"), protocol $(proto_of "$src")"
		return
	fi
	[[ -z ${VMHA_TEST_OLD:-} ]] || fail "there is no commit $OLD"
	tar -C "$TOP" --exclude=./.git --exclude=./build --exclude=./autom4te.cache --exclude=config.status -c . |
		tar -x -C "$src"
	proto=$(proto_of "$src")
	figure "no commit before: the older release is this source, protocol $(proto_of "$src" $((proto > 1 ? proto - 1 : 1)))"
}

# Only what a node runs; it need not be fast.
old_build() {
	local src=$WORK/old/src build=$WORK/old/build pair start targets=()
	start=$(now_ms)
	for pair in "${PROGRAMS[@]}"; do
		targets+=("${pair#*:}")
	done
	(
		set -e
		cd "$src"
		[[ -x configure ]] || autoreconf -fi
		cd "$build"
		"$src/configure" --prefix=/usr --sysconfdir=/etc --localstatedir=/var \
			--disable-dependency-tracking CFLAGS="-O1 -w"
		make -j2 "${targets[@]}"
	) >"$WORK/old.log" 2>&1 || {
		tail -n 20 "$WORK/old.log"
		fail "the older release does not build"
	}
	# a release of its own: what is no program of a node is as here
	# shellcheck disable=SC2153 # of lib.sh
	cp -a "$STAGE" "$WORK/old/stage"
	for pair in "${PROGRAMS[@]}"; do
		install -m 755 "$build/${pair#*:}" "$WORK/old/stage/usr/${pair%%:*}"
	done
	figure "built in $(($(now_ms) - start)) ms"
}

# upgrade NODE: other programs, as a package puts them there, then a restart.
upgrade() {
	local pair pid
	pid=$(daemon_pid "$1" corosync)
	for pair in "${PROGRAMS[@]}"; do
		# a node may not mount by itself
		nsenter --target "$pid" --mount mount --bind "$STAGE/usr/${pair%%:*}" "/usr/${pair%%:*}" ||
			fail "$1: ${pair%%:*} cannot be exchanged"
	done
	lab service "$1" restart clusterd
}

# What every release has to know: the same on all nodes.
known() {
	clusterd_state "$1" | jq -Sc '[
		(.migrations[] | {id, vm, from, to, phase, result, trace}),
		(.nodes[] | {id, name, ready, drain, proto}), .quorate,
		(.settings | sort_by(.name, .node)) ]'
}

agree() {
	local node first
	first=$(known node1)
	[[ -n $first ]] || return 1
	for node in "${NODES[@]}"; do
		on "$node" vmha-clusterd --check || return 1
		[[ $(known "$node") == "$first" ]] || return 1
	done
}

# moved WHAT NODE...: asked for on one node, to the next of them.
moved() {
	local what=$1 to
	shift
	for to in "$@"; do
		! role_is_on web1 "$to" || continue
		cluster_from "$(node_third "$to" "$(role_place web1)")"
		cluster vmha migrate web1 --to "$to" --timeout 120 >"$WORK/out.log" 2>&1 ||
			fail "$what, to $to: $(cat "$WORK/out.log")"
		await 10 "$what: web1 on $to" role_is_on web1 "$to"
		MOVES=$((MOVES + 1))
		figure "$what, asked for on $CLUSTER_NODE: $(tail -n 1 "$WORK/out.log")"
	done
}

unharmed() {
	await 30 "$1: all nodes agree" agree
	[[ $(cluster vmha migration list --output json | jq '[.[] | select(.result == "DONE")] | length') == "$MOVES" ]] ||
		fail "$1: not all $MOVES records are there: $(cluster vmha migration list)"
	[[ $(boot_id web1) == "$BOOT" ]] || fail "$1: the guest was booted again"
	await 20 "$1: web1 managed" role_managed web1
	((!$(fences_count))) || fail "$1: fenced: $(fences)"
}

# The slots given out follow the setting on every node, whatever its release.
set_everywhere() {
	local node
	cluster vmha set migration-stall="$1" >/dev/null || fail "vmha set"
	for node in "${NODES[@]}"; do
		await 20 "migration-stall=$1 on $node" has_setting "$node" "$1"
	done
}

has_setting() {
	clusterd_state "$1" | jq -e --arg v "$2" '.settings[] | select(.name == "migration-stall" and .value == $v)'
}

((EUID == 0)) || skip "needs root"
step "the older release"
old_source
old_build
lab_begin --volume dir --stage "$WORK/old/stage" --share "$STAGE"
await 60 "three nodes" nodes_online 3
role_make web1
BOOT=$(boot_id web1)
MOVES=0
ping_begin web1
moved "all older" "$(node_other "$(role_place web1)")"
unharmed "all older"
for node in "${NODES[@]}"; do
	step "$node is upgraded"
	upgrade "$node"
	await 60 "clusterd of $node" on "$node" vmha-clusterd --check
	unharmed "$node upgraded"
	set_everywhere $((60 + ${node#node}))
	moved "$node upgraded" "$node" "$(node_other "$node")"
	unharmed "$node upgraded, and moved"
done

step "drained over the seam behind all"
cluster_from node1
cluster vmha drain node2 --wait --timeout 120 >"$WORK/out.log" 2>&1 || fail "drain: $(cat "$WORK/out.log")"
cluster vmha resume node2 >"$WORK/out.log" 2>&1 || fail "resume: $(cat "$WORK/out.log")"
[[ $(boot_id web1) == "$BOOT" ]] || fail "the guest was booted again"
ping_end web1
((PING_GAP_MS < 3000)) || fail "web1 was silent for $PING_GAP_MS ms"
disk_good web1
