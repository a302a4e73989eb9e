/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/connect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/port/virt.h"
#include "lib/role/link.h"

#define LIBVIRT_TLS_PORT 16514
#define PROBE_PATIENCE	 VMHA_SPAN_S(1)	    /* for a network, when another one answers */
#define PING_PATIENCE	 VMHA_SPAN_MS(1500) /* at least, for a network */
#define ALL_PATIENCE	 VMHA_SPAN_S(4)	    /* for all of them: a refusal comes within 5 s */
#define WORDS_SIZE	 64

void vmha_connect_begin(struct vmha_connect *c, const struct vmha_plan *plan)
{
	unsigned int i;

	*c = (struct vmha_connect){ .plan = plan };
	c->deadline = vmha_mono_add(vmha_mono_now(), ALL_PATIENCE);
	for (i = 0; i < plan->networks_count; i++) {
		c->probes[i] = (struct vmha_probe){
			.address = plan->networks[i].address,
			.local = plan->networks[i].local,
			.port = LIBVIRT_TLS_PORT,
			.result = -EINPROGRESS,
		};
	}
}

void vmha_connect_free(struct vmha_connect *c)
{
	vmha_str_free(&c->failures);
}

static void failure_add(struct vmha_connect *c, const struct vmha_plan_network *n, const char *why)
{
	(void)vmha_str_add(&c->failures, "%s%s (%s): %s", c->failures.len ? "; " : "", n->name,
			   n->address, why);
}

static int none_left(const struct vmha_connect *c, const char *from, const char *to,
		     struct vmha_err **err)
{
	const struct vmha_plan *plan = c->plan;

	if (!plan->networks_count) {
		return vmha_err_set(err, -ENETUNREACH,
				    "no migration network connects %s with %s%s%s", from, to,
				    *plan->excluded ? ": " : "", plan->excluded);
	}
	return vmha_err_set(err, -ENETUNREACH, "no migration network reaches %s from %s: %s%s%s",
			    to, from, c->failures.text ? c->failures.text : "out of memory",
			    *plan->excluded ? "; " : "", plan->excluded);
}

static void note(struct vmha_connect *c, struct vmha_moving *m, const struct vmha_plan_network *n,
		 const char *why)
{
	failure_add(c, n, why);
	vmha_log(VMHA_LOG_WARNING, "mig=%s network \"%s\" (%s) cannot be used: %s", m->rec.trace,
		 n->name, n->address, why);
	vmha_link_network(m->link, n->name, n->address, why);
}

static const char *probe_words(const struct vmha_probe *p, char text[WORDS_SIZE])
{
	switch (p->result) {
	case -ETIMEDOUT:
		(void)snprintf(text, WORDS_SIZE, "no answer within %lld s",
			       ((long long)p->waited_ms + 500) / 1000);
		return text;
	case -ECONNREFUSED:
		return "libvirtd does not listen there";
	case -EADDRNOTAVAIL:
		return "the way there leads over another network";
	default:
		return strerror(-p->result);
	}
}

void vmha_connect_failed(struct vmha_connect *c, struct vmha_moving *m, const char *why)
{
	if (c->tried > 0) {
		note(c, m, &c->plan->networks[c->tried - 1], why);
		c->probes[c->tried - 1].result = -EIO;
	}
	*m->network = '\0';
}

/* How long libvirtd may take to answer over this network, so that the later ones get their turn. */
static struct vmha_span ping_patience(const struct vmha_connect *c)
{
	struct vmha_span left = vmha_mono_diff(vmha_mono_now(), c->deadline);

	left.ns /= c->plan->networks_count - c->tried + 1;
	return left.ns > PING_PATIENCE.ns ? left : PING_PATIENCE;
}

/* One network whose address accepts connections: does libvirtd there speak with us? */
static int ping(const struct vmha_action *act, struct vmha_connect *c, struct vmha_moving *m,
		const struct vmha_plan_network *n)
{
	vmha_autoerr struct vmha_err *err = NULL;
	int r;

	memcpy(m->network, n->name, sizeof(m->network));
	(void)snprintf(m->rec.address, sizeof(m->rec.address), "%s", n->address);
	r = vmha_virt_ping(n->address, vmha_action_left(act, ping_patience(c)), &err);
	if (r < 0) {
		vmha_connect_failed(c, m, vmha_err_text(err));
	}
	return r;
}

static int ways_probe(const struct vmha_action *act, struct vmha_connect *c)
{
	struct vmha_span left = vmha_action_left(act, vmha_mono_diff(vmha_mono_now(), c->deadline));

	return vmha_probe_first(c->probes, c->plan->networks_count, PROBE_PATIENCE, left);
}

int vmha_connect_next(const struct vmha_action *act, struct vmha_connect *c, struct vmha_moving *m,
		      struct vmha_err **err)
{
	const struct vmha_plan *plan = c->plan;
	char words[WORDS_SIZE];

	while (c->tried < plan->networks_count && !vmha_mono_passed(c->deadline)) {
		const struct vmha_plan_network *n = &plan->networks[c->tried];
		const struct vmha_probe *p = &c->probes[c->tried];

		if (p->result == -EINPROGRESS) {
			(void)ways_probe(act, c);
		}
		c->tried++;
		if (p->result < 0) {
			note(c, m, n, probe_words(p, words));
		} else if (ping(act, c, m, n) == 0) {
			return 0;
		}
	}
	for (; c->tried < plan->networks_count; c->tried++) {
		note(c, m, &plan->networks[c->tried], "not tried: no time was left");
	}
	return none_left(c, m->rec.from, m->rec.to, err);
}

int vmha_connect_any(const struct vmha_action *act, const struct vmha_plan *plan, const char *node,
		     struct vmha_err **err)
{
	vmha_autoconnect struct vmha_connect c;
	char words[WORDS_SIZE];
	unsigned int i;

	vmha_connect_begin(&c, plan);
	if (ways_probe(act, &c) >= 0) {
		return 0;
	}
	for (i = 0; i < plan->networks_count; i++) {
		failure_add(&c, &plan->networks[i], probe_words(&c.probes[i], words));
	}
	return none_left(&c, act->node, node, err);
}
