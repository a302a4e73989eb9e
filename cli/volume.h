/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_VOLUME_H
#define VMHA_CLI_VOLUME_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/mono.h"
#include "lib/core/device.h"
#include "lib/core/renewal.h"
#include "lib/core/volumetype.h"
#include "lib/port/nodes.h"
#include "lib/role/volume.h"
#include "lib/role/volumelock.h"

int vmha_volume_create(int argc, char **argv, struct vmha_err **err);
int vmha_volume_check(int argc, char **argv, struct vmha_err **err);
int vmha_volume_add(int argc, char **argv, struct vmha_err **err);
int vmha_volume_remove(int argc, char **argv, struct vmha_err **err);
int vmha_volume_list(int argc, char **argv, struct vmha_err **err);
int vmha_volume_show(int argc, char **argv, struct vmha_err **err);
int vmha_volume_measure(int argc, char **argv, struct vmha_err **err);
int vmha_volume_move(int argc, char **argv, struct vmha_err **err);

/** Who coordinates it: lock (its kind), node, epoch, state. @param lock "dlm" or "sanlock" */
json_t *vmha_volume_owner_json(const char *volume, const char *lock,
			       const struct vmha_nodes *nodes);

#define VMHA_ANSWER_S	   30 /* before a change: a lost node of a GFS2 may have to be fenced first */
#define VMHA_ANSWER_LOOK_S 5 /* before a look at what is there */
/** Read a block of @device in another process: storage that hangs would hang this command, beyond
 * any signal. @return 0, whatever else is wrong with it; -ETIMEDOUT */
int vmha_device_answers(const char *device, const char *volume, unsigned int within_s,
			struct vmha_err **err);
/** Likewise ask for the file system of a directory that is to be, or was, a volume. */
int vmha_path_answers(const char *path, const char *volume, unsigned int within_s,
		      struct vmha_err **err);
/** Likewise write to a volume that is mounted here; what it said lately counts. To be called before
 * its files are touched. */
int vmha_volume_answers(const char *volume, unsigned int within_s, struct vmha_err **err);
/** @return 1; 0 no volume is at that place; -ETIMEDOUT */
int vmha_volume_look(const char *volume, struct vmha_err **err);
/** Take the volume's admin lock as a command does: bounded, and it says whom it waits for.
 * @return 0; -ETIMEDOUT the volume's storage, or who has the lock, does not answer */
int vmha_volume_command_lock(const char *volume, struct vmha_volume_guard *guard,
			     struct vmha_err **err);

/** The storage of a volume to be: an existing directory that takes direct I/O, or a device that is
 * mounted for it. */
struct volume_new {
	char name[VMHA_NAME_SIZE];
	char id[VMHA_ID_SIZE];
	char path[VMHA_PATH_SIZE]; /* canonical */
	enum vmha_volume_type type;
	char device[VMHA_PATH_SIZE];  /* of gfs2 and nfs; path is then where create mounts it */
	char options[VMHA_PATH_SIZE]; /* of its mount */
	char *dlm_clone;	      /* of gfs2: what runs dlm_controld; caller frees */
	struct vmha_gfs2_plan gfs2;
	struct vmha_leases_record leases; /* of gfs2 */
	uint64_t size_bytes;		  /* of the device */
	unsigned int journals;		  /* wanted; 0: one for each node */
	unsigned int io_timeout_s;	  /* 0: to be chosen by measurement */
	struct vmha_latency latency;	  /* by which it was */
	bool add;			  /* an existing volume: nothing on it is made or lost */
	bool force;			  /* take over what an interrupted create left */
	bool formatted;			  /* the file system on the device is ours */
	bool mounted;			  /* at path, by us */
	bool dlm_made;			  /* dlm_clone is ours */
	bool files_made;
	bool adopted; /* the files were there */
	bool configured;
};

/** Read what `volume create` and `volume add` have in common. @return 0; VMHA_EXIT_USAGE; negative
 * errno */
int vmha_volume_args_read(int argc, char **argv, struct volume_new *v, struct vmha_err **err);
/** Is name and place free, in the cluster's configuration and in this node's sanlock? */
int vmha_volume_names_check(const struct volume_new *v, struct vmha_err **err);
/** @return 0; -EBUSY roles of the cluster are on it, named in @err */
int vmha_volume_roles_refuse(const struct volume_new *v, struct vmha_err **err);
/** Take back all that was made, in reverse order; what cannot be is said. Nothing is, once somebody
 * has put VMs onto it. */
