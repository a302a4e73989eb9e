# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# To be sourced by the lint tests.
set -euo pipefail

: "${VMHA_SRC:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}" "${VMHA_BUILD:=$VMHA_SRC/build}"
LINT_CACHE=$VMHA_BUILD/lint-cache
LINT_BAD=0
mkdir -p "$LINT_CACHE"
cd "$VMHA_SRC"

# lint_files GLOB...: the project's own files, relative to its top; new ones too
lint_files() {
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files -co --exclude-standard -- "$@"
	else
		local glob
		for glob in "$@"; do
			find . -path ./build -prune -o -type f -path "./${glob#./}" -print | sed 's,^\./,,'
		done
	fi | while IFS= read -r file; do
		[[ ! -f $file || -L $file ]] || printf '%s\n' "$file"
	done | sort -u
}

lint_bad() {
	printf '%s\n' "$*"
	LINT_BAD=1
}

lint_end() {
	exit "$LINT_BAD"
}

# lint_flags: fills FLAGS with the compiler's words (include paths, definitions)
lint_flags() {
	mapfile -t FLAGS < <(make -s -C "$VMHA_BUILD" print-c-flags | while IFS= read -r word; do
		# relative to the build directory, which is not where we are
		case $word in
		-I/usr/*) printf -- '-isystem\n%s\n' "${word#-I}" ;; # others' headers are not ours to judge
		-I.) printf -- '-I%s\n' "$VMHA_BUILD" ;;
		-I.*) printf -- '-I%s/%s\n' "$VMHA_BUILD" "${word#-I}" ;;
		*) printf '%s\n' "$word" ;;
		esac
	done)
	((${#FLAGS[@]} > 3)) || {
		echo "no compiler flags from the Makefile in $VMHA_BUILD"
		exit 1
	}
}

# The sum of one C file and of all of ours that it includes.
lint_sum() {
	local file=$1 deps
	deps=$(gcc -MM "${FLAGS[@]}" "$file" | sed 's/^[^:]*://; s/\\$//' | tr ' ' '\n' | sed '/^$/d' | sort -u)
	# shellcheck disable=SC2086 # words are meant
	cat "$VMHA_BUILD/config.h" $deps | sha256sum | cut -c1-32
}

# lint_each_c NAME KEY COMMAND...: COMMAND FILE for each C file, two at a time; not again for what passed
# unchanged.  KEY: whatever else the result depends on.
lint_each_c() {
	local name=$1 key=$2
	shift 2
	lint_flags
	key=$(printf '%s\n' "$key" "${FLAGS[@]}" "$*" "$(declare -f "$1")" | sha256sum | cut -c1-32)
	export LINT_CACHE VMHA_BUILD
	export LINT_NAME=$name LINT_KEY=$key
	local file pids=() status=0 half
	mapfile -t LINT_C < <(lint_files '*.c')
	for half in 0 1; do
		(
			bad=0 i=0
			for file in "${LINT_C[@]}"; do
				((i++ % 2 == half)) || continue
				stamp=$LINT_CACHE/$name-$(printf '%s %s %s' "$file" "$key" "$(lint_sum "$file")" | sha256sum | cut -c1-40)
				if [[ -e $stamp ]]; then
					touch "$stamp"
				elif "$@" "$file"; then
					touch "$stamp"
				else
					bad=1
				fi
			done
			exit $bad
		) &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || status=1
	done
	find "$LINT_CACHE" -name "$name-*" -mtime +14 -delete
	((!status)) || LINT_BAD=1
}
