/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_BASE_CLEANUP_H
#define VMHA_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/err.h"

/*
 * Cleanup attributes: one destructor a type, safe on NULL or -1.  A resource leaves its scope
 * either released or by vmha_steal_*().
 */
#define VMHA_CLEANUP(func) __attribute__((cleanup(func)))

static inline void vmha_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void vmha_cleanup_fd(const int *fd)
{
	if (*fd >= 0) {
		(void)close(*fd); /* never retried: on Linux the descriptor is gone either way */
	}
}

static inline void vmha_cleanup_file(FILE **f)
{
	if (*f) {
		(void)fclose(*f);
	}
}

static inline void vmha_cleanup_dir(DIR **d)
{
	if (*d) {
		(void)closedir(*d);
	}
}

static inline void vmha_cleanup_err(struct vmha_err **e)
{
	vmha_err_free(*e);
}

#define vmha_autofree  VMHA_CLEANUP(vmha_cleanup_free)
#define vmha_autoclose VMHA_CLEANUP(vmha_cleanup_fd)
#define vmha_autofile  VMHA_CLEANUP(vmha_cleanup_file)
#define vmha_autodir   VMHA_CLEANUP(vmha_cleanup_dir)
#define vmha_autoerr   VMHA_CLEANUP(vmha_cleanup_err)

/** Hand a pointer out of its scope: returns it and leaves NULL behind. */
#define vmha_steal_ptr(p)                                                                          \
	({                                                                                         \
		__typeof__(p) stolen_ = (p);                                                       \
		(p) = NULL;                                                                        \
		stolen_;                                                                           \
	})

/** Hand a descriptor out of its scope: returns it and leaves -1 behind. */
static inline int vmha_steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

#endif
