# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A lab of a build with sanitizers: what any process of a node is caught at fails the test.
# Sourced by lib.sh.

# sanitizers: those of the build, as --with-sanitizers had them.
sanitizers() {
	sed -n 's/^SANITIZE_FLAGS = *-fsanitize=\([a-z,]*\).*/\1/p' "$BUILD/Makefile" 2>/dev/null
}

# limit_ms MS: the time a test allows; three times of it where a program with sanitizers takes so much
# longer to start and to run.
limit_ms() {
	local times=1
	[[ -z $(sanitizers) ]] || times=3
	printf '%s' $(($1 * times))
}

# Where every process of a node leaves its report: a directory that outlives the node's power.
SANITIZER_LOG=/var/tmp/vmha-sanitizer
SANITIZER_OPTIONS=log_path=$SANITIZER_LOG:log_exe_name=1:print_stacktrace=1

# sanitizer_env: options of `vmha-lab up`, none for a build without sanitizers.
sanitizer_env() {
	local name
	case $(sanitizers) in
	'') ;;
	thread) # GLib's own locks are not seen, so what it does under them looks like races
		printf -- '--env TSAN_OPTIONS=%s:ignore_noninstrumented_modules=1' "$SANITIZER_OPTIONS"
		;;
	*)
		for name in ASAN UBSAN; do
			printf -- '--env %s_OPTIONS=%s ' "$name" "$SANITIZER_OPTIONS"
		done
		;;
	esac
}

# sanitizer_check: prints what any process of the lab was caught at; fails if there is something.
sanitizer_check() {
	local node file found=0
	[[ -n $(sanitizers) ]] || return 0
	# leaks are told at the end of a process only
	for node in "${NODES[@]}"; do
		timeout 70 "$LAB_BIN" --name "$LAB" service "$node" stop clusterd >/dev/null 2>&1
	done
	for file in "$LAB_STATE"/node*"$SANITIZER_LOG".*; do
		[[ -s $file ]] || continue
		found=1
		printf 'FAIL: sanitizer: %s\n' "${file#"$LAB_STATE/"}"
		head -n 80 "$file"
	done
	return "$found"
}
