/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/role/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/proc.h"
#include "lib/base/str.h"
#include "lib/port/domxml.h"
#include "lib/port/qmp.h"
#include "lib/port/virt.h"
#include "lib/role/leaserule.h"
#include "lib/role/owner.h"

int vmha_state_remove(const struct vmha_action *act, struct vmha_err **err)
{
	char path[VMHA_PATH_SIZE];
	int r = vmha_role_forget(&act->role, VMHA_RECORD_STATE, err);

	if (r < 0) {
		return r;
	}
	vmha_role_path(&act->role, VMHA_FILE_STATE, path);
	return vmha_file_remove(path, err);
}

/* --- what the memory belongs to ------------------------------------------------------------ */

static int image_read(const char *path, struct vmha_image *ret_image, struct vmha_err **err)
{
	vmha_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	off_t end;

	if (fd < 0 || fstat(fd, &st) < 0) {
		return vmha_err_errno(err, -errno, "cannot read disk %s", path);
	}
	end = lseek(fd, 0, SEEK_END); /* of a block device too */
	if (end < 0 || strlen(path) >= sizeof(ret_image->path)) {
		return vmha_err_errno(err, -errno, "cannot measure disk %s", path);
	}
	*ret_image = (struct vmha_image){ .size_bytes = (uint64_t)end };
	memcpy(ret_image->path, path, strlen(path) + 1);
	if (S_ISREG(st.st_mode)) {
		ret_image->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	}
	return 0;
}

static int images_read(const struct vmha_action *act, struct vmha_state_record *rec,
		       struct vmha_err **err)
{
	vmha_autodomxml struct vmha_domxml *dom = NULL;
	const struct vmha_domxml_disk *disks;
	char path[VMHA_PATH_SIZE];
	size_t count = 0;
	size_t i;
	int r;

	vmha_role_path(&act->role, VMHA_FILE_XML, path);
	r = vmha_domxml_load(path, &dom, err);
	if (r < 0) {
		return r;
	}
	disks = vmha_domxml_disks(dom, &count);
	rec->images_count = 0;
	for (i = 0; i < count; i++) {
		if (!disks[i].source || disks[i].readonly || disks[i].transient) {
			continue;
		}
		if (rec->images_count >= VMHA_IMAGES_MAX) {
			return vmha_err_set(err, -E2BIG, "%s has more than %d writable disks",
					    act->role.name, VMHA_IMAGES_MAX);
		}
		r = image_read(disks[i].source, &rec->images[rec->images_count], err);
		if (r < 0) {
			return r;
		}
		rec->images_count++;
	}
	return 0;
}

static int xml_sum(const struct vmha_action *act, char *sum, struct vmha_err **err)
{
	vmha_autofree char *text = NULL;
	char path[VMHA_PATH_SIZE];
	size_t len = 0;
	int r;

	vmha_role_path(&act->role, VMHA_FILE_XML, path);
	r = vmha_file_read(path, VMHA_DOMXML_MAX_BYTES, &text, &len, err);
	if (r == 0) {
		(void)snprintf(sum, 17, "%016" PRIx64, vmha_fnv64(text, len));
	}
	return r;
}

/* libvirt wrote the file, perhaps through the page cache */
static int file_settle(const char *path, uint64_t *ret_bytes, struct vmha_err **err)
{
	vmha_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fsync(fd) < 0 || fstat(fd, &st) < 0) {
		return vmha_err_errno(err, -errno, "cannot settle %s", path);
	}
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

int vmha_state_seal(const struct vmha_action *act, uint64_t lver, struct vmha_err **err)
{
	vmha_autofree struct vmha_state_record *rec = calloc(1, sizeof(*rec));
	char path[VMHA_PATH_SIZE];
	int r;

	if (!rec) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	vmha_role_path(&act->role, VMHA_FILE_STATE, path);
	memcpy(rec->uuid, act->rec.uuid, sizeof(rec->uuid));
	memcpy(rec->lease_id, act->rec.lease_id, sizeof(rec->lease_id));
	memcpy(rec->node, act->node, sizeof(rec->node));
	memcpy(rec->trace, act->trace, sizeof(rec->trace));
	rec->lver = lver;
	rec->saved_at_s = (int64_t)time(NULL);
	r = file_settle(path, &rec->state_bytes, err);
	if (r == 0) {
		r = xml_sum(act, rec->xml_sum, err);
	}
	if (r == 0) {
		r = images_read(act, rec, err);
	}
	return r < 0 ? r : vmha_role_store(&act->role, VMHA_RECORD_STATE, rec, err);
}

