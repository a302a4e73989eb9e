/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "lib/base/str.h"
#include "lib/core/evidence.h"
#include "tests/unit/unit.h"

/* Calls @check for every combination of witnesses. */
static void each(void (*check)(const struct vmha_witnesses *w, struct vmha_verdict v))
{
	int p;
	int l;
	int d;

	for (p = VMHA_PROCESS_UNASKED; p <= VMHA_PROCESS_SEVERAL; p++) {
		for (l = VMHA_LEASE_UNASKED; l <= VMHA_LEASE_NO_PID; l++) {
			for (d = VMHA_VIRT_UNASKED; d <= VMHA_VIRT_SHUTOFF; d++) {
				struct vmha_witnesses w = {
					.process = (enum vmha_process_witness)p,
					.lease = (enum vmha_lease_witness)l,
					.virt = (enum vmha_virt_witness)d,
				};

				check(&w, vmha_evidence_judge(&w));
			}
		}
	}
}

static bool says_guest(enum vmha_virt_witness virt)
{
	return virt >= VMHA_VIRT_RUNNING && virt <= VMHA_VIRT_PAUSED_OTHER;
}

static void check_laws(const struct vmha_witnesses *w, struct vmha_verdict v)
{
	/* "not running" is a claim that lets another node start it: only /proc read to its end will
	 * do, and nobody may say otherwise */
	if (v.place == VMHA_PLACE_NOT_RUNNING) {
		CHECK(w->process == VMHA_PROCESS_NONE);
		CHECK(w->lease != VMHA_LEASE_HELD);
		CHECK(!says_guest(w->virt));
	}
	/* a process that lives is here, even when libvirt denies it or is dead */
	if (w->process == VMHA_PROCESS_ALIVE) {
		CHECK_INT(v.place, VMHA_PLACE_RUNNING);
	}
	if (w->process == VMHA_PROCESS_SEVERAL) {
		CHECK_INT(v.place, VMHA_PLACE_UNKNOWN);
	}
	if (v.healthy) {
		CHECK_INT(v.place, VMHA_PLACE_RUNNING);
		CHECK_INT(w->lease, VMHA_LEASE_HELD);
	}
	CHECK(v.healthy + v.lease_missing + v.unprotected <= 1);
	CHECK(v.place == VMHA_PLACE_RUNNING || !(v.healthy || v.lease_missing || v.unprotected));
	/* nobody would kill it when its lease expires */
	if (w->process == VMHA_PROCESS_ALIVE && w->lease == VMHA_LEASE_NOT_REGISTERED) {
		CHECK(v.unprotected);
	}
}

static void laws_hold_for_every_combination(void)
{
	each(check_laws);
}

static void libvirtd_silent_changes_nothing(void)
{
	struct vmha_witnesses w = { VMHA_PROCESS_ALIVE, VMHA_LEASE_HELD, VMHA_VIRT_SILENT };

	CHECK(vmha_evidence_judge(&w).healthy);
	w.virt = VMHA_VIRT_UNASKED; /* the thin monitor does not ask */
	CHECK(vmha_evidence_judge(&w).healthy);
	w = (struct vmha_witnesses){ VMHA_PROCESS_NONE, VMHA_LEASE_NO_PID, VMHA_VIRT_SILENT };
	CHECK_INT(vmha_evidence_judge(&w).place, VMHA_PLACE_NOT_RUNNING);
}

static void io_error_is_here_and_not_healthy(void)
{
	struct vmha_witnesses w = { VMHA_PROCESS_ALIVE, VMHA_LEASE_REGISTERED,
				    VMHA_VIRT_PAUSED_IOERROR };
	struct vmha_verdict v = vmha_evidence_judge(&w);

	CHECK_INT(v.place, VMHA_PLACE_RUNNING);
	CHECK(!v.healthy && !v.lease_missing && !v.unprotected);
}

static void running_without_lease_calls_the_rule(void)
{
	struct vmha_witnesses w = { VMHA_PROCESS_ALIVE, VMHA_LEASE_REGISTERED, VMHA_VIRT_RUNNING };

	CHECK(vmha_evidence_judge(&w).lease_missing);
	w.virt = VMHA_VIRT_SILENT; /* it may run: protection first */
	CHECK(vmha_evidence_judge(&w).lease_missing);
}

static void check_described(const struct vmha_witnesses *w, struct vmha_verdict v)
{
	vmha_autostr struct vmha_str s = { 0 };

	(void)v;
	CHECK_INT(vmha_evidence_describe(w, &s), 0);
	CHECK_HAS(s.text, "process=");
	CHECK_HAS(s.text, " lease=");
	CHECK_HAS(s.text, " libvirt=");
}

static void every_witness_has_a_name(void)
{
	each(check_described);
	CHECK_STR(vmha_place_name(VMHA_PLACE_UNKNOWN), "UNKNOWN");
	CHECK_STR(vmha_place_name(VMHA_PLACE_RUNNING), "RUNNING");
	CHECK_STR(vmha_place_name(VMHA_PLACE_NOT_RUNNING), "NOT_RUNNING");
}

static const struct unit_test tests[] = {
	UNIT_TEST(laws_hold_for_every_combination),
	UNIT_TEST(libvirtd_silent_changes_nothing),
	UNIT_TEST(io_error_is_here_and_not_healthy),
	UNIT_TEST(running_without_lease_calls_the_rule),
	UNIT_TEST(every_witness_has_a_name),
};

UNIT_MAIN(tests)
