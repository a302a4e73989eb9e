/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <glib-unix.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "clusterd/clusterd.h"
#include "clusterd/group.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/port/ipc_client.h"
#include "lib/port/service_notify.h"

#define STATE_FILE "/var/lib/vmha/cluster.json"
#define CHECK_SPAN VMHA_SPAN_S(5)
#define EXIT_USAGE 2

struct options {
	gboolean foreground;
	gboolean version;
	gboolean debug;
	gboolean check;
	char *state_file;
};

static gboolean on_signal(gpointer data)
{
	struct clusterd *c = data;

	clusterd_log(VMHA_LOG_INFO, "ending on a signal");
	g_main_loop_quit(c->loop);
	return G_SOURCE_CONTINUE;
}

static gboolean on_alive(gpointer data)
{
	(void)data;
	vmha_service_alive();
	return G_SOURCE_CONTINUE;
}

/* Only a loop that turns tells the supervisor so. */
static void watchdog_begin(void)
{
	int64_t ms = vmha_span_ms(vmha_service_alive_every());

	if (ms > 0) {
		(void)g_timeout_add((guint)ms, on_alive, NULL);
	}
}

static int options_read(int *argc, char ***argv, struct options *o)
{
	const GOptionEntry entries[] = {
		{ "foreground", 'f', 0, G_OPTION_ARG_NONE, &o->foreground,
		  "Log to standard error instead of syslog", NULL },
		{ "check", 0, 0, G_OPTION_ARG_NONE, &o->check,
		  "Ask the clusterd that runs here: exit status 0 when it is in sync", NULL },
		{ "debug", 'd', 0, G_OPTION_ARG_NONE, &o->debug, "Log more", NULL },
		{ "state-file", 0, 0, G_OPTION_ARG_FILENAME, &o->state_file,
		  "Where the state outlives the daemon [" STATE_FILE "]", "FILE" },
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &o->version, "Show the version", NULL },
		{ NULL },
	};
	GOptionContext *context = g_option_context_new("- coordinates this node's vmha roles");
	g_autoptr(GError) error = NULL;
	gboolean ok;

	g_option_context_add_main_entries(context, entries, NULL);
	ok = g_option_context_parse(context, argc, argv, &error);
	g_option_context_free(context);
	if (!ok || *argc > 1) {
		(void)fprintf(stderr, "vmha-clusterd: %s\n",
			      ok ? "takes no arguments: see --help" : error->message);
		return EXIT_USAGE;
	}
	return 0;
}

static int check(void)
{
	vmha_autoerr struct vmha_err *err = NULL;
	vmha_autofree char *reply = NULL;
	struct vmha_ipc *ipc = NULL;
	json_t *o;
	bool synced;

	if (vmha_ipc_open(&ipc, CHECK_SPAN, &err) < 0 ||
	    vmha_ipc_call(ipc, "{\"v\":1,\"op\":\"hello\"}", CHECK_SPAN, &reply, &err) < 0) {
		(void)fprintf(stderr, "vmha-clusterd: %s\n", vmha_err_text(err));
		vmha_ipc_close(ipc);
		return EXIT_FAILURE;
	}
	vmha_ipc_close(ipc);
	o = json_loads(reply, 0, NULL);
	synced = json_is_true(json_object_get(o, "synced"));
	json_decref(o);
	(void)puts(reply);
	return synced ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(struct clusterd *c)
{
	vmha_autoerr struct vmha_err *err = NULL;
	g_autofree char *dir = g_path_get_dirname(c->state_file);
	int r = vmha_file_mkdirs(dir, 0755, &err);

	r = r < 0 ? r : clusterd_group_open(c, &err);
	r = r < 0 ? r : clusterd_service_open(c, &err);
	if (r < 0) {
		clusterd_log(VMHA_LOG_ERROR, "cannot start: %s", vmha_err_text(err));
	} else {
		(void)g_unix_signal_add(SIGTERM, on_signal, c);
		(void)g_unix_signal_add(SIGINT, on_signal, c);
		watchdog_begin();
		vmha_service_ready("running");
		g_main_loop_run(c->loop);
		vmha_service_stopping();
	}
	clusterd_service_close(c);
	clusterd_modules_stop(c);
	clusterd_group_close(c);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct clusterd c = { 0 };
	int status = options_read(&argc, &argv, &o);

	if (status != 0 || o.version) {
		if (status == 0) {
			(void)puts("vmha-clusterd " PACKAGE_VERSION);
		}
		g_free(o.state_file);
		return status;
	}
	if (o.check) {
		g_free(o.state_file);
		return check();
	}
	(void)umask(0022);
	(void)signal(SIGPIPE, SIG_IGN);
	vmha_qblog_open("vmha-clusterd", o.foreground, o.debug);
	c.state_file = o.state_file ? o.state_file : STATE_FILE;
	c.loop = g_main_loop_new(NULL, FALSE);
	clusterd_log(VMHA_LOG_INFO, "vmha-clusterd %s starts", PACKAGE_VERSION);
	status = run(&c);
	g_main_loop_unref(c.loop);
	clusterd_log(VMHA_LOG_INFO, "end, status %d", status);
	vmha_qblog_close();
	g_free(o.state_file);
	return status;
}
