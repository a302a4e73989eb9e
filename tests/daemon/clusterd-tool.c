/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests of clusterd do to it.
 *   call JSON           one request, prints the answer
 *   flood COUNT JSON    so many requests at once over one connection, prints how they were answered
 *   crowd COUNT         so many connections, prints how many there are; keeps them until its input
 * ends ipc COUNT SEED      garbage over IPC, some of it nearly right group COUNT SEED    garbage
 * into the process group, some of it nearly right
 */
#include <arpa/inet.h>
#include <corosync/cpg.h>
#include <errno.h>
#include <qb/qbipcc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/port/ipc_client.h"
#include "lib/port/ipc_wire.h"

#define BODY_MAX (600 * 1024)

struct random {
	unsigned long long state;
};

static unsigned int next(struct random *r, unsigned int below)
{
	r->state = r->state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned int)((r->state >> 33) % below);
}

static const char *const words[] = {
	"{\"v\":1,\"op\":\"hello\"}",
	"{\"v\":1,\"op\":\"state\"}",
	"{\"v\":1,\"op\":\"subscribe\"}",
	"{\"v\":1,\"op\":\"migrate\",\"vm\":7}",
	"{\"v\":1,\"op\":\"migrate\",\"vm\":\"\\u0000\"}",
	"{\"v\":1,\"op\":\"cancel\",\"id\":-1}",
	"{\"v\":1,\"op\":\"cancel\",\"id\":99999999999999999999}",
	"{\"v\":1,\"op\":\"move-begin\",\"vm\":{},\"from\":[],\"to\":null}",
	"{\"v\":1,\"op\":\"move-report\",\"id\":\"x\",\"state\":\"COPYING\"}",
	"{\"v\":1,\"op\":\"move-end\",\"id\":1,\"result\":\"MAYBE\"}",
	"{\"v\":1,\"op\":\"move-network\"}",
	"{\"v\":1,\"op\":\"action-begin\",\"vm\":\"../../x\"}",
	"{\"v\":1,\"op\":\"monitor\",\"vm\":\"x\",\"pid\":1e300}",
	"{\"v\":1,\"op\":\"drain\",\"node\":true}",
	"{\"v\":1,\"op\":\"resume\",\"node\":\"node99\",\"failback\":3}",
	"{\"v\":1,\"op\":\"journal\",\"kind\":[[]],\"text\":\"\\n\\n\"}",
	"{\"v\":1,\"op\":\"precheck\"}",
	"{\"v\":2,\"op\":\"hello\"}",
	"{\"v\":\"1\",\"op\":1}",
	"{\"v\":1,\"op\":\"no such thing\"}",
	"{\"op\":\"hello\"}",
	"[]",
	"{",
	"",
	"null",
	"{\"v\":1,\"v\":1,\"op\":\"hello\"}",
	"{\"v\":1,\"t\":\"ENQUEUE\",\"from\":1}",
	"{\"v\":1,\"t\":\"QUORUM\",\"from\":1,\"quorum\":{\"ring_seq\":-5,\"hosts\":[0]}}",
	"{\"v\":1,\"t\":\"HELLO\",\"from\":3,\"hello\":{}}",
	"{\"v\":7,\"t\":\"FUTURE\"}",
	"{\"v\":1,\"view\":\"0000000000000000\",\"live\":true,\"quorate_ring\":99999,\"seq\":1}",
	"{\"view\":\"0000000000000000\",\"node\":1,\"pid\":1}",
	"{\"view\":7}",
};
#define WORDS (sizeof(words) / sizeof(words[0]))

/* Without its end: a body is bytes. */
static void body_set(char *body, const char *word, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		body[i] = word[i];
	}
}

/* A body: a word, a word with bytes changed, noise, or deep nesting. @return its length */
static size_t body_make(struct random *r, char *body, size_t max)
{
	const char *word = words[next(r, WORDS)];
	size_t len = strlen(word);
	size_t i;

	switch (next(r, 5)) {
	case 0:
		body_set(body, word, len);
		return len;
	case 1:
		body_set(body, word, len);
		for (i = next(r, 4); len && i > 0; i--) {
			body[next(r, (unsigned int)len)] = (char)next(r, 256);
		}
		return len;
	case 2:
		len = next(r, 2000);
		break;
	case 3:
		len = next(r, (unsigned int)max);
		(void)memset(body, next(r, 2) ? '[' : '{', len);
		return len;
	default:
		len = next(r, 8) ? next(r, 64) : max;
	}
	for (i = 0; i < len; i++) {
		body[i] = (char)next(r, 256);
	}
	return len;
}

