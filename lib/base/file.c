/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/str.h"

static int read_all(int fd, char *buf, size_t max, size_t *ret_len)
{
	size_t len = 0;

	while (len < max) {
		ssize_t n = read(fd, buf + len, max - len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -errno;
		}
		if (n == 0) {
			break;
		}
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

int vmha_file_read(const char *path, size_t max_bytes, char **ret_text, size_t *ret_len,
		   struct vmha_err **err)
{
	vmha_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	vmha_autofree char *buf = NULL;
	size_t len = 0;
	int r;

	if (fd < 0) {
		return vmha_err_errno(err, -errno, "cannot open %s", path);
	}
	buf = calloc(1, max_bytes + 2);
	if (!buf) {
		return vmha_err_set(err, -ENOMEM, "out of memory reading %s", path);
	}
	r = read_all(fd, buf, max_bytes + 1, &len);
	if (r < 0) {
		return vmha_err_errno(err, r, "cannot read %s", path);
	}
	if (len > max_bytes) {
		return vmha_err_set(err, -EFBIG, "%s is larger than %zu bytes", path, max_bytes);
	}
	buf[len] = '\0';
	*ret_text = vmha_steal_ptr(buf);
	if (ret_len) {
		*ret_len = len;
	}
	return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -errno;
		}
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int sync_parent(const char *path)
{
	vmha_autofree char *copy = strdup(path);
	vmha_autoclose int fd = -1;

	if (!copy) {
		return -ENOMEM;
	}
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0) {
		return -errno;
	}
	return 0;
}

static int write_synced(const char *path, const void *data, size_t len, mode_t mode)
{
	vmha_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	int r;

	if (fd < 0) {
		return -errno;
	}
	r = fchmod(fd, mode) < 0 ? -errno : write_all(fd, data, len); /* not by our umask */
	if (r < 0) {
		return r;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int vmha_file_write(const char *path, const void *data, size_t len, mode_t mode,
		    struct vmha_err **err)
{
	/* host name: two nodes may write beside each other on a shared volume */
	char host[65] = "";
	vmha_autofree char *tmp = NULL;
	int r;

	(void)gethostname(host, sizeof(host) - 1);
	/* thread, not process: two threads may write the same file at a time */
	tmp = vmha_str_printf("%s.%s.%ld.tmp", path, host, (long)gettid());
	if (!tmp) {
		return vmha_err_set(err, -ENOMEM, "out of memory writing %s", path);
	}
	(void)unlink(tmp); /* left by a crash of a thread with our id */
	r = write_synced(tmp, data, len, mode);
	if (r == 0 && rename(tmp, path) < 0) {
		r = -errno;
	}
	if (r < 0) {
		(void)unlink(tmp);
		return vmha_err_errno(err, r, "cannot write %s", path);
	}
	r = sync_parent(path);
	return r < 0 ? vmha_err_errno(err, r, "cannot sync the directory of %s", path) : 0;
}

int vmha_file_remove(const char *path, struct vmha_err **err)
{
	int r;

	if (unlink(path) < 0) {
		return errno == ENOENT ? 0 : vmha_err_errno(err, -errno, "cannot remove %s", path);
	}
	r = sync_parent(path);
	return r < 0 ? vmha_err_errno(err, r, "cannot sync the directory of %s", path) : 0;
}

int vmha_file_rename(const char *from, const char *to, struct vmha_err **err)
{
	int r;

	if (rename(from, to) < 0) {
		return vmha_err_errno(err, -errno, "cannot rename %s to %s", from, to);
	}
	r = sync_parent(to);
	return r < 0 ? vmha_err_errno(err, r, "cannot sync the directory of %s", to) : 0;
}

/* @return 0 when @path is a directory afterwards */
static int dir_make(const char *path, mode_t mode, struct vmha_err **err)
{
	struct stat st;
	int r;

	if (mkdir(path, mode) == 0) {
		r = sync_parent(path);
		return r < 0 ? vmha_err_errno(err, r, "cannot sync the directory of %s", path) : 0;
	}
	r = -errno;
	if (r == -EEXIST) {
		r = stat(path, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	}
	return r < 0 ? vmha_err_errno(err, r, "cannot make directory %s", path) : 0;
}

int vmha_file_mkdirs(const char *path, mode_t mode, struct vmha_err **err)
{
	vmha_autofree char *copy = strdup(path);
	char *p;
	int r = 0;

	if (!copy) {
		return vmha_err_set(err, -ENOMEM, "out of memory making %s", path);
	}
	for (p = *copy ? copy + 1 : copy; r == 0 && *p; p++) {
		if (*p == '/') {
			*p = '\0';
			r = dir_make(copy, mode, err);
			*p = '/';
		}
	}
	return r < 0 ? r : dir_make(copy, mode, err);
}

int vmha_file_rmdir(const char *path, struct vmha_err **err)
{
	int r;

	if (rmdir(path) < 0) {
		r = errno == EEXIST ? -ENOTEMPTY : -errno; /* POSIX allows both */
		return r == -ENOENT ? 0
				    : vmha_err_errno(err, r, "cannot remove directory %s", path);
	}
	r = sync_parent(path);
	return r < 0 ? vmha_err_errno(err, r, "cannot sync the directory of %s", path) : 0;
}
