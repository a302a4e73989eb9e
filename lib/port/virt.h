/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_PORT_VIRT_H
#define VMHA_PORT_VIRT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/base/mono.h"
#include "lib/core/evidence.h"

/*
 * libvirt behind one interface.  Every call has a deadline: it runs in a forked child that is
 * killed and abandoned when libvirtd does not answer in time (-ETIMEDOUT; -ECONNREFUSED: no daemon
 * there).  What libvirtd has begun for it then goes on.
 *
 * @address, where there is one: NULL for this node's libvirtd, else the migration address of a node
 * (asked over TLS).  @uuid names the domain.
 */

/** What libvirtd says of a domain. @return 0 with the witness (SILENT when it does not answer);
 * negative errno only for our own failures */
int vmha_virt_ask(const char *uuid, struct vmha_span timeout, enum vmha_virt_witness *ret_witness,
		  struct vmha_err **err);
/** As vmha_virt_ask(), of the libvirtd at @address. */
int vmha_virt_ask_at(const char *address, const char *uuid, struct vmha_span timeout,
		     enum vmha_virt_witness *ret_witness, struct vmha_err **err);

/** Does libvirtd answer? @return 0, or why not */
int vmha_virt_ping(const char *address, struct vmha_span timeout, struct vmha_err **err);
/** @return true when nobody listens on this node's libvirtd socket: it is dead, not only silent */
bool vmha_virt_gone(void);

/** Start a transient domain. @return 0 it runs and holds its lease */
int vmha_virt_create(const char *xml, struct vmha_span timeout, struct vmha_err **err);
/** Press the ACPI power button. Returns at once. */
int vmha_virt_shutdown(const char *uuid, struct vmha_span timeout, struct vmha_err **err);
/** Terminate it. @return 0, also when there is no such domain */
int vmha_virt_destroy(const char *uuid, struct vmha_span timeout, struct vmha_err **err);
/** Save memory to @path and end the domain; on failure libvirt lets it run on. */
int vmha_virt_save(const char *uuid, const char *path, struct vmha_span timeout,
		   struct vmha_err **err);
/** Load memory from @path; the guest is left paused, without its lease. */
int vmha_virt_restore(const char *path, struct vmha_span timeout, struct vmha_err **err);
/** One QMP command. @param[out] ret_reply JSON text, caller frees; may be NULL */
int vmha_virt_qmp(const char *uuid, const char *command, struct vmha_span timeout, char **ret_reply,
		  struct vmha_err **err);

/** The CPU of a running guest as libvirt would send it along: a <cpu> element. @return 0, caller
 * frees; -ENOENT no such domain, or it has none */
int vmha_virt_cpu(const char *address, const char *uuid, struct vmha_span timeout, char **ret_xml,
		  struct vmha_err **err);

#define VMHA_VIRT_NETWORKS_MAX 32
#define VMHA_VIRT_CPUS_MAX     64

/** What a guest needs of this host; NULL where its XML says nothing. */
struct vmha_virt_needs {
	const char *type; /* "kvm", "qemu" */
	const char *arch;
	const char *machine;
	const char *emulator;
	const char *cpu_xml;
	const char *networks[VMHA_VIRT_NETWORKS_MAX]; /* libvirt's, by name; NULL ends */
};

struct vmha_virt_host {
	char machine[300];			    /* what is wrong; "" nothing */
	char cpu[500];				    /* likewise */
	char networks[VMHA_VIRT_NETWORKS_MAX][100]; /* likewise, of each */
};

/** Can this host run such a guest? @return 0, with what is wrong in *ret_host */
int vmha_virt_host(const struct vmha_virt_needs *needs, struct vmha_span timeout,
		   struct vmha_virt_host *ret_host, struct vmha_err **err);

/** The CPU that a host can give a guest of that kind: a <cpu> element. @return 0, caller frees */
int vmha_virt_host_cpu(const char *address, const struct vmha_virt_needs *needs,
		       struct vmha_span timeout, char **ret_xml, struct vmha_err **err);
