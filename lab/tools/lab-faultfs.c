// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One node's view of the shared storage: a FUSE passthrough of a directory, with flock() that holds
 * between nodes, and with faults on demand.
 *
 *   lab-faultfs SOURCE CONTROL MOUNTPOINT
 *
 * CONTROL is a file whose text says what happens to every operation from now on: "ok", "eio"
 * (fails), "hang" (waits until the text changes, then goes on), "delay:MS", "full" (no file grows),
 * "denied" (no name is made, changed or removed: an export that trusts no root of ours).  Data is
 * never cached.
 */
#define FUSE_USE_VERSION 35
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define IO_ALIGN     4096UL
#define HANG_POLL_MS 20

struct faultfs {
	const char *source; /* this process's root directory once it serves */
	int control_fd;
};

static const struct faultfs *self(void)
{
	return fuse_get_context()->private_data;
}

static void wait_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) != 0 && errno == EINTR) {
	}
}

/* What an operation does to the storage, and so what refuses it. */
enum change {
	CHANGE_NOTHING,
	CHANGE_NAMES,
	CHANGE_SPACE,
};

/* Applies the fault that is set now: 0 or a negative errno, after the wait it asks for. */
static int fault_of(enum change change)
{
	char text[24] = "";

	for (;;) {
		ssize_t n = pread(self()->control_fd, text, sizeof(text) - 1, 0);

		text[n > 0 ? n : 0] = '\0';
		if (strncmp(text, "hang", 4) != 0) {
			break;
		}
		wait_ms(HANG_POLL_MS);
	}
	if (strncmp(text, "eio", 3) == 0) {
		return -EIO;
	}
	if (strncmp(text, "delay:", 6) == 0) {
		wait_ms(strtol(text + 6, NULL, 10));
	}
	if (change == CHANGE_SPACE && strncmp(text, "full", 4) == 0) {
		return -ENOSPC;
	}
	return change == CHANGE_NAMES && strncmp(text, "denied", 6) == 0 ? -EACCES : 0;
}

static int fault(void)
{
	return fault_of(CHANGE_NOTHING);
}

/* A write behind the end needs space; one inside the file is taken to have it. */
static int fault_grows(int fd, off_t end)
{
	struct stat st;

	return fault_of(fstat(fd, &st) < 0 || end > st.st_size ? CHANGE_SPACE : CHANGE_NOTHING);
}

static int result(int rc)
{
	return rc == 0 ? 0 : -errno;
}

/* What root made on behalf of a caller belongs to the caller. */
static int give_to_caller(const char *path)
{
	const struct fuse_context *ctx = fuse_get_context();

	return result(lchown(path, ctx->uid, ctx->gid));
}

static int fs_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	int rc = fault();

	if (rc != 0) {
		return rc;
	}
	return result(fi != NULL ? fstat((int)fi->fh, st) : lstat(path, st));
}

static int fs_readlink(const char *path, char *buf, size_t size)
{
	int rc = fault();
	ssize_t n;

	if (rc != 0) {
		return rc;
	}
	n = readlink(path, buf, size - 1);
	if (n < 0) {
		return -errno;
	}
	buf[n] = '\0';
	return 0;
}

static int fs_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t offset,
		      struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	int rc = fault();
	struct dirent *entry;
	DIR *dir;

	(void)offset;
	(void)fi;
	(void)flags;
	if (rc != 0) {
		return rc;
	}
	dir = opendir(path);
	if (dir == NULL) {
		return -errno;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (fill(buf, entry->d_name, NULL, 0, 0) != 0) {
			break;
		}
	}
	closedir(dir);
	return 0;
}

static int open_real(const char *path, struct fuse_file_info *fi, int flags, mode_t mode)
{
	int fd = open(path, (flags & ~O_NOFOLLOW) | O_CLOEXEC, mode);

	if (fd < 0) {
		return -errno;
	}
	fi->fh = (uint64_t)fd;
	fi->direct_io = 1;
	return 0;
}

static int fs_open(const char *path, struct fuse_file_info *fi)
{
	int rc = fault();

	return rc != 0 ? rc : open_real(path, fi, fi->flags & ~(O_APPEND | O_EXCL), 0);
}

static int fs_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	int rc = fault_of(CHANGE_NAMES);

	if (rc == 0) {
		rc = open_real(path, fi, (fi->flags & ~O_APPEND) | O_CREAT, mode);
	}
	if (rc == 0) {
		rc = give_to_caller(path);
	}
	return rc;
}

/* Direct I/O wants aligned memory; the kernel's buffer may lie anywhere. */
static int io_begin(size_t size, void **ret_aligned)
{
	int rc = fault();

	if (rc != 0) {
		return rc;
	}
	*ret_aligned = aligned_alloc(IO_ALIGN, (size + IO_ALIGN - 1) & ~(IO_ALIGN - 1));
	return *ret_aligned == NULL ? -ENOMEM : 0;
}

static int fs_read(const char *path, char *buf, size_t size, off_t offset,
		   struct fuse_file_info *fi)
{
	void *aligned = NULL;
	int rc = io_begin(size, &aligned);
	ssize_t n;

	(void)path;
	if (rc != 0) {
		return rc;
	}
	n = pread((int)fi->fh, aligned, size, offset);
	rc = n < 0 ? -errno : (int)n;
	if (n > 0) {
		memcpy(buf, aligned, (size_t)n);
	}
	free(aligned);
	return rc;
}

static int fs_write(const char *path, const char *buf, size_t size, off_t offset,
		    struct fuse_file_info *fi)
{
	void *aligned = NULL;
	int rc = io_begin(size, &aligned);
	ssize_t n;

