/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/core/volumemount.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#define GFS2 (1U << VMHA_VOLUME_TYPE_GFS2)
#define NFS  (1U << VMHA_VOLUME_TYPE_NFS)

/* What may follow "option" is a value: "local_lock" is also "local_lock=all". */
static const struct {
	unsigned int types;
	const char *option;
	const char *why;
} refused[] = {
	{ GFS2 | NFS, "ro", "VMs and leases must be written" },
	{ NFS, "soft",
	  "a write that takes long would be given up though the server may do it later: a disk or "
	  "a lease would be damaged" },
	{ NFS, "softerr",
	  "a write that takes long would be given up though the server may do it later: a disk or "
	  "a lease would be damaged" },
	{ NFS, "nolock", "locks of disk images would not be seen by the other nodes" },
	{ NFS, "local_lock", "locks of disk images would not be seen by the other nodes" },
	{ NFS, "nocto", "what another node has written would not be seen" },
	{ NFS, "lookupcache", "what another node has made or removed would not be seen" },
	{ NFS, "softreval", "what another node has made or removed would not be seen" },
	{ GFS2, "lockproto", "the volume's own lock protocol is what keeps the nodes apart" },
	{ GFS2, "locktable", "the volume's own lock table is what keeps the nodes apart" },
	{ GFS2, "hostdata", "DLM gives the journal's number" },
	{ GFS2, "localflocks", "locks of disk images would not be seen by the other nodes" },
	{ GFS2, "localcaching", "the nodes would see different data" },
	{ GFS2, "ignore_local_fs", "the nodes would see different data" },
	{ GFS2, "spectator", "VMs and leases must be written" },
	{ GFS2, "norecovery", "a lost node's journal would never be replayed" },
	{ GFS2, "nobarrier", "the file system would not survive a loss of power" },
};

/* Is the option of @len bytes at @text the option @name, with or without a value? */
static bool option_is(const char *text, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len >= n && strncmp(text, name, n) == 0 && (len == n || text[n] == '=');
}

static int option_check(enum vmha_volume_type type, const char *text, size_t len,
			struct vmha_err **err)
{
	size_t i;

	if (len == strlen("lookupcache=none") && strncmp(text, "lookupcache=none", len) == 0) {
		return 0;
	}
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if ((refused[i].types & (1U << type)) && option_is(text, len, refused[i].option)) {
			return vmha_err_set(err, -EINVAL,
					    "a volume must not be mounted with %.*s: %s", (int)len,
					    text, refused[i].why);
		}
	}
	return 0;
}

int vmha_mount_options_check(enum vmha_volume_type type, const char *options, struct vmha_err **err)
{
	const char *p = options ? options : "";

	if (*p && type == VMHA_VOLUME_TYPE_DIR) {
		return vmha_err_set(err, -EINVAL,
				    "mount options are of volumes of type gfs2 and nfs: a dir is "
				    "mounted by somebody else");
	}
	/* they go into the CIB and onto a command line */
	if (strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=._:/,%+-") !=
	    strlen(p)) {
		return vmha_err_set(err, -EINVAL,
				    "mount options '%s' hold a character that none of them needs",
				    p);
	}
	while (*p) {
		size_t len = strcspn(p, ",");
		int r = option_check(type, p, len, err);

		if (r < 0) {
			return r;
		}
		p += len + (p[len] == ',');
	}
	return 0;
}

char *vmha_mount_options(enum vmha_volume_type type, const char *options)
{
	/* close-to-open does not cover names: records are replaced by rename, by all nodes */
	const char *ours =
		type == VMHA_VOLUME_TYPE_NFS ? "noatime,hard,lookupcache=none" : "noatime";

	return vmha_str_printf("%s%s%s", ours, options && *options ? "," : "",
			       options ? options : "");
}

int vmha_mount_device_check(enum vmha_volume_type type, const char *device, struct vmha_err **err)
{
	bool nfs = type == VMHA_VOLUME_TYPE_NFS;
	const char *colon = strstr(device, ":/");

	/* such a name could not be said in the CIB without escapes */
	if (strlen(device) > VMHA_PATH_SIZE - 64 || strpbrk(device, " \\<>&\"'\n\t")) {
		return vmha_err_set(err, -EINVAL,
				    "%s: a volume's device must be short, without blanks and "
				    "without any of \\ < > & \" '",
				    device);
	}
	if (nfs && (!colon || colon == device)) {
		return vmha_err_set(err, -EINVAL, "%s is no export: SERVER:/PATH is needed",
				    device);
	}
	if (!nfs && !vmha_str_starts(device, "/dev/")) {
		return vmha_err_set(err, -EINVAL,
				    "%s is no device: a path below /dev is needed that is the same "
				    "on every node (/dev/disk/by-id/..., /dev/mapper/...)",
				    device);
	}
	return 0;
}

