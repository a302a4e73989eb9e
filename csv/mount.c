/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Volumes that this agent mounts: GFS2 on a shared device, and exports. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "csv/csv.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/port/cmap.h"
#include "lib/port/device.h"
#include "lib/port/lease_header.h"
#include "lib/role/mounted.h"

#define TOOL_S	 5
#define HOLDER_S 5
#define SERVER_S 5

static struct vmha_span left(const struct csv_params *p)
{
	return VMHA_SPAN_MS(vmha_mono_left_ms(p->deadline));
}

/* Run by csv_ask(): a device that hangs hangs the child. */
static int ask_device(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	char cluster[VMHA_NODE_SIZE] = "";
	struct vmha_leases_record leases;
	struct vmha_device device;
	int r = vmha_cmap_cluster_name(cluster, err);

	(void)answer;
	r = r < 0 ? r : vmha_device_read(p->device, &device, err);
	r = r < 0 ? r : vmha_gfs2_is(&device, cluster, p->volume, p->id, err);
	r = r < 0 ? r : vmha_lease_header_read(&device, &leases, err);
	/* mounted first, a file system whose end is missing here would fail on all nodes */
	return r < 0 ? r : vmha_gfs2_leases_fit(&device, &leases, err);
}

/* Run by csv_ask(). */
static int ask_size(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	struct vmha_device device;
	int r = vmha_device_read(p->device, &device, err);

	answer->value[0] = r < 0 ? 0 : device.size_bytes;
	return r;
}

int csv_size_check(const struct csv_params *p, const struct vmha_volume_record *record,
		   struct vmha_err **err)
{
	struct vmha_device device = { .block = true };
	struct csv_answer answer;

	if (p->type != VMHA_VOLUME_TYPE_GFS2) {
		return 0;
	}
	if (csv_ask(ask_size, p, p->deadline, &answer, NULL) < 0) {
		return vmha_err_set(err, answer.code, "volume %s: %s", p->volume, answer.text);
	}
	(void)snprintf(device.path, sizeof(device.path), "%s", p->device);
	device.size_bytes = answer.value[0];
	return vmha_device_size_check(&device, record->size_bytes, err);
}

static int device_check(const struct csv_params *p, struct vmha_err **err)
{
	struct csv_answer answer;

	if (p->type != VMHA_VOLUME_TYPE_GFS2) {
		return 0;
	}
	if (!vmha_controld_alive(VMHA_SPAN_S(TOOL_S))) {
		return vmha_err_set(err, -ENOTCONN,
				    "dlm_controld does not run on this node, and GFS2 must not be "
				    "mounted without it: is there a clone of "
				    "ocf:pacemaker:controld, ordered before %s-clone?",
				    p->volume);
	}
	if (csv_ask(ask_device, p, p->deadline, &answer, NULL) == -ETIMEDOUT) {
		return vmha_err_set(err, -ETIMEDOUT, "device %s of volume %s hangs on this node",
				    p->device, p->volume);
	}
	return answer.code < 0
		       ? vmha_err_set(err, answer.code, "volume %s: %s", p->volume, answer.text)
		       : 0;
}

/* The owner of a volume adds a journal for a node that has none: worth waiting for. */
static int mount_device(const struct csv_params *p, const char *place, struct vmha_err **err)
{
	struct vmha_err *why = NULL;
	bool said = false;
	int r;

	for (;;) {
		vmha_err_free(why);
		why = NULL;
		r = vmha_mount_run(p->type, p->options, p->device, place, left(p), &why);
		if (r != -EUSERS || vmha_mono_left_ms(p->deadline) < 3000) {
			break;
		}
		if (!said) {
			vmha_log(VMHA_LOG_WARNING,
				 "volume=%s has no journal left for this node: waiting for one",
				 p->volume);
		}
		said = true;
		vmha_mono_pace(VMHA_SPAN_S(2));
	}
	if (r == -EUSERS) {
		(void)vmha_err_set(err, r,
				   "GFS2 of volume %s has no journal left for this node: run "
				   "'gfs2_jadd -j 1 /clusterstorage/%s' on a node that has joined "
				   "it, then 'crm_resource --cleanup --resource %s'",
				   p->volume, p->volume, p->volume);
	} else if (r < 0) {
		(void)vmha_err_set(err, r, "volume %s: %s", p->volume, vmha_err_text(why));
	}
	vmha_err_free(why);
	return r;
}

