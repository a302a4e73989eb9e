# SPDX-License-Identifier: GPL-2.0-or-later
# clusterd, the daemon of every node.

# libvirt's events for it, in a process of their own: clusterd links no libvirt
pkglibexec_PROGRAMS += clusterd/vmha-virtwatch
clusterd_vmha_virtwatch_CPPFLAGS = $(AM_CPPFLAGS) $(GLIB_CFLAGS) $(JANSSON_CFLAGS)
clusterd_vmha_virtwatch_SOURCES = clusterd/virtwatch.c
clusterd_vmha_virtwatch_LDADD = lib/libport.a lib/libcore.a lib/libbase.a \
	$(LIBVIRT_GLIB_LIBS) $(LIBVIRT_LIBS) $(GLIB_LIBS) $(JANSSON_LIBS)

# Pacemaker's configuration for it, likewise
pkglibexec_PROGRAMS += clusterd/vmha-cibwatch
clusterd_vmha_cibwatch_CPPFLAGS = $(AM_CPPFLAGS) $(GLIB_CFLAGS) $(JANSSON_CFLAGS)
clusterd_vmha_cibwatch_SOURCES = clusterd/cibwatch.c
clusterd_vmha_cibwatch_LDADD = lib/libport.a lib/libcore.a lib/libbase.a \
	$(CIB_LIBS) $(FENCING_LIBS) $(LIBXML_LIBS) $(GLIB_LIBS) $(JANSSON_LIBS)

sbin_PROGRAMS += clusterd/vmha-clusterd
systemdsystemunit_DATA += clusterd/vmha-clusterd.service
EXTRA_DIST += clusterd/vmha-clusterd.service.in
CLEANFILES += clusterd/vmha-clusterd.service
clusterd_vmha_clusterd_CPPFLAGS = $(AM_CPPFLAGS) -DVMHA_BINDIR='"$(bindir)"' \
	$(GLIB_CFLAGS) $(JANSSON_CFLAGS) $(QB_CFLAGS)
clusterd_vmha_clusterd_SOURCES = \
	clusterd/clusterd.h \
	clusterd/config.c clusterd/config.h \
	clusterd/drive.c clusterd/drive.h \
	clusterd/drive_agents.c \
	clusterd/drive_asks.c clusterd/drive_asks.h \
	clusterd/drive_blocked.c \
	clusterd/drive_check.c \
	clusterd/drive_drain.c clusterd/drive_drain.h \
	clusterd/drive_facts.c clusterd/drive_facts.h \
	clusterd/drive_leave.c \
	clusterd/drive_pcmk.c clusterd/drive_pcmk.h \
	clusterd/drive_plan.c clusterd/drive_reports.c clusterd/drive_agent.h \
	clusterd/drive_policy.c \
	clusterd/drive_settle.c \
	clusterd/drive_watch.c \
	clusterd/fence.c clusterd/fence.h \
	clusterd/forget.c clusterd/forget.h \
	clusterd/group.c clusterd/group.h \
	clusterd/journal.c clusterd/journal.h \
	clusterd/linechild.c clusterd/linechild.h \
	clusterd/guestend.c \
	clusterd/guestlook.c \
	clusterd/guestproc.c \
	clusterd/guests.c clusterd/guests.h \
	clusterd/loop.c clusterd/loop.h \
	clusterd/main.c \
	clusterd/modules.c \
	clusterd/moveage.c \
	clusterd/net.c clusterd/net.h \
	clusterd/net_events.c clusterd/net_events.h \
	clusterd/net_probe.c clusterd/net_probe.h \
	clusterd/net_view.c clusterd/net_view.h \
	clusterd/ops.c \
	clusterd/ops_move.c \
	clusterd/ops_node.c \
	clusterd/outbox.c \
	clusterd/persist.c \
	clusterd/ratelimit.h \
	clusterd/service.c clusterd/service.h \
	clusterd/sync.c \
	clusterd/virtchild.c clusterd/virtchild.h \
	clusterd/volumes.c clusterd/volumes_ops.c clusterd/volumes.h \
	clusterd/worker.c clusterd/worker.h \
	clusterd/worth.c
clusterd_vmha_clusterd_LDADD = lib/libport.a lib/libcore.a lib/libbase.a \
	$(GLIB_LIBS) $(JANSSON_LIBS) $(QB_LIBS) $(COROSYNC_LIBS) $(NL_LIBS) \
	$(SYSTEMD_LIBS) $(LIBXML_LIBS)

# what becomes of a guest that ended or stands still: asks and tells Pacemaker
pkglibexec_PROGRAMS += clusterd/vmha-guest-report
clusterd_vmha_guest_report_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
clusterd_vmha_guest_report_SOURCES = clusterd/guestreport.c
clusterd_vmha_guest_report_LDADD = lib/libport.a lib/libcore.a lib/libbase.a \
	$(LIBXML_LIBS) $(JANSSON_LIBS)