	(void)path;
	if (rc != 0) {
		return rc;
	}
	rc = fault_grows((int)fi->fh, offset + (off_t)size);
	if (rc != 0) {
		free(aligned);
		return rc;
	}
	memcpy(aligned, buf, size);
	n = pwrite((int)fi->fh, aligned, size, offset);
	rc = n < 0 ? -errno : (int)n;
	free(aligned);
	return rc;
}

static int fs_release(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	close((int)fi->fh);
	return 0;
}

static int fs_fsync(const char *path, int datasync, struct fuse_file_info *fi)
{
	int rc = fault();

	(void)path;
	if (rc != 0) {
		return rc;
	}
	return result(datasync ? fdatasync((int)fi->fh) : fsync((int)fi->fh));
}

/*
 * flock() is taken on the real file by this open: it holds against the other nodes' daemons.  There
 * is no fs_lock: libfuse keeps POSIX and OFD locks of closed files, so these hold within a node
 * only.
 */
static int fs_flock(const char *path, struct fuse_file_info *fi, int op)
{
	(void)path;
	return result(flock((int)fi->fh, op));
}

static int fs_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	int rc = fault();

	if (rc != 0) {
		return rc;
	}
	return result(fi != NULL ? ftruncate((int)fi->fh, size) : truncate(path, size));
}

static int fs_fallocate(const char *path, int mode, off_t offset, off_t length,
			struct fuse_file_info *fi)
{
	int rc = fault_of(CHANGE_SPACE);

	(void)path;
	return rc != 0 ? rc : result(fallocate((int)fi->fh, mode, offset, length));
}

static int fs_unlink(const char *path)
{
	int rc = fault_of(CHANGE_NAMES);

	return rc != 0 ? rc : result(unlink(path));
}

static int fs_mkdir(const char *path, mode_t mode)
{
	int rc = fault_of(CHANGE_NAMES);

	if (rc == 0) {
		rc = result(mkdir(path, mode));
	}
	return rc != 0 ? rc : give_to_caller(path);
}

static int fs_rmdir(const char *path)
{
	int rc = fault_of(CHANGE_NAMES);

	return rc != 0 ? rc : result(rmdir(path));
}

static int fs_symlink(const char *target, const char *path)
{
	int rc = fault_of(CHANGE_NAMES);

	if (rc == 0) {
		rc = result(symlink(target, path));
	}
	return rc != 0 ? rc : give_to_caller(path);
}

static int fs_rename(const char *from, const char *to, unsigned int flags)
{
	int rc = fault_of(CHANGE_NAMES);

	return rc != 0 ? rc : result(renameat2(AT_FDCWD, from, AT_FDCWD, to, flags));
}

static int fs_link(const char *from, const char *to)
{
	int rc = fault_of(CHANGE_NAMES);

	return rc != 0 ? rc : result(link(from, to));
}

static int fs_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	int rc = fault();

	(void)fi;
	return rc != 0 ? rc : result(chmod(path, mode));
}

static int fs_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *fi)
{
	int rc = fault();

	(void)fi;
	return rc != 0 ? rc : result(lchown(path, uid, gid));
}

static int fs_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *fi)
{
	int rc = fault();

	(void)fi;
	return rc != 0 ? rc : result(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW));
}

static int fs_statfs(const char *path, struct statvfs *st)
{
	int rc = fault();

	return rc != 0 ? rc : result(statvfs(path, st));
}

/* Mounted now: nothing beside the source is needed any more, so that no symlink leads out of it. */
static void *fs_init(struct fuse_conn_info *conn, struct fuse_config *cfg)
{
	(void)conn;
	if (chroot(self()->source) != 0 || chdir("/") != 0) {
		perror("lab-faultfs: cannot confine to the source");
		_exit(1);
	}
	cfg->direct_io = 1;
	cfg->kernel_cache = 0;
	cfg->attr_timeout = 0;
	cfg->entry_timeout = 0;
	cfg->negative_timeout = 0;
	cfg->use_ino = 1;
	cfg->hard_remove = 1;
	return fuse_get_context()->private_data;
}

static const struct fuse_operations operations = {
	.init = fs_init,
	.getattr = fs_getattr,
	.readlink = fs_readlink,
	.readdir = fs_readdir,
	.open = fs_open,
	.create = fs_create,
	.read = fs_read,
	.write = fs_write,
	.release = fs_release,
	.fsync = fs_fsync,
	.flock = fs_flock,
	.truncate = fs_truncate,
	.fallocate = fs_fallocate,
	.unlink = fs_unlink,
	.mkdir = fs_mkdir,
	.rmdir = fs_rmdir,
	.symlink = fs_symlink,
	.rename = fs_rename,
	.link = fs_link,
	.chmod = fs_chmod,
	.chown = fs_chown,
	.utimens = fs_utimens,
	.statfs = fs_statfs,
};

int main(int argc, char **argv)
{
	struct faultfs fs = { 0 };
	char opts[] = "allow_other,default_permissions,fsname=vmha-lab,max_threads=64";
	char foreground[] = "-f";
	char option[] = "-o";
	char *fuse_argv[] = { argv[0], NULL, foreground, option, opts, NULL };

	if (argc != 4) {
		fputs("usage: lab-faultfs SOURCE CONTROL MOUNTPOINT\n", stderr);
		return 2;
	}
	fs.source = argv[1];
	fs.control_fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (fs.control_fd < 0) {
		perror(argv[2]);
		return 1;
	}
	fuse_argv[1] = argv[3];
	umask(0);
	return fuse_main(5, fuse_argv, &operations, &fs);
}
