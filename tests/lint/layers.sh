#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmha-test: timeout=120
# Layers point down only: base <- core <- port <- role <- agents, cli, fence (DESIGN.md, section 7).
source "$(dirname "$0")/lint.sh"

FOREIGN='^(libvirt|libxml|jansson|sanlock|fuse|glib|gio|qb|corosync|crm|pacemaker|libdlm|blkid|systemd|netlink)'

# may FILE'S-ROOM INCLUDED: true when the first may use the second
may() {
	case $1:$2 in
	lib/base:lib/base/*) ;;
	lib/core:lib/base/* | lib/core:lib/core/*) ;;
	lib/port:lib/base/* | lib/port:lib/core/* | lib/port:lib/port/*) ;;
	lib/role:lib/*) ;;
	resource-agent:lib/* | csv:lib/* | cli:lib/* | clusterd:lib/* | fence:lib/*) ;;
	resource-agent:resource-agent/* | csv:csv/* | cli:cli/* | clusterd:clusterd/* | fence:fence/*) ;;
	lab:lab/* | lab:lib/base/*) ;;
	tests*:*) ;;
	*) return 1 ;;
	esac
}

while IFS= read -r file; do
	room=${file%%/*}
	[[ $room != lib ]] || room=lib/$(cut -d/ -f2 <<<"$file")
	families=''
	while IFS= read -r line; do
		[[ $line =~ [\<\"]([^\>\"]+) ]] || continue
		name=${BASH_REMATCH[1]}
		if [[ $line == *\"* ]]; then
			# beside the file that includes it
			[[ ! -e ${file%/*}/$name ]] || name=$(realpath --relative-to=. "${file%/*}/$name")
			may "$room" "$name" || lint_bad "$file: $room must not include $name"
		elif [[ $name =~ $FOREIGN ]]; then
			families+=" ${BASH_REMATCH[1]}"
		elif [[ $room == lib/core ]]; then
			case $name in
			assert.h | ctype.h | errno.h | inttypes.h | limits.h | stdarg.h | stdbool.h | stddef.h | stdint.h | stdio.h | stdlib.h | string.h) ;;
			*) lint_bad "$file: lib/core is pure and must not include <$name>" ;;
			esac
		fi
	done < <(grep -E '^#[[:blank:]]*include' "$file")
	count=0
	[[ -z $families ]] || count=$(tr ' ' '\n' <<<"$families" | sed '/^$/d' | sort -u | wc -l)
	case $room in
	lib/port) ((count <= 1)) || lint_bad "$file: more than one foreign library:$families" ;;
	lib/*) ((!count)) || lint_bad "$file: $room must not know a foreign library:$families" ;;
	clusterd) # its loop and its messages; everything else behind a port
		foreign=$(tr ' ' '\n' <<<"$families" | sed -E '/^(glib|gio|jansson)?$/d' | sort -u | tr '\n' ' ')
		[[ -z $foreign ]] || lint_bad "$file: speak with $foreign through lib/port"
		;;
	resource-agent | csv | fence) ((!count)) || lint_bad "$file: speak with$families through lib/port" ;;
	esac
done < <(lint_files '*.c' '*.h')

# What the objects really call.
CORE_MAY='^(vmha_(addr|str|err|evidence|record|fnv64|place|span)[a-z0-9_]*|vmha_mono_(add|diff)|mem[a-z]*|str[a-z0-9]*|__?(sn|vsn|as|vas)printf_chk|v?(sn|as)printf|__(mem|str)[a-z]*_chk|__isoc99_sscanf|__isoc23_[a-z]*|sscanf|strtok_r|calloc|realloc|free|qsort|bsearch|abs|__ctype_[a-z_]*|__errno_location|__stack_chk_fail|__assert_fail|tolower|toupper|_GLOBAL_OFFSET_TABLE_)$'
own=$(nm --defined-only "$VMHA_BUILD/lib/libcore.a" | awk 'NF == 3 && $2 ~ /[A-Z]/ { print $3 }' | sort -u)
called=$(nm -u "$VMHA_BUILD/lib/libcore.a" | awk '$1 == "U" { print $2 }' | sort -u | comm -23 - <(printf '%s\n' "$own") |
	grep -vE "$CORE_MAY" || true)
[[ -z $called ]] || lint_bad "lib/core is pure and must not call:" "${called//$'\n'/ }"
for room in base role; do
	called=$(nm -u "$VMHA_BUILD/lib/lib$room.a" | awk '$1 == "U" { print $2 }' | sort -u | grep -E '^(vir[A-Z]|sanlock_|xml[A-Z]|json_|fuse_|g_)' || true)
	[[ -z $called ]] || lint_bad "lib/$room must not call:" "${called//$'\n'/ }"
done

# The monitor that Pacemaker forks is thin: libc, sanlock's client and libqb (clusterd) only.
needs() {
	readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE '^(libc\.so|ld-linux|lib(a|ub|t)san\.so)' || true
}
agent=$VMHA_BUILD/stage/usr/lib/ocf/resource.d/vmha/vm
if [[ -e $agent ]]; then
	bad=$(needs "$agent" | grep -vE '^lib(sanlock_client|qb)\.so' || true)
	[[ -z $bad ]] || lint_bad "ocf:vmha:vm links" "${bad//$'\n'/ }" "; it may link libc, libsanlock_client and libqb only"
fi
lint_end
