/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_CLI_NODE_PLAN_H
#define VMHA_CLI_NODE_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/base/conf.h"
#include "lib/base/err.h"

/*
 * What `vmha node setup` would change: files with their old and new text.  Everything is read and
 * computed before anything is written, so that bad input changes nothing.
 */
enum vmha_node_daemon { /* bits: who has to be restarted to see a change */
			VMHA_NODE_LIBVIRTD = 1,
			VMHA_NODE_SANLOCK = 2,
			VMHA_NODE_SYSTEMD = 4, /* daemon-reload */
};

struct vmha_node_change {
	char *path;	/* symbolic links resolved */
	char *old_text; /* NULL: no such file yet */
	char *text;	/* NULL: made when applied (a key in a dry run) */
	mode_t mode;	/* of the new file; an old one keeps its own unless secret */
	bool secret;	/* a private key: never shown, always 0600 and of @uid */
	uid_t uid;
	unsigned int daemon; /* enum vmha_node_daemon */
};

/** @param[out] ret_text set on 0: the file's text, NULL where there is no such file */
int vmha_node_file_text(const char *path, char **ret_text, struct vmha_err **err);

/** Begin a change: the file as it is, its new text the same. @param c zeroed */
int vmha_node_change_open(struct vmha_node_change *c, const char *path, struct vmha_err **err);
void vmha_node_change_close(struct vmha_node_change *c);

/** @return true when the file says so already and, of a key, owner and mode are right */
bool vmha_node_change_is_none(const struct vmha_node_change *c);

/** Unified diff, or one line of words for keys and certificates. @return NULL: no memory */
char *vmha_node_change_diff(const struct vmha_node_change *change);

/**
 * @return 0; -EBUSY somebody else has edited the file since the change was begun (maybe while the
 * administrator read the diff)
 */
int vmha_node_change_is_current(const struct vmha_node_change *c, struct vmha_err **err);
/** Keep the old file, with owner, mode and time, below the directory @backup. */
int vmha_node_change_backup(const struct vmha_node_change *c, const char *backup,
			    struct vmha_err **err);
/** Write the new text atomically; an old file's owner and mode stay, but for a key. */
int vmha_node_change_write(const struct vmha_node_change *c, struct vmha_err **err);

#define VMHA_NODE_CHANGES_MAX 64 /* about 20 files are ever written */

struct vmha_node_plan {
	struct vmha_node_change changes[VMHA_NODE_CHANGES_MAX];
	size_t count;
	json_t *notes; /* array of strings: what the administrator should know */
};

void vmha_node_plan_free(struct vmha_node_plan *plan);

/**
 * The text a file has, or will have by this plan.
 * @param[out] ret_text "" for a file that is not there; caller frees
 * @return 0; negative errno with *err naming the file
 */
int vmha_node_plan_text(const struct vmha_node_plan *plan, const char *path, char **ret_text,
			struct vmha_err **err);

/** Plan a whole file.  @param text NULL: not known yet (dry run).  @return 0 or negative errno */
int vmha_node_plan_put(struct vmha_node_plan *plan, const char *path, const char *text, mode_t mode,
		       unsigned int daemon, struct vmha_err **err);

/** Plan a private key: mode 0600, owned by @uid.  @param text as above */
int vmha_node_plan_secret(struct vmha_node_plan *plan, const char *path, const char *text,
			  uid_t uid, unsigned int daemon, struct vmha_err **err);

/** Plan one setting of a file. @return 0 or negative errno */
int vmha_node_plan_set(struct vmha_node_plan *plan, const char *path, enum vmha_conf_style style,
		       const char *key, const char *value, unsigned int daemon,
		       struct vmha_err **err);

/** Tell the administrator something with the result. */
void vmha_node_plan_note(struct vmha_node_plan *plan, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** Drop what would change nothing. @return how many changes are left */
size_t vmha_node_plan_settle(struct vmha_node_plan *plan);

/** Can all of it be written?  @return 0; -EROFS, -EACCES, ... with *err naming the place */
int vmha_node_plan_check(const struct vmha_node_plan *plan, struct vmha_err **err);

/**
 * Back the old files up and write the new ones, each atomically.
 * @param backup directory for the old files, made here: <backup>/etc/libvirt/qemu.conf
 */
int vmha_node_plan_apply(const struct vmha_node_plan *plan, const char *backup,
			 struct vmha_err **err);

/** [{"path","action","diff"}]; NULL: no memory */
json_t *vmha_node_plan_json(const struct vmha_node_plan *plan);

#endif
