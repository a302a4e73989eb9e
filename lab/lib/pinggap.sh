# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How long was a guest out of reach: a ping every 10 ms from the switch, and its largest gap.

pinggap_target() {
	case $1 in
	*[!0-9.]*) guest_address "$1" ;;
	*) printf '%s' "$1" ;;
	esac
}

pinggap_file() {
	printf '%s/ping-%s' "$LAB_RUN" "${1//[^A-Za-z0-9._-]/_}"
}

pinggap_start() {
	local address file
	address=$(pinggap_target "$1") || exit 1
	file=$(pinggap_file "$1")
	[[ ! -e $file.pid ]] || die "a ping of '$1' is running already"
	# shellcheck disable=SC2016  # for the inner shell
	(cgroup_run host nsenter --net="/run/netns/$LAB_SWITCH" -- sh -c \
		'echo $$ >"$1.pid"; exec setsid stdbuf -oL ping -n -D -O -i 0.01 -W 1 "$2" >"$1.log" 2>&1' \
		sh "$file" "$address" </dev/null) &
	wait_for 5 test -s "$file.log" || die "ping of $address did not start"
}

# replies=N lost=N max_gap_ms=N at=SECONDS (of the clock, when the largest gap began)
pinggap_report() {
	awk '
		{ t = substr($1, 2, length($1) - 2) + 0 }
		!begin && t { begin = t }
		/time=/ {
			if (prev && t - prev > max) { max = t - prev; at = prev }
			if (!prev && t - begin > max) { max = t - begin; at = begin }
			prev = t; n++
			split($0, f, "icmp_seq="); seq = f[2] + 0
			if (!first) first = seq
			last = seq
		}
		t { end = t }
		END {
			if (!n) { printf "replies=0 lost=all max_gap_ms=%d at=%.3f\n", (end - begin) * 1000, begin; exit 1 }
			if (end - prev > max) { max = end - prev; at = prev }
			printf "replies=%d lost=%d max_gap_ms=%d at=%.3f\n", n, last - first + 1 - n, max * 1000 + 0.5, at
		}' "$1"
}

pinggap_stop() {
	local file pid
	file=$(pinggap_file "$1")
	[[ -s $file.pid ]] || die "no ping of '$1' is running"
	pid=$(<"$file.pid")
	if grep -qx "$pid" "$LAB_CGROUP/host/cgroup.procs"; then
		kill -INT "$pid" || true
		wait_for 3 sh -c "! kill -0 $pid" || true
	fi
	rm -f "$file.pid"
	pinggap_report "$file.log"
}

# Waits until the target answers; prints how long it took.
pinggap_wait() {
	local address begin
	address=$(pinggap_target "$1") || exit 1
	begin=$(now_ms)
	until in_switch ping -n -c 1 -W 0.2 "$address" >/dev/null 2>&1; do
		(($(now_ms) - begin < $2 * 1000)) || die "$address does not answer after $2 s"
		sleep 0.02
	done
	say "answers_after_ms=$(($(now_ms) - begin))"
}

verb_ping-gap() {
	(($# >= 2)) || usage_error "ping-gap needs start, stop, report or wait, and a guest or address"
	lab_require
	case $1:$# in
	start:2) pinggap_start "$2" ;;
	stop:2) pinggap_stop "$2" ;;
	report:2) pinggap_report "$(pinggap_file "$2").log" ;;
	wait:2) pinggap_wait "$2" 60 ;;
	wait:3)
		[[ $3 =~ ^[0-9]+$ ]] || usage_error "bad time '$3': seconds"
		pinggap_wait "$2" "$3"
		;;
	*) usage_error "ping-gap: start, stop or report GUEST, or wait GUEST [SECONDS]" ;;
	esac
}