/* --- may it run? --------------------------------------------------------------------------- */

static bool images_same(const struct vmha_state_record *then, const struct vmha_state_record *now,
			struct vmha_err **why)
{
	unsigned int i;

	for (i = 0; i < then->images_count || i < now->images_count; i++) {
		const struct vmha_image *a = &then->images[i];
		const struct vmha_image *b = &now->images[i];

		if (i >= then->images_count || i >= now->images_count ||
		    !vmha_str_eq(a->path, b->path)) {
			(void)vmha_err_set(why, -ESTALE, "the disks are not those it left");
			return false;
		}
		if (a->size_bytes != b->size_bytes || a->mtime_ns != b->mtime_ns) {
			(void)vmha_err_set(why, -ESTALE,
					   "disk %s was written or resized after it was saved",
					   a->path);
			return false;
		}
	}
	return true;
}

/* @return 1 valid; 0 invalid with @why; negative errno */
static int record_check(const struct vmha_action *act, const struct vmha_state_record *rec,
			struct vmha_err **why)
{
	vmha_autofree struct vmha_state_record *now = calloc(1, sizeof(*now));
	struct vmha_lease_owner owner = { 0 };
	char path[VMHA_PATH_SIZE];
	struct stat st;
	int r;

	vmha_role_path(&act->role, VMHA_FILE_STATE, path);
	if (!now) {
		return vmha_err_set(why, -ENOMEM, "out of memory");
	}
	if (stat(path, &st) < 0) {
		(void)vmha_err_errno(why, -errno, "%s", path);
		return errno == ENOENT ? 0 : -errno;
	}
	if ((uint64_t)st.st_size != rec->state_bytes) {
		(void)vmha_err_set(why, -ESTALE, "its file is cut short or was changed");
		return 0;
	}
	if (!vmha_str_eq(rec->uuid, act->rec.uuid) ||
	    !vmha_str_eq(rec->lease_id, act->rec.lease_id)) {
		(void)vmha_err_set(why, -ESTALE, "it is of another role or of an earlier lease");
		return 0;
	}
	r = vmha_lease_owner(&act->lease, &owner, why);
	if (r < 0) {
		return r;
	}
	if (owner.lver != rec->lver) {
		(void)vmha_err_set(why, -ESTALE,
				   "the VM has run since it was saved (lease generation %" PRIu64
				   ", saved at %" PRIu64 ")",
				   owner.lver, rec->lver);
		return 0;
	}
	r = images_read(act, now, why);
	if (r < 0) {
		return r == -ENOENT ? 0 : r;
	}
	return images_same(rec, now, why);
}

int vmha_state_check(const struct vmha_action *act, enum vmha_state_answer *ret_answer,
		     struct vmha_state_record *ret_rec, struct vmha_err **why)
{
	vmha_autofree struct vmha_state_record *rec = calloc(1, sizeof(*rec));
	char path[VMHA_PATH_SIZE];
	int r;

	if (!rec) {
		return vmha_err_set(why, -ENOMEM, "out of memory");
	}
	vmha_role_path(&act->role, VMHA_FILE_STATE, path);
	r = vmha_role_load(&act->role, VMHA_RECORD_STATE, rec, why);
	if (r == -ENOENT) {
		bool there = access(path, F_OK) == 0;

		if (!there && errno != ENOENT) {
			return vmha_err_errno(why, -errno, "cannot look for %s", path);
		}
		if (there) {
			(void)vmha_err_set(why, -ESTALE, "the save was cut short (no record)");
		}
		*ret_answer = there ? VMHA_STATE_INVALID : VMHA_STATE_NONE;
		return 0;
	}
	if (r == -EBADMSG) {
		*ret_answer = VMHA_STATE_INVALID;
		return 0;
	}
	if (r < 0) {
		return r;
	}
	r = record_check(act, rec, why);
	if (r < 0) {
		return r;
	}
	*ret_answer = r ? VMHA_STATE_VALID : VMHA_STATE_INVALID;
	if (r) {
		*ret_rec = *rec;
	}
	return 0;
}

