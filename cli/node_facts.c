/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/node_facts.h"

#include <ctype.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/base/addr.h"
#include "lib/base/cleanup.h"
#include "lib/base/conf.h"
#include "lib/base/file.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/port/netlink.h"

#define SMALL_MAX_BYTES	 4096
#define CONFIG_MAX_BYTES ((size_t)1024 * 1024)
#define ASK_SPAN	 VMHA_SPAN_S(5)
#define COROSYNC_CONF	 "/etc/corosync/corosync.conf"
#define DEBIAN_QEMU_USER "libvirt-qemu"

static void trim(char *text)
{
	size_t len = strlen(text);

	while (len && isspace((unsigned char)text[len - 1])) {
		text[--len] = '\0';
	}
}

/* Output of a program that may be absent or fail. @return NULL then */
static char *ask(const char *const argv[])
{
	vmha_autoresult struct vmha_proc_result res = { 0 };

	if (vmha_proc_run(argv, NULL, ASK_SPAN, &res, NULL) < 0 || res.status != 0) {
		return NULL;
	}
	trim(res.output);
	return vmha_steal_ptr(res.output);
}

static void name_gather(struct vmha_node_facts *facts)
{
	static const char *const argv[] = { "crm_node", "-n", NULL };
	vmha_autofree char *name = ask(argv);
	struct utsname host;

	if (name && vmha_str_is_name(name)) {
		(void)snprintf(facts->name, sizeof(facts->name), "%s", name);
	} else if (uname(&host) == 0) {
		(void)snprintf(facts->name, sizeof(facts->name), "%s", host.nodename);
	}
}

/* One line of corosync.conf inside `node { }`. */
static void nodelist_line(const char *line, const char *name, char *seen, uint64_t *seen_id)
{
	char key[32];
	char value[256];

	if (sscanf(line, " %31[a-z0-9_] : %255s", key, value) != 2) {
		return;
	}
	if (strcmp(key, "name") == 0) {
		*seen = strcmp(value, name) == 0;
	} else if (strcmp(key, "nodeid") == 0) {
		(void)vmha_str_u64(value, 1, UINT32_MAX, seen_id);
	}
}

/* nodeid of the node block with that name; 0: none */
static uint64_t nodeid_configured(const char *name)
{
	vmha_autofree char *text = NULL;
	uint64_t id = 0;
	char *save = NULL;
	char *line;
	char match = 0;

	if (vmha_file_read(COROSYNC_CONF, CONFIG_MAX_BYTES, &text, NULL, NULL) < 0) {
		return 0;
	}
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		line += strspn(line, " \t");
		if (strncmp(line, "node", 4) == 0 && line[4 + strspn(line + 4, " \t")] == '{') {
			match = 0;
			id = 0;
		} else if (*line == '}') {
			if (match && id) {
				return id;
			}
			match = 0;
		} else {
			nodelist_line(line, name, &match, &id);
		}
	}
	return 0;
}

static void nodeid_gather(struct vmha_node_facts *facts)
{
	static const char *const argv[] = { "corosync-cmapctl", "-g",
					    "runtime.votequorum.this_node_id", NULL };
	vmha_autofree char *out = ask(argv);
	const char *value = out ? strrchr(out, '=') : NULL;

	if (!value ||
	    vmha_str_u64(value + 1 + strspn(value + 1, " "), 1, UINT32_MAX, &facts->nodeid) < 0) {
		facts->nodeid = nodeid_configured(facts->name);
	}
}

bool vmha_node_uuid_valid(const char *uuid)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	bool differ = false;
	size_t i;

	if (strlen(uuid) != sizeof(form) - 1) {
		return false;
	}
	for (i = 0; form[i]; i++) {
		if (form[i] == '-' ? uuid[i] != '-' : !isxdigit((unsigned char)uuid[i])) {
			return false;
		}
		differ = differ || (form[i] == 'x' && uuid[i] != uuid[0]);
	}
	return differ;
}

