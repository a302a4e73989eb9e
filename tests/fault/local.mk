# SPDX-License-Identifier: GPL-2.0-or-later
# Tests of daemons and faults in labs, run by tests/run; and the witness they rely on.
check_PROGRAMS += tests/fault/witness
tests_fault_witness_SOURCES = tests/fault/witness.c \
	tests/fault/judge.c tests/fault/judge.h \
	tests/fault/ondisk.c tests/fault/ondisk.h lab/guest/seqrec.h
tests_fault_witness_LDADD = lib/libbase.a

tests_unit_test_judge_SOURCES = tests/unit/test-judge.c tests/fault/judge.c tests/fault/judge.h
tests_unit_test_judge_LDADD = tests/unit/libunit.a lib/libbase.a

EXTRA_DIST += tests/README.md tests/lib.sh tests/sanitizers.sh tests/witness.sh lab/demo-story \
	tests/daemon/monitor-cost.sh tests/daemon/ocf-tester.sh tests/daemon/roles.sh \
	tests/daemon/volume.sh tests/daemon/volume-latency.sh tests/daemon/volume-owner.sh \
	tests/fault/cancel.sh tests/fault/clusterd-kill.sh tests/fault/migration-network.sh \
	tests/fault/settle.sh tests/stall-lib.sh \
	tests/fault/double-start.sh tests/fault/libvirtd-lost.sh tests/fault/migration-fault.sh \
	tests/fault/quick-fault.sh tests/fault/random-power-off.sh tests/fault/switchover-fault.sh \
	tests/fault/volume-crash.sh tests/fault/volume-full.sh tests/fault/witness-self.sh