/* --- IPC ------------------------------------------------------------------------------------ */

static void ipc_burst(struct random *r, qb_ipcc_connection_t *qb, char *body, unsigned int *count)
{
	char answer[VMHA_IPC_MAX_BYTES];
	struct qb_ipc_request_header head = { 0 };
	struct iovec iov[2] = { { &head, sizeof(head) }, { body, 0 } };
	unsigned int left = 1 + next(r, 40);

	while (left-- && *count) {
		iov[1].iov_len = body_make(r, body, VMHA_IPC_MAX_BYTES - sizeof(head));
		head.id = next(r, 20) ? (int)next(r, 1000) : (int)(next(r, 1U << 31) - 5);
		head.size = (int)(sizeof(head) + iov[1].iov_len);
		if (!next(r, 10)) { /* a lie */
			head.size = (int)(next(r, 3) ? next(r, 1U << 31) : -1U * next(r, 1U << 31));
		}
		(*count)--;
		if (qb_ipcc_sendv(qb, iov, 2) < 0) {
			return;
		}
		if (next(r, 2)) {
			(void)qb_ipcc_recv(qb, answer, sizeof(answer), 20);
		}
	}
}

static int ipc_fuzz(unsigned int count, struct random *r)
{
	char *body = calloc(1, BODY_MAX);
	qb_ipcc_connection_t *qb;
	unsigned int refused = 0;

	while (body && count) {
		/* mostly what a client should ask for, else too much or nothing */
		qb = qb_ipcc_connect(VMHA_IPC_SERVICE,
				     next(r, 10) ? VMHA_IPC_MAX_BYTES : next(r, 64U << 20));
		if (!qb) {
			count--;
			if (++refused > 1000) {
				(void)fprintf(stderr, "refused 1000 times\n");
				free(body);
				return 1;
			}
			continue;
		}
		ipc_burst(r, qb, body, &count);
		qb_ipcc_disconnect(qb); /* often with answers still under way */
	}
	free(body);
	return 0;
}

/* --- the group ------------------------------------------------------------------------------ */

struct wire {
	char magic[4];
	uint16_t version;
	uint16_t kind;
	uint64_t epoch;
	uint64_t number;
	uint32_t part;
	uint32_t parts;
};

static void deliver(cpg_handle_t h, const struct cpg_name *g, uint32_t n, uint32_t p, void *d,
		    size_t l)
{
	(void)h, (void)g, (void)n, (void)p, (void)d, (void)l;
}

static void confchg(cpg_handle_t h, const struct cpg_name *g, const struct cpg_address *m,
		    size_t mc, const struct cpg_address *l, size_t lc, const struct cpg_address *j,
		    size_t jc)
{
	(void)h, (void)g, (void)m, (void)mc, (void)l, (void)lc, (void)j, (void)jc;
}

static void head_make(struct random *r, struct wire *head)
{
	*head = (struct wire){ .magic = "VMHA", .version = htons(1), .parts = htonl(1) };
	head->kind = htons((uint16_t)next(r, 6));
	if (!next(r, 4)) {
		head->version = (uint16_t)next(r, 65536);
	}
	if (!next(r, 4)) {
		head->part = next(r, 1U << 31);
		head->parts = next(r, 1U << 31);
	}
	if (!next(r, 8)) {
		(void)memcpy(head->magic, "vmha", 4);
	}
}

static int group_fuzz(unsigned int count, struct random *r)
{
	cpg_callbacks_t callbacks = { .cpg_deliver_fn = deliver, .cpg_confchg_fn = confchg };
	struct cpg_name name = { .length = 4, .value = "vmha" };
	char *body = calloc(1, BODY_MAX);
	struct iovec iov[2] = { { NULL, sizeof(struct wire) }, { body, 0 } };
	struct wire head;
	cpg_handle_t cpg;
	cs_error_t cs;

	if (!body || cpg_initialize(&cpg, &callbacks) != CS_OK || cpg_join(cpg, &name) != CS_OK) {
		(void)fprintf(stderr, "cannot join the group\n");
		free(body);
		return 1;
	}
	iov[0].iov_base = &head;
	while (count--) {
		head_make(r, &head);
		iov[0].iov_len = next(r, 16) ? sizeof(head) : next(r, sizeof(head));
		iov[1].iov_len = body_make(r, body, next(r, 20) ? 4096 : BODY_MAX);
		do {
			cs = cpg_mcast_joined(cpg, CPG_TYPE_AGREED, iov, 2);
			(void)cpg_dispatch(cpg, CS_DISPATCH_ALL);
			if (cs == CS_ERR_TRY_AGAIN) {
				(void)usleep(2000);
			}
		} while (cs == CS_ERR_TRY_AGAIN);
	}
	(void)cpg_finalize(cpg);
	free(body);
	return 0;
}