static void dmi_gather(struct vmha_node_facts *facts)
{
	static const char bogus[] = "03000200-0400-0500-0006-000700080009"; /* boards without one */
	vmha_autofree char *text = NULL;

	if (vmha_file_read("/sys/class/dmi/id/product_uuid", SMALL_MAX_BYTES, &text, NULL, NULL) <
	    0) {
		return;
	}
	trim(text);
	if (vmha_node_uuid_valid(text) && strcasecmp(text, bogus) != 0) {
		(void)snprintf(facts->dmi_uuid, sizeof(facts->dmi_uuid), "%s", text);
	}
}

int vmha_node_facts_gather(struct vmha_node_facts *ret_facts, struct vmha_err **err)
{
	struct vmha_node_facts facts = { 0 };

	name_gather(&facts);
	if (!vmha_str_is_name(facts.name)) {
		return vmha_err_set(err, -EINVAL,
				    "the host name '%s' cannot be a node's name: up to 47 of "
				    "A-Z a-z 0-9 . _ -; set another one with hostnamectl",
				    facts.name);
	}
	nodeid_gather(&facts);
	dmi_gather(&facts);
	facts.systemd = access("/run/systemd/system", F_OK) == 0;
	*ret_facts = facts;
	return 0;
}

/* Text of an interface's address. @return false for one that other nodes cannot use */
static bool sockaddr_text(const struct sockaddr *sa, char *text)
{
	struct vmha_addr a = { 0 };
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (sa && sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		a.family = 4;
		memcpy(a.bytes, &in.sin_addr, 4);
	} else if (sa && sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		a.family = 6;
		memcpy(a.bytes, &in6.sin6_addr, 16);
	}
	vmha_addr_text(&a, text);
	return vmha_addr_is_global(&a);
}

static void cleanup_ifaddrs(struct ifaddrs **list)
{
	if (*list) {
		freeifaddrs(*list);
	}
}

char *vmha_node_addresses(void)
{
	VMHA_CLEANUP(cleanup_ifaddrs) struct ifaddrs *list = NULL;
	vmha_autostr struct vmha_str out = { 0 };
	const struct ifaddrs *a;
	char text[INET6_ADDRSTRLEN];

	if (getifaddrs(&list) < 0) {
		return NULL;
	}
	for (a = list; a; a = a->ifa_next) {
		if ((a->ifa_flags & IFF_UP) && sockaddr_text(a->ifa_addr, text)) {
			(void)vmha_str_add(&out, "%s%s", out.len ? " " : "", text);
		}
	}
	return out.len ? vmha_str_steal(&out) : NULL;
}

char *vmha_node_network_addresses(void)
{
	struct vmha_iface list[VMHA_IFACES_MAX];
	vmha_autostr struct vmha_str out = { 0 };
	struct vmha_netlink *n = NULL;
	size_t count = 0;
	size_t i;

	if (vmha_netlink_open(&n, NULL) < 0 || vmha_netlink_read(n, list, &count, NULL) < 0) {
		count = 0;
	}
	vmha_netlink_close(n);
	for (i = 0; i < count; i++) {
		(void)vmha_str_add(&out, "%s%s", out.len ? " " : "", list[i].address);
	}
	return out.len ? vmha_str_steal(&out) : NULL;
}

static bool word_in(const char *words, const char *word)
{
	const size_t len = strlen(word);

	for (; words && *words; words += strcspn(words, " "), words += *words == ' ') {
		if (strcspn(words, " ") == len && strncmp(words, word, len) == 0) {
			return true;
		}
	}
	return false;
}