int csv_mount_own(const struct csv_params *p, const char *place, struct vmha_err **err)
{
	struct vmha_mount mount;
	int r = vmha_volume_mount_read(p->volume, &mount, err);

	if (r > 0) {
		return vmha_volume_mount_check(p->volume, p->type, p->device, &mount, err);
	}
	r = r < 0 ? r : device_check(p, err);
	return r < 0 ? r : mount_device(p, place, err);
}

int csv_mount_check(const struct csv_params *p, struct vmha_err **err)
{
	struct vmha_mount mount;
	char trouble[256];
	int r;

	if (p->type == VMHA_VOLUME_TYPE_DIR) {
		return 0;
	}
	r = vmha_volume_mount_read(p->volume, &mount, err);
	if (r == 0) {
		return vmha_err_set(err, -ENOENT, "volume %s is not mounted any more", p->volume);
	}
	r = r < 0 ? r : vmha_volume_mount_check(p->volume, p->type, p->device, &mount, err);
	if (r == 0 && p->type == VMHA_VOLUME_TYPE_GFS2 && vmha_volume_withdrawn(p->volume)) {
		(void)vmha_volume_gfs2_trouble(p->volume, VMHA_SPAN_S(TOOL_S), trouble,
					       sizeof(trouble));
		return vmha_err_set(err, -EIO, "volume %s: %s", p->volume, trouble);
	}
	return r;
}

const char *csv_mount_trouble(const struct csv_params *p, char *text, size_t size)
{
	char why[256];

	*text = '\0';
	if (p->type == VMHA_VOLUME_TYPE_GFS2 &&
	    *vmha_volume_gfs2_trouble(p->volume, VMHA_SPAN_S(TOOL_S), why, sizeof(why))) {
		(void)snprintf(text, size, " (%s)", why);
	}
	return text;
}

bool csv_mounted_own(const struct csv_params *p)
{
	struct vmha_mount mount;

	return p->type != VMHA_VOLUME_TYPE_DIR &&
	       vmha_volume_mount_read(p->volume, &mount, NULL) != 0;
}

/* A process with mounts of its own may keep what is unmounted here, and with it this node's journal
 * and locks: it has not left then. */
static int gfs2_await_end(const struct csv_params *p, struct vmha_err **err)
{
	while (vmha_volume_gfs2_active(p->volume)) {
		if (vmha_mono_left_ms(p->deadline) < 3000) {
			return vmha_err_set(err, -ETXTBSY,
					    "GFS2 of volume %s is unmounted, but a process with "
					    "mounts of its own still has it (a container? see "
					    "'lsns -t mnt')",
					    p->volume);
		}
		vmha_mono_pace(VMHA_SPAN_MS(100)); /* sysfs tells nobody */
	}
	return 0;
}