void vmha_volume_undo(struct volume_new *v);
/**
 * Has nobody joined the volume mounted at @dir, of any cluster?
 * @param force a host that has not left but does not renew counts for nothing
 * @return 0; -EBUSY with the host id
 */
int vmha_volume_foreign_check(const char *dir, const struct vmha_volume_record *rec, bool force,
			      struct vmha_err **err);
/** As vmha_volume_foreign_check(), of a volume whose leases lie on its device: before that is
 * mounted. */
int vmha_volume_foreign_device_check(const char *device, const struct vmha_leases_record *rec,
				     bool force, struct vmha_err **err);

/** @return 0; negative errno with the reason; -EEXIST: it is a volume already */
int vmha_volume_storage_check(struct volume_new *v, struct vmha_err **err);
/** Where io_timeout was not given, measure renewals in @v->path and choose it; both are told.
 * @return 0; -ETIMEDOUT storage hangs; negative errno */
int vmha_volume_io_choose(struct volume_new *v, struct vmha_err **err);

/** What follows from io_timeout, for programs and for people. */
json_t *vmha_volume_times_json(const struct vmha_volume_record *rec);
void vmha_volume_times_print(const struct vmha_volume_record *rec);
/** What was measured when the volume was made; null where io_timeout was given. */
json_t *vmha_volume_latency_json(const struct vmha_volume_record *rec);

/** Make all files; the record comes last.  On failure nothing stays. */
int vmha_volume_storage_make(struct volume_new *v, struct vmha_err **err);
/** Give it an id, if it has none yet. */
int vmha_volume_id_make(struct volume_new *v, struct vmha_err **err);
/** The first file in @dir that is not the product's, in words; or that its files cannot be read.
 * @param[out] text "": there is none */
void vmha_volume_file_first(const char *dir, char *text, size_t size);
/** Remove what vmha_volume_storage_make() made. */
void vmha_volume_storage_remove(const char *path);

/* The volume's resource in the cluster. */

/**
 * Configure it with all that it needs, in one change, and wait until all nodes that are online and
 * not on standby have joined; each is told.
 * @param nodes array that gets who joined when
 * @return 0; -EIO one cannot, its reason in @err; -ETIMEDOUT; v->configured: it is to be taken back
 */
int vmha_volume_bring_in(struct volume_new *v, json_t *nodes, struct vmha_err **err);
/** The end of `volume create` and `volume add`. @param nodes is taken over */
int vmha_volume_told(const struct volume_new *v, const char *words, struct vmha_mono begun,
		     json_t *nodes);
/** Stop it on all nodes, and forget its failures. @return 0 it is active nowhere; -EBUSY */
int vmha_volume_resource_stop(const char *name, struct vmha_err **err);
/** Stop it, and take it and its constraints out of the configuration. */
int vmha_volume_resource_remove(const char *name, struct vmha_err **err);

/* Of types gfs2 and nfs. */

/** Look at device and names, before anything is changed. */
int vmha_volume_device_check(struct volume_new *v, struct vmha_err **err);
/**
 * Make a file system (gfs2), mount the device at v->path, out of the way of all nodes, and check it
 * as vmha_volume_storage_check() does.
 * On failure vmha_volume_device_undo() takes back what was done.
 */
int vmha_volume_device_prepare(struct volume_new *v, struct vmha_err **err);
/** Where the leases of an existing volume of type gfs2 lie, from its device alone: v->leases, id
 * and io_timeout; and whether nobody has joined it. @return 0; -ENOENT no volume; -EBADMSG; -EBUSY
 */
int vmha_volume_device_leases(struct volume_new *v, struct vmha_err **err);
/** Mount an existing volume at v->path, after vmha_volume_device_check(). */
int vmha_volume_device_attach(struct volume_new *v, struct vmha_err **err);
/** End that mount. */
int vmha_volume_device_release(struct volume_new *v, struct vmha_err **err);
/** Remove the files, unmount, and wipe the file system if it is the one that we made and nothing
 * has come onto it. @return 0; -EBUSY; -ENOTEMPTY; negative errno: not wiped */
int vmha_volume_device_undo(struct volume_new *v, struct vmha_err **err);

/** A clone that runs dlm_controld on all nodes: found, or made. Waits until it runs here. */
int vmha_volume_dlm_need(struct volume_new *v, struct vmha_err **err);
/** Remove the clone if we made it. */
void vmha_volume_dlm_undo(struct volume_new *v);

#endif
