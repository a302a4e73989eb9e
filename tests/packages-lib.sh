# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The Debian packages of what is in the source tree now.
: "${VMHA_SRC:=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}"

# packages_sources: its files, NUL between; what git ignores is not of it.
packages_sources() {
	cd "$VMHA_SRC" || return 1
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files -co --exclude-standard -z
	else
		find . -path ./build -prune -o -type f -print0
	fi
}

# packages_build DIR: into it, and the sources into DIR/src.
packages_build() {
	mkdir -p "$1/src"
	(packages_sources | tar -C "$VMHA_SRC" --null --ignore-failed-read -cf - -T -) | tar -C "$1/src" -xf -
	(cd "$1/src" && DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -us -uc -b)
}

# packages_kept DIR: builds them there unless it has them of the very same sources.
packages_kept() {
	local key
	key=$(packages_sources | (cd "$VMHA_SRC" && xargs -0 sha256sum 2>/dev/null) | sha256sum | cut -c1-64)
	[[ $(cat "$1/key" 2>/dev/null) != "$key" ]] || return 0
	rm -rf --one-file-system "$1"
	packages_build "$1" || return 1
	rm -rf "$1/src"
	echo "$key" >"$1/key"
}
