#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=60
# systemd takes our units, and what they start is installed; the order of a shutdown is as it must be.
source "$(dirname "$0")/lint.sh"

command -v systemd-analyze >/dev/null || { echo "SKIP: systemd-analyze is not installed"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for unit in "$VMHA_BUILD"/stage/usr/lib/systemd/system/*.service; do
	# where what it starts lies for now
	sed -E "s,^(Exec[A-Za-z]*=-?)(/usr),\1$VMHA_BUILD/stage\2," "$unit" >"$dir/${unit##*/}"
done
for unit in "$dir"/*.service; do
	said=$(systemd-analyze verify --man=no "$unit" 2>&1 | grep -F "${unit##*/}" || true)
	[[ -z $said ]] || lint_bad "${unit##*/}: $said"
done
# stopped in the reverse order: VMs leave before anything they need goes
for needed in pacemaker vmha-clusterd corosync libvirtd sanlock libvirt-guests; do
	grep -qE "^After=.*\b$needed\.service" "$dir/vmha-shutdown.service" ||
		lint_bad "vmha-shutdown.service would not be stopped before $needed.service"
done
lint_end