/* "\040" and its like become what they stand for. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && isdigit((unsigned char)s[1]) && isdigit((unsigned char)s[2]) &&
		    isdigit((unsigned char)s[3])) {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" */
static bool line_parse(const char *line, size_t len, struct vmha_mount *m, char *place)
{
	vmha_autofree char *copy = strndup(line, len);
	char *dash = copy ? strstr(copy, " - ") : NULL;

	if (!dash || sscanf(copy, "%*d %*d %u:%u %*s %1023s", &m->major, &m->minor, place) != 3 ||
	    sscanf(dash + 3, "%31s %1023s", m->fstype, m->source) != 2) {
		return false;
	}
	unescape(place);
	unescape(m->source);
	return true;
}

/* The last that fits: later mounts cover earlier ones. */
static bool find(const char *mountinfo, const char *place, const struct vmha_mount *device,
		 struct vmha_mount *ret_mount, char *ret_place)
{
	const char *p = mountinfo;
	bool found = false;

	while (*p) {
		size_t len = strcspn(p, "\n");
		struct vmha_mount m = { 0 };
		char at[VMHA_PATH_SIZE] = "";

		if (line_parse(p, len, &m, at) &&
		    (place ? strcmp(at, place) == 0
			   : device && m.major == device->major && m.minor == device->minor)) {
			*ret_mount = m;
			(void)snprintf(ret_place, VMHA_PATH_SIZE, "%s", at);
			found = true;
		}
		p += len + (p[len] == '\n');
	}
	return found;
}

bool vmha_mount_find(const char *mountinfo, const char *place, struct vmha_mount *ret_mount)
{
	char at[VMHA_PATH_SIZE];

	return find(mountinfo, place, NULL, ret_mount, at);
}

bool vmha_mount_find_device(const char *mountinfo, unsigned int major, unsigned int minor,
			    char *place)
{
	const struct vmha_mount device = { .major = major, .minor = minor };
	struct vmha_mount m;

	return find(mountinfo, NULL, &device, &m, place);
}

static enum vmha_dlm_wait status_parse(const char *line)
{
	if (strstr(line, "fencing")) {
		return VMHA_DLM_FENCING;
	}
	return strstr(line, "quorum") ? VMHA_DLM_QUORUM : VMHA_DLM_RECOVERY;
}

/*
 * A lockspace is a block that begins with "name          vol1"; while its members change it has a
 * line "new status    wait fencing", "... wait quorum" or "... wait messages 1" (dlm 4.2.0,
 * dlm_tool/main.c).
 */
enum vmha_dlm_wait vmha_dlm_wait_parse(const char *text, const char *lockspace)
{
	vmha_autofree char *copy = strdup(text);
	enum vmha_dlm_wait wait = VMHA_DLM_ABSENT;
	bool ours = false;
	char name[128] = "";
	char *save = NULL;
	char *line;

	if (!copy) {
		return VMHA_DLM_ABSENT;
	}
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "name %127s", name) == 1) {
			ours = strcmp(name, lockspace) == 0;
			wait = ours ? VMHA_DLM_NOTHING : wait;
		} else if (ours && vmha_str_starts(line, "new status")) {
			wait = status_parse(line);
		}
	}
	return wait;
}

const char *vmha_dlm_wait_text(enum vmha_dlm_wait wait)
{
	static const char *const texts[] = {
		[VMHA_DLM_NOTHING] = "DLM works",
		[VMHA_DLM_FENCING] = "DLM waits until a lost node is fenced",
		[VMHA_DLM_QUORUM] = "DLM waits until this part of the cluster has quorum",
		[VMHA_DLM_RECOVERY] = "DLM waits until the nodes agree on a change of members",
		[VMHA_DLM_ABSENT] = "this node is not in DLM's lockspace",
	};

	return texts[wait];
}

bool vmha_dlm_status_alive(const char *text)
{
	return strstr(text, "cluster nodeid") != NULL;
}