/* --- too much ------------------------------------------------------------------------------- */

static int flood(unsigned int count, char *body)
{
	char answer[VMHA_IPC_MAX_BYTES];
	qb_ipcc_connection_t *qb = qb_ipcc_connect(VMHA_IPC_SERVICE, VMHA_IPC_MAX_BYTES);
	struct qb_ipc_request_header head = { 0 };
	struct iovec iov[2] = { { &head, sizeof(head) }, { body, strlen(body) } };
	unsigned int busy = 0;
	unsigned int i;
	ssize_t n = 0;

	head.size = (int)(sizeof(head) + strlen(body));
	for (i = 0; qb && i < count; i++) {
		head.id = (int)i + 1;
		do {
			n = qb_ipcc_sendv(qb, iov, 2);
		} while (n == -EAGAIN && usleep(1000) == 0);
	}
	for (i = 0; qb && i < count; i++) {
		n = qb_ipcc_recv(qb, answer, sizeof(answer) - 1, 15000);
		if (n < (ssize_t)sizeof(struct qb_ipc_response_header)) {
			break;
		}
		answer[n] = '\0';
		busy += strstr(answer + sizeof(struct qb_ipc_response_header),
			       "too many requests") != NULL;
	}
	if (qb) {
		qb_ipcc_disconnect(qb);
	}
	(void)printf("answered %u, refused %u\n", i, busy);
	return 0;
}

static int crowd(unsigned int count)
{
	qb_ipcc_connection_t **all = calloc(count, sizeof(qb_ipcc_connection_t *));
	unsigned int connected = 0;
	unsigned int i;

	for (i = 0; all && i < count; i++) {
		all[i] = qb_ipcc_connect(VMHA_IPC_SERVICE, VMHA_IPC_MAX_BYTES);
		connected += all[i] != NULL;
	}
	(void)printf("connected %u\n", connected);
	(void)fflush(stdout);
	while (getchar() != EOF) {
	}
	for (i = 0; all && i < count; i++) {
		if (all[i]) {
			qb_ipcc_disconnect(all[i]);
		}
	}
	free(all);
	return 0;
}

static int call(const char *request)
{
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autofree char *reply = NULL;
	struct vmha_ipc *ipc = NULL;
	int r = vmha_ipc_open(&ipc, VMHA_SPAN_S(5), &err);

	r = r < 0 ? r : vmha_ipc_call(ipc, request, VMHA_SPAN_S(15), &reply, &err);
	vmha_ipc_close(ipc);
	if (r < 0) {
		(void)fprintf(stderr, "%s: %s\n", strerror(-r), vmha_err_text(err));
		return 1;
	}
	(void)puts(reply);
	return 0;
}

int main(int argc, char **argv)
{
	struct random r = { .state = argc > 3 ? strtoull(argv[3], NULL, 10) : 1 };
	unsigned int count = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : 1;

	if (argc == 3 && strcmp(argv[1], "call") == 0) {
		return call(argv[2]);
	}
	if (argc == 4 && strcmp(argv[1], "flood") == 0) {
		return flood(count, argv[3]);
	}
	if (argc == 3 && strcmp(argv[1], "crowd") == 0) {
		return crowd(count);
	}
	if (argc == 4 && strcmp(argv[1], "ipc") == 0) {
		return ipc_fuzz(count, &r);
	}
	if (argc == 4 && strcmp(argv[1], "group") == 0) {
		return group_fuzz(count, &r);
	}
	(void)fprintf(
		stderr,
		"usage: clusterd-tool call JSON | flood COUNT JSON | crowd COUNT | ipc COUNT SEED "
		"| group COUNT SEED\n");
	return 2;
}
