/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "lib/core/guest.h"
#include "tests/unit/unit.h"

static void words(void)
{
	int i;

	for (i = VMHA_GUEST_UNKNOWN; i <= VMHA_GUEST_GONE; i++) {
		enum vmha_guest_state state = (enum vmha_guest_state)i;

		CHECK_INT(vmha_guest_state_parse(vmha_guest_state_name(state)), state);
		CHECK(*vmha_guest_state_text(state));
	}
	for (i = VMHA_END_UNKNOWN; i <= VMHA_END_SAVED; i++) {
		enum vmha_guest_end end = (enum vmha_guest_end)i;

		CHECK_INT(vmha_guest_end_parse(vmha_guest_end_name(end)), end);
		CHECK(*vmha_guest_end_text(end));
	}
	CHECK_INT(vmha_guest_state_parse("nonsense"), VMHA_GUEST_UNKNOWN);
	CHECK_INT(vmha_guest_state_parse(NULL), VMHA_GUEST_UNKNOWN);
	CHECK_INT(vmha_guest_end_parse(""), VMHA_END_UNKNOWN);
	CHECK_INT(vmha_guest_end_parse(NULL), VMHA_END_UNKNOWN);
}

/* Only a guest that runs, or that chose to sleep, may be called well. */
static void well(void)
{
	int i;

	for (i = VMHA_GUEST_UNKNOWN; i <= VMHA_GUEST_GONE; i++) {
		CHECK_INT(vmha_guest_is_well((enum vmha_guest_state)i),
			  i == VMHA_GUEST_RUNNING || i == VMHA_GUEST_SUSPENDED);
		CHECK_INT(vmha_guest_is_stuck((enum vmha_guest_state)i),
			  i == VMHA_GUEST_IOERROR || i == VMHA_GUEST_WATCHDOG ||
				  i == VMHA_GUEST_PANICKED);
	}
}

static void ends(void)
{
	int i;

	/* whatever libvirt calls the end of a QEMU that runs: only the guest itself can shut down
	 */
	for (i = VMHA_END_UNKNOWN; i <= VMHA_END_SAVED; i++) {
		enum vmha_guest_end told = (enum vmha_guest_end)i;

		CHECK_INT(vmha_guest_end_judge(VMHA_GUEST_OFF, told), VMHA_END_SHUTDOWN);
		CHECK_INT(vmha_guest_end_judge(VMHA_GUEST_PANICKED, told), VMHA_END_PANIC);
		CHECK(vmha_guest_end_judge(VMHA_GUEST_RUNNING, told) != VMHA_END_SHUTDOWN);
		CHECK(vmha_guest_end_judge(VMHA_GUEST_UNKNOWN, told) != VMHA_END_UNKNOWN);
	}
	CHECK_INT(vmha_guest_end_judge(VMHA_GUEST_RUNNING, VMHA_END_DESTROYED), VMHA_END_DESTROYED);
	CHECK_INT(vmha_guest_end_judge(VMHA_GUEST_IOERROR, VMHA_END_UNKNOWN), VMHA_END_CRASH);
}

static void policy(void)
{
	vmha_autoerr struct vmha_err *err = NULL;
	struct vmha_guest_policy p;

	vmha_guest_policy_default(&p);
	CHECK_INT(p.on_guest_shutdown, VMHA_WISH_RESTART);
	CHECK_INT(p.on_io_error, VMHA_WISH_KEEP);
	CHECK_INT(p.on_panic, VMHA_WISH_RESTART);
	CHECK_INT(p.on_watchdog, VMHA_WISH_RESTART);
	CHECK_INT(vmha_guest_policy_set(&p, "on_guest_shutdown", "stop", &err), 0);
	CHECK_INT(vmha_guest_policy_set(&p, "on_io_error", "restart", &err), 0);
	CHECK_INT(vmha_guest_policy_set(&p, "on_panic", "keep", &err), 0);
	CHECK_INT(p.on_guest_shutdown, VMHA_WISH_STOP);
	CHECK_INT(p.on_io_error, VMHA_WISH_RESTART);
	CHECK_INT(p.on_panic, VMHA_WISH_KEEP);
	CHECK_INT(vmha_guest_policy_set(&p, "on_panic", "", &err), 0);
	CHECK_INT(p.on_panic, VMHA_WISH_RESTART);
	CHECK_INT(vmha_guest_policy_set(&p, "graceful_s", "1", NULL), -ENOENT);
	CHECK_INT(vmha_guest_policy_set(&p, "on_panic", "stop", &err), -EINVAL);
	CHECK_HAS(vmha_err_text(err), "restart or keep, not 'stop'");
	CHECK_INT(vmha_guest_policy_set(&p, "on_guest_shutdown", "keep", NULL), -EINVAL);
	CHECK_INT(p.on_guest_shutdown, VMHA_WISH_STOP);
}

static void wishes(void)
{
	struct vmha_guest_policy p;
	int i;

	vmha_guest_policy_default(&p);
	p.on_guest_shutdown = VMHA_WISH_STOP;
	p.on_panic = VMHA_WISH_KEEP;
	for (i = VMHA_END_UNKNOWN; i <= VMHA_END_SAVED; i++) {
		CHECK_INT(vmha_guest_wish_ended(&p, (enum vmha_guest_end)i),
			  i == VMHA_END_SHUTDOWN ? VMHA_WISH_STOP : VMHA_WISH_RESTART);
	}
	p.on_panic = VMHA_WISH_RESTART;
	p.on_io_error = VMHA_WISH_RESTART;
	for (i = VMHA_GUEST_UNKNOWN; i <= VMHA_GUEST_GONE; i++) {
		CHECK_INT(vmha_guest_wish_still(&p, (enum vmha_guest_state)i),
			  i == VMHA_GUEST_IOERROR || i == VMHA_GUEST_PANICKED ||
					  i == VMHA_GUEST_WATCHDOG
				  ? VMHA_WISH_RESTART
				  : VMHA_WISH_KEEP);
	}
}

static const struct unit_test tests[] = {
	UNIT_TEST(words), UNIT_TEST(well), UNIT_TEST(ends), UNIT_TEST(policy), UNIT_TEST(wishes),
};

UNIT_MAIN(tests)
