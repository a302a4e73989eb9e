/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_VOLUME_INDEX_H
#define VMHA_CORE_VOLUME_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/str.h"
#include "lib/core/record.h"

/*
 * What a volume has of its roles, and whether it agrees: sanlock's index of leases, the roles'
 * directories, their records, and the cluster's configuration.  Filled by whoever reads them
 * (lib/role/remnants.h); judged here, without I/O.
 *
 * `vmha vm add` and `vmha vm remove` have one commit point each, the one change of the cluster's
 * configuration; an intent (struct vmha_intent_record) stands on the volume from before their first
 * write until after their last:
 *
 *   add                               remove
 *   intent                            intent
 *   directory, lease, XML, record     resource taken away       <- commit
 *   resource made         <- commit   lease, files, directory
 *   intent away                       intent away
 *
 * So an intent and the configuration say together what is to be done with what a crash left.
 * Without an intent nothing is ever cleaned up by itself: a configuration that was lost must not
 * cost the definitions of its VMs.
 */
enum vmha_part {
	VMHA_PART_ABSENT,
	VMHA_PART_THERE,
	VMHA_PART_DAMAGED, /* there, and cannot be read or understood */
};

/* One name, as each witness has it. */
struct vmha_index_entry {
	char name[VMHA_NAME_SIZE];
	unsigned int leases;   /* so many of this name; more than one is a fault */
	uint64_t lease_offset; /* of the first */
	bool directory;
	enum vmha_part xml;
	bool xml_leased;     /* its only <lease> is of this name and volume */
	uint64_t xml_offset; /* of that <lease> */
	enum vmha_part record;
	uint64_t record_offset;
	enum vmha_part owner;
	enum vmha_part state; /* record of saved memory */
	enum vmha_part intent;
	bool removing;	      /* the intent's: remove, else add */
	unsigned int unended; /* files of writes that did not come to their end (*.tmp) */
	bool configured;      /* a resource of the cluster has this name and this volume */
};

struct vmha_index {
	struct vmha_index_entry *entries; /* by name, sorted */
	size_t count;
	bool configuration_known; /* false: entries say nothing of it */
};

enum vmha_index_verdict {
	VMHA_INDEX_WHOLE,   /* a role, all of it */
	VMHA_INDEX_NOTHING, /* no role: a directory with data at most */
	VMHA_INDEX_SETTLED, /* whole, or nothing, but for an intent: that alone goes */
	VMHA_INDEX_UNDO,    /* an add cut short before its commit */
	VMHA_INDEX_FINISH,  /* a remove cut short behind its commit */
	VMHA_INDEX_STRAY,   /* on the volume, not in the cluster, no intent: people decide */
	VMHA_INDEX_BROKEN,  /* in the cluster, but something lacks or contradicts */
	VMHA_INDEX_UNKNOWN, /* cannot be told */
	VMHA_INDEX_VERDICTS,
};

/** Leases of the volume itself, volume-admin and volume-coordinator: never a role's. */
bool vmha_index_reserved(const char *name);

/** @return the entry of @name, made where missing; NULL when memory ran out or it is no name */
struct vmha_index_entry *vmha_index_entry(struct vmha_index *index, const char *name);
void vmha_index_free(struct vmha_index *index);
#define vmha_autoindex __attribute__((cleanup(vmha_index_free)))

/**
 * @param[out] problems what is wrong, in words, "; " between; may be NULL
 */
enum vmha_index_verdict vmha_index_judge(const struct vmha_index *index,
					 const struct vmha_index_entry *e,
					 struct vmha_str *problems);

/** "whole", "stray", ... for people. */
const char *vmha_index_verdict_name(enum vmha_index_verdict verdict);

/** @return true when every entry is WHOLE or NOTHING */
bool vmha_index_is_consistent(const struct vmha_index *index);

#endif
