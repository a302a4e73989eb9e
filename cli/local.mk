# SPDX-License-Identifier: GPL-2.0-or-later
bin_PROGRAMS += cli/vmha

cli_vmha_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(LIBVIRT_CFLAGS) $(LIBXML_CFLAGS) \
	$(SANLOCK_CFLAGS)
cli_vmha_SOURCES = \
	cli/check.c \
	cli/cli.h \
	cli/cluster.c cli/cluster.h \
	cli/cold.c \
	cli/daemon.c cli/daemon.h \
	cli/config.c \
	cli/drain.c \
	cli/events.c \
	cli/heal.c cli/heal.h \
	cli/heal_run.c \
	cli/lab.c \
	cli/main.c \
	cli/migrate.c cli/migrate.h \
	cli/migration.c \
	cli/network.c \
	cli/node.c \
	cli/node_cert.c cli/node_cert.h \
	cli/node_change.c \
	cli/node_checks.c \
	cli/node_doctor.c cli/node_report.h \
	cli/node_facts.c cli/node_facts.h \
	cli/node_live.c \
	cli/node_pki.c cli/node_pki.h \
	cli/node_plan.c cli/node_plan.h \
	cli/node_settings.c \
	cli/node_setup.c cli/node_setup.h \
	cli/node_units.c cli/node_units.h \
	cli/options.c \
	cli/output.c cli/output.h \
	cli/roles.c cli/roles.h \
	cli/since.c cli/since.h \
	cli/status.c \
	cli/view.c cli/view.h \
	cli/vm.c cli/vm.h \
	cli/vmadd.c \
	cli/vmcpu.c \
	cli/vmcheck.c \
	cli/vmedit.c \
	cli/vmremove.c \
	cli/volume.c cli/volume.h \
	cli/volume_add.c \
	cli/volume_ask.c \
	cli/volume_check.c \
	cli/volume_create.c \
	cli/volume_device.c \
	cli/volume_dlm.c \
	cli/volume_foreign.c \
	cli/volume_lock.c \
	cli/volume_measure.c \
	cli/volume_owner.c \
	cli/volume_resource.c \
	cli/volume_show.c \
	cli/volume_storage.c \
	cli/volume_times.c \
	cli/watch.c cli/watch.h
cli_vmha_LDADD = lib/librole.a lib/libport.a lib/libcore.a lib/libbase.a \
	$(JANSSON_LIBS) $(LIBVIRT_LIBS) $(LIBXML_LIBS) $(NL_LIBS) $(QB_LIBS) $(SANLOCK_LIBS) $(COROSYNC_LIBS) $(BLKID_LIBS) $(DLM_LIBS)

systemdsystemunit_DATA += cli/vmha-shutdown.service
EXTRA_DIST += cli/vmha-shutdown.service.in
CLEANFILES += cli/vmha-shutdown.service