/**
 * The best CPU that hosts with these CPUs can all give.
 * @param cpus from vmha_virt_host_cpu(), at most VMHA_VIRT_CPUS_MAX, NULL ends
 */
int vmha_virt_baseline(const struct vmha_virt_needs *needs, const char *const *cpus,
		       struct vmha_span timeout, char **ret_xml, struct vmha_err **err);

enum vmha_virt_job_kind {
	VMHA_VIRT_JOB_NONE,
	VMHA_VIRT_JOB_OUT,
	VMHA_VIRT_JOB_IN,
	VMHA_VIRT_JOB_OTHER,
};

struct vmha_virt_job {
	enum vmha_virt_job_kind kind;
	bool has_stats;
	bool ended; /* failed or cancelled, and libvirt still clears up after it */
	uint64_t processed_bytes;
	uint64_t remaining_bytes;
	uint64_t total_bytes; /* of memory */
	uint64_t rate_bps;    /* bytes a second */
	uint64_t dirty_bps;   /* likewise, that the guest changes */
	uint64_t iteration;   /* over the memory, from 1 */
	int64_t elapsed_ms;
	int64_t downtime_ms; /* -1 unknown; while a job runs: what libvirt expects */
};

/** The domain's running job. @return 0 with kind NONE when there is none; -ENOENT no such domain */
int vmha_virt_job(const char *address, const char *uuid, struct vmha_span timeout,
		  struct vmha_virt_job *ret_job, struct vmha_err **err);
/** Statistics of its last completed job (kept for later readers). */
int vmha_virt_job_completed(const char *address, const char *uuid, struct vmha_span timeout,
			    struct vmha_virt_job *ret_job, struct vmha_err **err);
/** Abort its running job; where QEMU hangs in the end of it (after 3 s), cut its connections.
 * Not in a post-copy: the guest needs it.
 * @return 0, also when there is none; -EBUSY it is a post-copy */
int vmha_virt_job_abort(const char *address, const char *uuid, struct vmha_span timeout,
			struct vmha_err **err);

/** Let the guest of a running migration go on on the target now, its memory follows.  It returns
 * when libvirt has begun it, and there is no way back then. @return 0; -ETIMEDOUT it may have */
int vmha_virt_postcopy(const char *uuid, struct vmha_span timeout, struct vmha_err **err);

/** A peer-to-peer live migration under way: libvirtd carries it, this process only waits. */
struct vmha_virt_migration;

struct vmha_virt_migrate_options {
	const char *address;  /* of the target: control and memory both use it */
	bool shared_unsafe;   /* libvirt cannot see that the images are shared (volume of type dir),
				 or the role was made so:   they are by declaration */
	unsigned int streams; /* parallel connections for the memory; 1: none */
	const char *compression; /* of parallel streams: "zlib", "zstd"; NULL or "none": none */
	bool tls;		 /* of the memory; control is always encrypted */
	bool postcopy;		 /* may become one: vmha_virt_postcopy(); one stream only */
	bool autoconverge;	 /* slow a guest down that changes memory too fast */
	uint64_t bandwidth_mib;	 /* a second; 0: no limit */
};

/** @return 0 begun: wait for it, then free it */
int vmha_virt_migrate_start(const char *uuid, const struct vmha_virt_migrate_options *options,
			    struct vmha_virt_migration **ret_migration, struct vmha_err **err);
/** @return 0 arrived; -EAGAIN still under way after @timeout; -ENOTSUP libvirt or QEMU know no such
 * option; else why it failed */
int vmha_virt_migrate_wait(struct vmha_virt_migration *migration, struct vmha_span timeout,
			   struct vmha_err **err);
/** Stop waiting. libvirtd goes on if it has not ended: abort the job first. */
void vmha_virt_migrate_free(struct vmha_virt_migration *migration);

#endif