int vmha_state_aside(const struct vmha_action *act, const char *why, struct vmha_err **err)
{
	char from[VMHA_PATH_SIZE];
	char rec[VMHA_PATH_SIZE];
	vmha_autofree char *to = NULL;
	vmha_autofree char *to_rec = NULL;
	int r;

	vmha_role_path(&act->role, VMHA_FILE_STATE, from);
	vmha_role_path(&act->role, VMHA_FILE_STATE_RECORD, rec);
	to = vmha_str_printf("%s.aside-%lld", from, (long long)time(NULL));
	to_rec = to ? vmha_str_printf("%s.rec", to) : NULL;
	if (!to_rec) {
		return vmha_err_set(err, -ENOMEM, "out of memory");
	}
	/* the record first: a file without one is never used */
	r = vmha_file_rename(rec, to_rec, err);
	if (r == 0 || r == -ENOENT) {
		r = vmha_file_rename(from, to, err);
	}
	if (r < 0 && r != -ENOENT) {
		return r;
	}
	vmha_log(VMHA_LOG_WARNING, "vm=%s saved memory set aside as %s: %s", act->role.name, to,
		 why);
	return 0;
}

/* --- exact restore ------------------------------------------------------------------------- */

static int qmp_cont(const struct vmha_action *act, const struct vmha_observation *obs,
		    struct vmha_err **err)
{
	struct vmha_span patience = vmha_action_left(act, VMHA_SPAN_S(10));
	char socket_path[VMHA_PATH_SIZE];
	/* not virDomainResume(): its plugin would take the lease again and fail, for it is held */
	int r = vmha_virt_qmp(act->rec.uuid, "{\"execute\":\"cont\"}", patience, NULL, err);

	if (r == 0 || !vmha_virt_gone() || vmha_monitor_socket(obs, socket_path) < 0) {
		return r;
	}
	return vmha_qmp_run(socket_path, "cont", patience, NULL, err);
}

static int restore_begin(const struct vmha_action *act, struct vmha_observation *obs,
			 struct vmha_err **err)
{
	struct vmha_owner_record owner;
	char path[VMHA_PATH_SIZE];
	int r;

	vmha_role_path(&act->role, VMHA_FILE_STATE, path);
	r = vmha_virt_restore(path, vmha_action_left(act, VMHA_SPAN_S(3600)), err);
	vmha_observe(act, true, obs);
	if (r < 0) {
		/* an answer of libvirtd's with nothing left here: it cannot use the file */
		bool refused = r == -EIO && obs->verdict.place == VMHA_PLACE_NOT_RUNNING &&
			       obs->w.virt == VMHA_VIRT_ABSENT;

		return refused ? -EILSEQ : r;
	}
	if (obs->w.process != VMHA_PROCESS_ALIVE) {
		return vmha_err_set(err, -EIO, "%s ended just after its memory was loaded (%s)",
				    act->role.name, obs->text);
	}
	vmha_owner_self(act, obs->pid, obs->start_ticks, &owner);
	return vmha_owner_store(act, &owner, err);
}

/*
 * A crash (of this agent, or of the node) between any two lines, and what the next start finds:
 *
 *   here                                  next start, on any node
 *   restored paused, lease free           process here: killed by stop or start; elsewhere: the
 *                                         owner record keeps it away until this node is proven
 *                                         dead; then lver == recorded: restores again
 *   lease taken exactly (lver + 1)        lver != recorded: sets the state aside, boots fresh;
 *                                         the memory is lost but was never run twice
 *   cont                                  the same: the state on the volume is old now
 *   record removed                        state without record: set aside
 *   state removed                         nothing there
 */
int vmha_state_restore(const struct vmha_action *act, const struct vmha_state_record *rec,
		       struct vmha_observation *ret_obs, struct vmha_err **err)
{
	struct vmha_observation obs = { 0 };
	int r = restore_begin(act, &obs, err);

	if (r < 0) {
		return r;
	}
	r = vmha_lease_acquire(&act->lease, obs.pid, rec->lver, err);
	if (r < 0) {
		/* it never ran: nothing is lost by killing it, and the state stays */
		(void)vmha_stale_kill(act, &obs,
				      "its lease cannot be taken at the generation "
				      "that its memory was saved at",
				      NULL);
		return r;
	}
	/* what the monitor and the lease rule start from must be there before the guest runs */
	(void)vmha_run_store(act, &obs, rec->lver + 1, NULL);
	r = qmp_cont(act, &obs, err);
	if (r < 0) {
		vmha_err_prefix(err, "%s has its memory and its lease but does not go on",
				act->role.name);
		return r;
	}
	vmha_observe(act, true, ret_obs);
	if (vmha_state_remove(act, err) < 0) {
		vmha_log(VMHA_LOG_WARNING, "vm=%s %s (harmless: it is old now)", act->role.name,
			 err ? vmha_err_text(*err) : "old state not removed");
	}
	vmha_log(VMHA_LOG_INFO, "vm=%s continues from its memory saved on %s (lver %" PRIu64 ")",
		 act->role.name, rec->node, rec->lver);
	return 0;
}
