/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_BASE_FILE_H
#define VMHA_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/base/err.h"

/**
 * Read a whole small file.
 * @param max_bytes refuse larger ones
 * @param[out] ret_text NUL-terminated, caller frees; set on 0 only
 * @param[out] ret_len  without the NUL; may be NULL
 * @return 0; -ENOENT; -EFBIG larger than @max_bytes; other negative errno
 */
int vmha_file_read(const char *path, size_t max_bytes, char **ret_text, size_t *ret_len,
		   struct vmha_err **err);

/**
 * Replace a file atomically and durably: temporary file beside it, fsync, rename, fsync of the
 * directory.  A crash at any point leaves the old content or the new, never half.
 * @param mode exactly this, whatever the umask
 * @return 0 or negative errno: the old content stands, except that after a failed sync of the
 * directory the new one does (whole, but a power loss may bring the old one back)
 */
int vmha_file_write(const char *path, const void *data, size_t len, mode_t mode,
		    struct vmha_err **err);

/** Remove a file durably (directory fsynced). A file that is not there is success. */
int vmha_file_remove(const char *path, struct vmha_err **err);

/** Rename durably within a directory. */
int vmha_file_rename(const char *from, const char *to, struct vmha_err **err);

/** mkdir -p with @mode for what is made, durably. */
int vmha_file_mkdirs(const char *path, mode_t mode, struct vmha_err **err);

/** Remove an empty directory durably; one that is not there is success. @return 0; -ENOTEMPTY */
int vmha_file_rmdir(const char *path, struct vmha_err **err);

#endif