int vmha_node_address_check(const char *address, struct vmha_err **err)
{
	vmha_autofree char *have = vmha_node_addresses();
	char text[INET6_ADDRSTRLEN];
	struct vmha_addr a;

	if (vmha_addr_parse(address, &a) < 0) {
		return vmha_err_set(err, -EINVAL, "'%s' is not an IP address (names are not taken)",
				    address);
	}
	if (!vmha_addr_is_global(&a)) {
		return vmha_err_set(err, -EINVAL, "%s is an address that other nodes cannot reach",
				    address);
	}
	vmha_addr_text(&a, text);
	if (!word_in(have, text)) {
		return vmha_err_set(err, -EADDRNOTAVAIL,
				    "%s is not an address of this host (it has: %s)", address,
				    have ? have : "none");
	}
	return 0;
}

void vmha_node_uuid_derive(const char *node, char *uuid)
{
	vmha_autofree char *machine = NULL;
	vmha_autofree char *seed = NULL;
	uint64_t a;
	uint64_t b;

	/* the node's name is in it because cloned hosts share even the machine id */
	(void)vmha_file_read("/etc/machine-id", SMALL_MAX_BYTES, &machine, NULL, NULL);
	seed = vmha_str_printf("vmha host %s %s", machine ? machine : "", node);
	a = seed ? vmha_fnv64(seed, strlen(seed)) : 0;
	b = seed ? vmha_fnv64(seed + 1, strlen(seed) - 1) : 0;
	(void)snprintf(uuid, VMHA_UUID_SIZE, "%08x-%04x-8%03x-%04x-%012llx",
		       (unsigned int)(a >> 32), (unsigned int)(a >> 16) & 0xffffU,
		       (unsigned int)a & 0xfffU, (((unsigned int)(b >> 48)) & 0x3fffU) | 0x8000U,
		       (unsigned long long)b & 0xffffffffffffULL);
}

static bool comm_starts(const char *pid, const char *name)
{
	vmha_autofree char *path = vmha_str_printf("/proc/%s/comm", pid);
	vmha_autofree char *comm = NULL;

	return path && vmha_file_read(path, SMALL_MAX_BYTES, &comm, NULL, NULL) == 0 &&
	       vmha_str_starts(comm, name);
}

pid_t vmha_node_process_find(const char *name)
{
	vmha_autodir DIR *d = opendir("/proc");
	const struct dirent *e;
	uint64_t pid;

	while (d && (e = readdir(d))) {
		if (vmha_str_u64(e->d_name, 1, INT32_MAX, &pid) == 0 &&
		    comm_starts(e->d_name, name)) {
			return (pid_t)pid;
		}
	}
	return 0;
}

char *vmha_node_setting(const char *path, const char *key)
{
	vmha_autofree char *text = NULL;
	vmha_autofree char *value = NULL;
	enum vmha_conf_style style = VMHA_CONF_PLAIN;

	if (vmha_str_starts(path, "/etc/libvirt/")) {
		style = VMHA_CONF_LIBVIRT;
	} else if (strcmp(path, VMHA_NODE_CONF) == 0 || vmha_str_starts(path, "/etc/default/")) {
		style = VMHA_CONF_SHELL;
	}
	if (vmha_file_read(path, CONFIG_MAX_BYTES, &text, NULL, NULL) < 0 ||
	    vmha_conf_get(text, style, key, &value, NULL) < 0) {
		return NULL;
	}
	return vmha_conf_unquote(value);
}

int vmha_node_user_find(const char *name, uid_t *ret_uid)
{
	struct passwd *found = NULL;
	struct passwd pw;
	char buf[4096];

	if (getpwnam_r(name, &pw, buf, sizeof(buf), &found) != 0 || !found) {
		return -ENOENT;
	}
	*ret_uid = found->pw_uid;
	return 0;
}

uid_t vmha_node_qemu_uid(const char *qemu_conf)
{
	vmha_autofree char *value = NULL;
	vmha_autofree char *user = NULL;
	uid_t uid = 0;

	if (vmha_conf_get(qemu_conf, VMHA_CONF_LIBVIRT, "user", &value, NULL) == 0) {
		user = vmha_conf_unquote(value);
	}
	return vmha_node_user_find(user ? user : DEBIAN_QEMU_USER, &uid) == 0 ? uid : 0;
}