/* Run by csv_ask(). */
static int ask_umount(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	char place[VMHA_PATH_SIZE];

	(void)answer;
	vmha_volume_path(p->volume, VMHA_VOLUME_DIR, place);
	if (umount2(place, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL || errno == ENOENT) {
		return p->type == VMHA_VOLUME_TYPE_GFS2 ? gfs2_await_end(p, err) : 0;
	}
	return vmha_err_errno(err, -errno, "cannot unmount %s", place);
}

/* "bash (pid 17), sanlock (pid 4)" */
static void holders_text(const struct vmha_user *users, size_t count, char *text, size_t size)
{
	size_t len = 0;
	size_t i;

	(void)snprintf(text, size,
		       "the kernel itself (a loop device, an NFS export, or another mount in it)");
	for (i = 0; i < count && len < size; i++) {
		len += (size_t)snprintf(text + len, size - len, "%s%s (pid %d)", i ? ", " : "",
					users[i].vm, (int)users[i].pid);
	}
}

/*
 * No VM uses the volume any more.  A shell that somebody left in it would get this whole node
 * fenced: it alone is ended, as Pacemaker's own agent of file systems does.  Daemons are not: they
 * let go.
 */
static void holders_end(const struct csv_params *p, int sig)
{
	static const char *const daemons[] = {
		"sanlock",	 "wdmd",       "libvirtd",	  "virtqemud",
		"virtlogd",	 "virtlockd",  "corosync",	  "dlm_controld",
		"vmha-clusterd", "pacemakerd", "pacemaker-execd", "systemd"
	};
	vmha_autofree struct vmha_user *users = NULL;
	size_t count = 0;
	size_t i;
	size_t d;

	if (vmha_volume_holders(p->volume, &users, &count, NULL) < 0) {
		return;
	}
	for (i = 0; i < count; i++) {
		bool daemon = false;

		for (d = 0; d < sizeof(daemons) / sizeof(daemons[0]); d++) {
			/* the kernel cuts names at 15 characters */
			daemon |= strncmp(users[i].vm, daemons[d], 15) == 0;
		}
		if (daemon || !vmha_proc_is(users[i].pid, users[i].start_ticks)) {
			continue;
		}
		vmha_log(VMHA_LOG_WARNING,
			 "volume=%s %s (pid %d) %s: it uses the volume, which is "
			 "being left",
			 p->volume, users[i].vm, (int)users[i].pid,
			 sig == SIGKILL ? "KILLED" : "asked to end");
		(void)kill(users[i].pid, sig);
	}
}

/* Run by csv_ask(): of an export it is the server that answers, not this node's memory. */
static int ask_server(const struct csv_params *p, struct csv_answer *answer, struct vmha_err **err)
{
	char place[VMHA_PATH_SIZE];
	struct statfs st;

	(void)answer;
	vmha_volume_path(p->volume, VMHA_VOLUME_DIR, place);
	return statfs(place, &st) < 0 ? vmha_err_errno(err, -errno, "cannot ask %s", place) : 0;
}

static bool server_silent(const struct csv_params *p)
{
	struct vmha_mono deadline = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(SERVER_S));
	struct csv_answer answer;

	return p->type == VMHA_VOLUME_TYPE_NFS &&
	       csv_ask(ask_server, p, deadline, &answer, NULL) == -ETIMEDOUT;
}

/* Nothing here runs from it, and no other node waits for this one to let go. */
static int export_detach(const struct csv_params *p, const char *place, struct vmha_err **err)
{
	vmha_log(VMHA_LOG_WARNING, "volume=%s its server does not answer: %s is detached",
		 p->volume, place);
	/* an umount that hung may have got as far as that by itself */
	if (umount2(place, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || errno == EINVAL ||
	    errno == ENOENT) {
		return 0;
	}
	return vmha_err_errno(err, -errno, "cannot detach %s", place);
}

/* @return 0; -ETIMEDOUT also where who has it cannot let go, as its server is silent */
static int umount_busy(const struct csv_params *p, struct csv_answer *answer)
{
	struct vmha_mono kill_at = vmha_mono_add(vmha_mono_now(), VMHA_SPAN_S(HOLDER_S));
	int r = -EBUSY;

	holders_end(p, SIGTERM);
	while (r == -EBUSY && vmha_mono_left_ms(p->deadline) > 2000) {
		vmha_mono_pace(VMHA_SPAN_MS(300));
		if (vmha_mono_passed(kill_at)) {
			holders_end(p, SIGKILL);
			if (server_silent(p)) {
				return -ETIMEDOUT;
			}
		}
		r = csv_ask(ask_umount, p, p->deadline, answer, NULL);
	}
	return r;
}

int csv_umount_own(const struct csv_params *p, struct vmha_err **err)
{
	vmha_autofree struct vmha_user *users = NULL;
	struct csv_answer answer;
	char place[VMHA_PATH_SIZE];
	char trouble[300];
	char who[512];
	size_t count = 0;
	int r = csv_ask(ask_umount, p, p->deadline, &answer, NULL);

	vmha_volume_path(p->volume, VMHA_VOLUME_DIR, place);
	r = r == -EBUSY ? umount_busy(p, &answer) : r;
	if (r == -ETIMEDOUT && p->type == VMHA_VOLUME_TYPE_NFS) {
		return export_detach(p, place, err);
	}
	if (r == -ETIMEDOUT) {
		return vmha_err_set(err, r,
				    "unmounting %s hangs%s: storage does not answer, and this node "
				    "must be reset",
				    place, csv_mount_trouble(p, trouble, sizeof(trouble)));
	}
	if (r == -EBUSY) {
		(void)vmha_volume_holders(p->volume, &users, &count, NULL);
		holders_text(users, count, who, sizeof(who));
		return vmha_err_set(err, r, "%s cannot be unmounted, it is in use by %s", place,
				    who);
	}
	return r < 0 ? vmha_err_set(err, r, "%s", answer.text) : 0;
}
