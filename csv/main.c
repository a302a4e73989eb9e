/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "csv/csv.h"
#include "lib/base/str.h"

#define TIMEOUT_DEFAULT_MS 20000 /* by hand, without Pacemaker */

enum vmha_ocf csv_fail(enum vmha_ocf rc, const char *fmt, ...)
{
	char text[1536];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return (enum vmha_ocf)vmha_ocf_fail(rc, text);
}

const char *csv_users_text(const struct vmha_user *users, size_t count, char *text, size_t size)
{
	size_t len = (size_t)snprintf(text, size, "VM%s ", count == 1 ? "" : "s");
	size_t i;

	for (i = 0; i < count && len < size; i++) {
		len += (size_t)snprintf(text + len, size - len, "%s%s", i ? ", " : "", users[i].vm);
	}
	return text;
}

static struct vmha_mono deadline_of(void)
{
	uint64_t timeout_ms = vmha_ocf_number("OCF_RESKEY_CRM_meta_timeout", TIMEOUT_DEFAULT_MS);
	/* time to say what is wrong before Pacemaker kills us */
	uint64_t margin_ms = timeout_ms / 10 > 3000 ? 3000 : timeout_ms / 10;

	return vmha_mono_add(vmha_mono_now(), VMHA_SPAN_MS(timeout_ms - margin_ms));
}

/* What is where: the path of a directory, or the device that this agent mounts. */
static enum vmha_ocf storage_read(struct csv_params *p, char *place)
{
	const char *type = getenv("OCF_RESKEY_type");
	const char *lock = getenv("OCF_RESKEY_lock");

	p->path = getenv("OCF_RESKEY_path");
	p->device = getenv("OCF_RESKEY_device");
	p->options = getenv("OCF_RESKEY_options");
	p->options = p->options ? p->options : "";
	if (vmha_volume_type_parse(type, &p->type) < 0) {
		return csv_fail(OCF_ERR_CONFIGURED,
				"parameter type must be dir, nfs or gfs2, not %s", type);
	}
	p->lock = vmha_volume_type_lock(p->type);
	if (lock && vmha_volume_lock_parse(lock, &p->lock) < 0) {
		return csv_fail(OCF_ERR_CONFIGURED, "parameter lock must be dlm or sanlock, not %s",
				lock);
	}
	vmha_volume_path(p->volume, VMHA_VOLUME_DIR, place);
	if (p->type == VMHA_VOLUME_TYPE_DIR ? p->device || *p->options : p->path || !p->device) {
		return csv_fail(OCF_ERR_CONFIGURED,
				"parameters of type dir are path, of nfs and gfs2 device and "
				"options; type is %s",
				vmha_volume_type_name(p->type));
	}
	p->path = p->path ? p->path : place;
	if (p->path[0] != '/' || strlen(p->path) >= VMHA_PATH_SIZE) {
		return csv_fail(OCF_ERR_CONFIGURED, "parameter path must be an absolute path");
	}
	return OCF_SUCCESS;
}

static enum vmha_ocf params_read(struct csv_params *p, char *place)
{
	const char *io_timeout = getenv("OCF_RESKEY_io_timeout");
	uint64_t n = 0;

	p->volume = getenv("OCF_RESKEY_volume");
	p->id = getenv("OCF_RESKEY_id");
	p->probe = vmha_ocf_number("OCF_RESKEY_CRM_meta_interval", 0) == 0;
	p->deadline = deadline_of();
	if (!p->volume || !vmha_str_is_name(p->volume)) {
		return csv_fail(
			OCF_ERR_CONFIGURED,
			"parameter volume must be a name of 1 to 47 letters, digits, '.', '_' "
			"or '-'");
	}
	if (io_timeout && vmha_str_u64(io_timeout, VMHA_IO_TIMEOUT_MIN, VMHA_IO_TIMEOUT_MAX, &n)) {
		return csv_fail(OCF_ERR_CONFIGURED,
				"parameter io_timeout must be %d to %d seconds, not %s",
				VMHA_IO_TIMEOUT_MIN, VMHA_IO_TIMEOUT_MAX, io_timeout);
	}
	p->io_timeout_s = (unsigned int)n;
	return storage_read(p, place);
}

static enum vmha_ocf csv_validate(const struct csv_params *p)
{
	if (access("/usr/sbin/sanlock", X_OK) < 0 && access("/sbin/sanlock", X_OK) < 0) {
		return csv_fail(OCF_ERR_INSTALLED, "sanlock is not installed on this node");
	}
	if (vmha_ocf_number("OCF_CHECK_LEVEL", 0) >= 10 && access(p->path, F_OK) < 0) {
		return csv_fail(OCF_ERR_GENERIC, "path %s is not there on this node", p->path);
	}
	return OCF_SUCCESS;
}

static void usage(FILE *to)
{
	(void)fputs("usage: csv {start|stop|monitor|validate-all|meta-data}\n"
		    "A resource agent: Pacemaker runs it, with its parameters in the environment.\n"
		    "See ocf_vmha_csv(7).\n",
		    to);
}

static const struct {
	const char *name;
	enum vmha_ocf (*run)(const struct csv_params *p);
} actions[] = {
	{ "start", csv_start },
	{ "stop", csv_stop },
	{ "monitor", csv_monitor },
	{ "validate-all", csv_validate },
};

int main(int argc, char **argv)
{
	const char *action = argc == 2 ? argv[1] : "";
	char place[VMHA_PATH_SIZE];
	struct csv_params p = { 0 };
	enum vmha_ocf rc;
	size_t i;

	if (strcmp(action, "meta-data") == 0) {
		csv_meta_data();
		return OCF_SUCCESS;
	}
	if (strcmp(action, "usage") == 0 || strcmp(action, "help") == 0) {
		usage(stdout);
		return OCF_SUCCESS;
	}
	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(action, actions[i].name) == 0) {
			rc = params_read(&p, place);
			return (int)(rc == OCF_SUCCESS ? actions[i].run(&p) : rc);
		}
	}
	usage(stderr);
	return OCF_ERR_UNIMPLEMENTED;
}
