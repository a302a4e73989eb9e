# SPDX-License-Identifier: GPL-2.0-or-later
ocf_PROGRAMS += csv/csv

csv_csv_SOURCES = \
	csv/ask.c \
	csv/clash.c \
	csv/csv.h \
	csv/facts.c \
	csv/health.c \
	csv/leases.c \
	csv/locks.c \
	csv/lockspace.c \
	csv/main.c \
	csv/meta.c \
	csv/monitor.c \
	csv/mount.c \
	csv/place.c \
	csv/renewals.c \
	csv/start.c \
	csv/stop.c
csv_csv_LDADD = lib/librole.a lib/libport.a lib/libcore.a lib/libbase.a \
	$(SANLOCK_CLIENT_LIBS) $(COROSYNC_LIBS) $(BLKID_LIBS) $(DLM_LIBS)

# one a volume and node, started by clusterd: who owns the volume, and its chores
pkglibexec_PROGRAMS += csv/vmha-coordinator
csv_vmha_coordinator_SOURCES = \
	csv/ask.c \
	csv/coordinator.c csv/coordinator.h \
	csv/coordinator_chores.c \
	csv/coordinator_journals.c \
	csv/coordinator_own.c
csv_vmha_coordinator_LDADD = lib/librole.a lib/libport.a lib/libcore.a lib/libbase.a \
	$(JANSSON_LIBS) $(LIBVIRT_LIBS) $(LIBXML_LIBS) $(SANLOCK_CLIENT_LIBS) $(DLM_LIBS) $(QB_LIBS)
