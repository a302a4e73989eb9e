/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"

int vmha_usage(struct vmha_err **err, const char *fmt, ...)
{
	vmha_autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
	}
	va_end(ap);
	(void)vmha_err_set(err, -EINVAL, "%s", text ? text : "wrong usage");
	return VMHA_EXIT_USAGE;
}

static const struct vmha_option *option_find(const struct vmha_option *opts, const char *word)
{
	size_t len = strcspn(word, "=");

	for (; opts->name; opts++) {
		if (strlen(opts->name) == len && strncmp(opts->name, word, len) == 0) {
			return opts;
		}
	}
	return NULL;
}

/* @return words used, or -EINVAL with *err set */
static int option_apply(const struct vmha_option *opts, const char *word, const char *next,
			struct vmha_err **err)
{
	const struct vmha_option *o = option_find(opts, word + 2);
	const char *equals = strchr(word, '=');

	if (!o) {
		return vmha_err_set(err, -EINVAL, "unknown option %.*s", (int)strcspn(word, "="),
				    word);
	}
	if (o->flag) {
		if (equals) {
			return vmha_err_set(err, -EINVAL, "option --%s takes no value", o->name);
		}
		*o->flag = true;
		return 1;
	}
	if (!equals && !next) {
		return vmha_err_set(err, -EINVAL, "option --%s needs a value", o->name);
	}
	*o->value = equals ? equals + 1 : next;
	return equals ? 1 : 2;
}

int vmha_options_take(int *argc, char **argv, const struct vmha_option *opts, struct vmha_err **err)
{
	int kept = 1;
	int i = 1;

	while (i < *argc) {
		int used;

		if (strcmp(argv[i], "--") == 0) {
			for (i++; i < *argc; i++) {
				argv[kept++] = argv[i];
			}
			break;
		}
		if (argv[i][0] != '-' || !argv[i][1]) {
			argv[kept++] = argv[i++];
			continue;
		}
		if (argv[i][1] != '-') {
			return vmha_usage(err, "unknown option %s (options are long: --name)",
					  argv[i]);
		}
		used = option_apply(opts, argv[i], i + 1 < *argc ? argv[i + 1] : NULL, err);
		if (used < 0) {
			return VMHA_EXIT_USAGE;
		}
		i += used;
	}
	*argc = kept;
	argv[kept] = NULL;
	return 0;
}

int vmha_need_root(struct vmha_err **err)
{
	if (geteuid() != 0) {
		return vmha_err_set(err, -EPERM, "this needs root: run it with sudo");
	}
	return 0;
}
