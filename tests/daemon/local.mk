# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/daemon/clusterd-tool
tests_daemon_clusterd_tool_CPPFLAGS = $(AM_CPPFLAGS) $(QB_CFLAGS) $(COROSYNC_CFLAGS)
tests_daemon_clusterd_tool_SOURCES = tests/daemon/clusterd-tool.c
tests_daemon_clusterd_tool_LDADD = lib/libport.a lib/libbase.a $(QB_LIBS) $(COROSYNC_LIBS)

EXTRA_DIST += tests/clusterd-lib.sh tests/drain-lib.sh tests/systemd-lib.sh tests/daemon/clusterd-state.sh tests/daemon/clusterd-hostile.sh

# the group over a fake corosync
tests_unit_test_apart_CPPFLAGS = $(AM_CPPFLAGS) $(GLIB_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_apart_SOURCES = tests/unit/test-apart.c clusterd/group.c clusterd/outbox.c \
	clusterd/sync.c clusterd/worth.c
tests_unit_test_apart_LDADD = tests/unit/libunit.a lib/libport.a lib/libcore.a lib/libbase.a \
	$(GLIB_LIBS) $(JANSSON_LIBS)
tests_unit_test_sync_CPPFLAGS = $(AM_CPPFLAGS) $(GLIB_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_sync_SOURCES = tests/unit/test-sync.c clusterd/group.c clusterd/outbox.c \
	clusterd/sync.c clusterd/worth.c
tests_unit_test_sync_LDADD = tests/unit/libunit.a lib/libport.a lib/libcore.a lib/libbase.a \
	$(GLIB_LIBS) $(JANSSON_LIBS)
