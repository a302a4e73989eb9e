/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What follows from a volume's io_timeout, in words, and what its storage does. */
#include <jansson.h>
#include <stdio.h>

#include "cli/volume.h"

json_t *vmha_volume_times_json(const struct vmha_volume_record *rec)
{
	struct vmha_lease_times t = vmha_lease_times((unsigned int)rec->io_timeout_s);

	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "renewal_s",
			 (int)t.renewal_s, "renewal_late_s", (int)t.late_s, "renewal_warn_s",
			 (int)t.warn_s, "renewal_fail_s", (int)t.fail_s, "kill_s", (int)t.kill_s,
			 "watchdog_s", (int)t.watchdog_s, "host_dead_s", (int)t.host_dead_s,
			 "join_s", (int)t.join_s, "join_max_s", (int)t.join_max_s);
}

json_t *vmha_volume_latency_json(const struct vmha_volume_record *rec)
{
	return rec->latency_count ? json_pack("{s:I, s:I, s:I, s:I}", "renewals",
					      (json_int_t)rec->latency_count, "p50_us",
					      (json_int_t)rec->latency_p50_us, "p99_us",
					      (json_int_t)rec->latency_p99_us, "max_us",
					      (json_int_t)rec->latency_max_us)
				  : json_null();
}

static void row(const char *what, const char *rule, unsigned int s, const char *words)
{
	(void)printf("  %-24s %-14s = %4u s  %s\n", what, rule, s, words);
}

static void measured_print(const struct vmha_volume_record *rec)
{
	const struct vmha_latency l = { rec->latency_count, rec->latency_p50_us,
					rec->latency_p99_us, rec->latency_max_us };
	struct vmha_io_choice c;
	char text[300];

	if (!l.count) {
		(void)printf("  io_timeout was not chosen by measurement (vmha volume measure).\n");
		return;
	}
	c = vmha_io_timeout_choose(&l);
	(void)printf("  When it was made: %s.\n", vmha_latency_text(&l, text, sizeof(text)));
	(void)printf("  %s.\n", vmha_io_choice_text(&c, text, sizeof(text)));
}

void vmha_volume_times_print(const struct vmha_volume_record *rec)
{
	const struct vmha_lease_times t = vmha_lease_times((unsigned int)rec->io_timeout_s);
	struct vmha_renewal_record now;

	(void)printf("\nTimes that follow from io_timeout = %u s:\n", t.io_timeout_s);
	row("renewal", "2 x io", t.renewal_s, "how often each node renews");
	row("late", "8 x io / 3", t.late_s, "without a renewal: told in 'vmha events'");
	row("degraded", "6 x io", t.warn_s, "without a renewal: reported by the monitor");
	row("VMs of a node ended", "8 x io", t.fail_s, "after its last renewal");
	row("VMs of a node killed", "8 x io + 40", t.kill_s, "those that have not ended by then");
	row("reset by its watchdog", "8 x io + 60", t.watchdog_s,
	    "if one is armed and a VM could not be killed");
	row("takeover", "8 x io + 60", t.host_dead_s, "after a node's last renewal");
	row("join", "2 x io + 1", t.join_s, "of a free host id or this node's own");
	row("join", "14 x io + 60", t.join_max_s, "at most: another name has left the host id");
	(void)printf(
		"  A VM of a lost node starts elsewhere once that node is fenced and the "
		"takeover's time\n  is over, or at once where the fencing frees its leases.\n");
	measured_print(rec);
	if (vmha_volume_load(rec->name, VMHA_VOLUME_RENEWALS, &now, NULL) == 0) {
		(void)printf("  Now, on this node: the last renewal took %llu ms.\n",
			     (unsigned long long)now.last_ms);
	}
}
