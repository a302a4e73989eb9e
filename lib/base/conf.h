/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_BASE_CONF_H
#define VMHA_BASE_CONF_H

#include <stdbool.h>

#include "lib/base/err.h"

/*
 * Reading and changing one setting in the text of a configuration file, everything else left as it
 * is to the byte: comments, order, line ends.  Pure: text in, text out.
 */
enum vmha_conf_style {
	VMHA_CONF_LIBVIRT, /* key = "text" | number | [ list ], over several lines too; the first
			      of several counts */
	VMHA_CONF_PLAIN,   /* key = text to the end of the line (sanlock, vmha) */
	VMHA_CONF_SHELL,   /* KEY="text", no spaces (/etc/default) */
};

/**
 * Read a setting.
 * @param[out] ret_value as written, quotes and brackets kept; caller frees; set on 0 only
 * @return 0; -ENOENT not set; -EBADMSG the text is malformed (err says in which line); -ENOMEM
 */
int vmha_conf_get(const char *text, enum vmha_conf_style style, const char *key, char **ret_value,
		  struct vmha_err **err);

/**
 * Change a setting, or add it: behind the line that mentions it in a comment ("#key = ..."), else
 * at the end.  Further lines that set the same key are turned into comments.
 * @param value as it is to stand in the file, with its quotes: see vmha_conf_quote(); NULL: not
 * set, all lines that set it are turned into comments
 * @param[out] ret_text the new text, equal to @text when it says so already; caller frees
 * @return 0; -EINVAL bad key, or a value that the style cannot hold; -EBADMSG @text is malformed
 */
int vmha_conf_set(const char *text, enum vmha_conf_style style, const char *key, const char *value,
		  char **ret_text, struct vmha_err **err);

/** The text in quotes of a value, or the value itself where it has none. @return NULL: no memory */
char *vmha_conf_unquote(const char *value);

/** @return "text" in double quotes; NULL when memory ran out */
char *vmha_conf_quote(const char *text);

/** Do two values say the same?  White space outside of quotes and the kind of quote are ignored. */
bool vmha_conf_same(const char *a, const char *b);

#endif
