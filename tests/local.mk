# SPDX-License-Identifier: GPL-2.0-or-later
# Unit tests: one program a file -> `make check` and `./check unit/NAME`.
# A new one is a name in unit_tests and its lines below.
unit_tests = \
	tests/unit/sim \
	tests/unit/lease-times \
	tests/unit/test-addr \
	tests/unit/test-admission \
	tests/unit/test-base-faults \
	tests/unit/test-chores \
	tests/unit/test-cleanup \
	tests/unit/test-cli \
	tests/unit/test-cluster \
	tests/unit/test-cluster-nodes \
	tests/unit/test-cluster-older \
	tests/unit/test-cluster-table \
	tests/unit/test-codec \
	tests/unit/test-conf \
	tests/unit/test-csv-monitor \
	tests/unit/test-device \
	tests/unit/test-diskmode \
	tests/unit/test-domxml \
	tests/unit/test-drive \
	tests/unit/test-err \
	tests/unit/test-eventlog \
	tests/unit/test-evidence \
	tests/unit/test-fencing \
	tests/unit/test-file \
	tests/unit/test-guest \
	tests/unit/test-judge \
	tests/unit/test-lease-header \
	tests/unit/test-lock-dlm \
	tests/unit/test-lockvalue \
	tests/unit/test-lockspace \
	tests/unit/test-log \
	tests/unit/test-mono \
	tests/unit/test-move \
	tests/unit/test-netlink \
	tests/unit/test-network \
	tests/unit/test-network-settings \
	tests/unit/test-move-json \
	tests/unit/test-owner \
	tests/unit/test-pcmk \
	tests/unit/test-pcmk-settings \
	tests/unit/test-precheck \
	tests/unit/test-proc \
	tests/unit/test-record \
	tests/unit/test-renewal \
	tests/unit/test-settings \
	tests/unit/test-since \
	tests/unit/test-stall \
	tests/unit/test-str \
	tests/unit/test-apart \
	tests/unit/test-sync \
	tests/unit/test-view \
	tests/unit/test-tcpabort \
	tests/unit/test-tcpprobe \
	tests/unit/test-volume \
	tests/unit/test-volumemount \
	tests/unit/test-volumetype \
	tests/unit/test-volume-index

check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)

check_LIBRARIES += tests/unit/libunit.a
tests_unit_libunit_a_SOURCES = tests/unit/unit.c tests/unit/unit.h

# libc calls that tests/unit/inject.c can make fail in the program that is linked so
inject_calls = malloc calloc realloc free strdup strndup vasprintf asprintf __vasprintf_chk __asprintf_chk \
	open read write fsync rename unlink rmdir mkdir fchmod pipe2 fork memfd_create lseek kill poll waitpid \
	pidfd_open pidfd_send_signal gethostname
inject_wrap = $(inject_calls:%=-Wl,--wrap=%)
fixture_sources = tests/unit/fixture.c tests/unit/fixture.h
inject_sources = tests/unit/inject.c tests/unit/inject.h

tests_unit_test_addr_SOURCES = tests/unit/test-addr.c
tests_unit_test_addr_LDADD = tests/unit/libunit.a lib/libbase.a

# 5 nodes over the real state machine and codec
tests_unit_sim_SOURCES = tests/sim/sim.c tests/sim/sim.h tests/sim/fake_drain.c \
	tests/sim/fake_order.c tests/sim/fake_world.c
tests_unit_sim_LDADD = lib/libport.a lib/libcore.a lib/libbase.a $(JANSSON_LIBS)

tests_unit_test_base_faults_SOURCES = tests/unit/test-base-faults.c $(inject_sources)
tests_unit_test_base_faults_LDADD = tests/unit/libunit.a lib/libbase.a
tests_unit_test_base_faults_LDFLAGS = $(AM_LDFLAGS) $(inject_wrap)

tests_unit_test_chores_SOURCES = tests/unit/test-chores.c
tests_unit_test_chores_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_csv_monitor_SOURCES = tests/unit/test-csv-monitor.c csv/ask.c csv/monitor.c
tests_unit_test_csv_monitor_LDADD = tests/unit/libunit.a lib/libport.a lib/libcore.a lib/libbase.a \
	$(SANLOCK_CLIENT_LIBS)

tests_unit_test_cleanup_SOURCES = tests/unit/test-cleanup.c
tests_unit_test_cleanup_LDADD = tests/unit/libunit.a lib/libbase.a

tests_unit_test_cli_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_cli_SOURCES = tests/unit/test-cli.c cli/options.c cli/output.c
tests_unit_test_cli_LDADD = tests/unit/libunit.a lib/libbase.a $(JANSSON_LIBS)

tests_unit_test_admission_SOURCES = tests/unit/test-admission.c $(fixture_sources)
tests_unit_test_admission_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_codec_SOURCES = tests/unit/test-codec.c $(fixture_sources)
tests_unit_test_codec_LDADD = tests/unit/libunit.a lib/libport.a lib/libcore.a lib/libbase.a \
	$(JANSSON_LIBS)

tests_unit_test_cluster_SOURCES = tests/unit/test-cluster.c $(fixture_sources)
tests_unit_test_cluster_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_cluster_older_SOURCES = tests/unit/test-cluster-older.c $(fixture_sources)
tests_unit_test_cluster_older_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a
tests_unit_test_cluster_table_SOURCES = tests/unit/test-cluster-table.c $(fixture_sources)
tests_unit_test_cluster_table_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_cluster_nodes_SOURCES = tests/unit/test-cluster-nodes.c $(fixture_sources)
tests_unit_test_cluster_nodes_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_conf_SOURCES = tests/unit/test-conf.c
tests_unit_test_conf_LDADD = tests/unit/libunit.a lib/libbase.a

tests_unit_test_diskmode_SOURCES = tests/unit/test-diskmode.c
tests_unit_test_diskmode_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_domxml_SOURCES = tests/unit/test-domxml.c
tests_unit_test_domxml_LDADD = tests/unit/libunit.a lib/librole.a lib/libport.a lib/libcore.a lib/libbase.a \
	$(LIBXML_LIBS)

tests_unit_test_drive_SOURCES = tests/unit/test-drive.c clusterd/drive_policy.c clusterd/drive_facts.h
tests_unit_test_drive_LDADD = tests/unit/libunit.a lib/libport.a lib/libcore.a lib/libbase.a \
	$(LIBXML_LIBS)

# the caller and the holder of a lock, over a fake of libdlm
tests_unit_test_lock_dlm_CPPFLAGS = $(AM_CPPFLAGS) -DVMHA_DLM_SYSFS='"sysfs-dlm"'
tests_unit_test_lock_dlm_SOURCES = tests/unit/test-lock-dlm.c tests/unit/fake_dlm.c \
	tests/unit/fake_dlm.h lib/port/lock_dlm.c lib/port/lock_dlm_holder.c
tests_unit_test_lock_dlm_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_lockvalue_SOURCES = tests/unit/test-lockvalue.c
tests_unit_test_lockvalue_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_err_SOURCES = tests/unit/test-err.c
tests_unit_test_err_LDADD = tests/unit/libunit.a lib/libbase.a

tests_unit_test_eventlog_SOURCES = tests/unit/test-eventlog.c
tests_unit_test_eventlog_LDADD = tests/unit/libunit.a lib/libport.a lib/libbase.a

tests_unit_test_evidence_SOURCES = tests/unit/test-evidence.c
tests_unit_test_evidence_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_file_SOURCES = tests/unit/test-file.c
tests_unit_test_file_LDADD = tests/unit/libunit.a lib/libbase.a -lpthread

tests_unit_test_guest_SOURCES = tests/unit/test-guest.c
tests_unit_test_guest_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_log_SOURCES = tests/unit/test-log.c
tests_unit_test_log_LDADD = tests/unit/libunit.a lib/libbase.a

tests_unit_test_mono_SOURCES = tests/unit/test-mono.c
tests_unit_test_mono_LDADD = tests/unit/libunit.a lib/libbase.a

tests_unit_test_pcmk_CPPFLAGS = $(AM_CPPFLAGS) -DVMHA_SRCDIR='"$(abs_srcdir)"'
tests_unit_test_pcmk_SOURCES = tests/unit/test-pcmk.c
tests_unit_test_pcmk_LDADD = tests/unit/libunit.a lib/libport.a lib/libcore.a lib/libbase.a $(LIBXML_LIBS)
EXTRA_DIST += $(patsubst $(srcdir)/%,%,$(wildcard $(srcdir)/tests/unit/pcmk/*.xml))

tests_unit_test_pcmk_settings_SOURCES = tests/unit/test-pcmk-settings.c
tests_unit_test_pcmk_settings_LDADD = tests/unit/libunit.a lib/libport.a lib/libcore.a lib/libbase.a \
	$(LIBXML_LIBS)

tests_unit_test_move_SOURCES = tests/unit/test-move.c
tests_unit_test_move_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_netlink_SOURCES = tests/unit/test-netlink.c
tests_unit_test_netlink_LDADD = tests/unit/libunit.a lib/libport.a lib/libbase.a $(NL_LIBS)

tests_unit_test_network_settings_SOURCES = tests/unit/test-network-settings.c
tests_unit_test_network_settings_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_network_SOURCES = tests/unit/test-network.c
tests_unit_test_network_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_move_json_SOURCES = tests/unit/test-move-json.c
tests_unit_test_move_json_LDADD = tests/unit/libunit.a lib/libport.a lib/libbase.a $(JANSSON_LIBS)

tests_unit_test_tcpabort_SOURCES = tests/unit/test-tcpabort.c
tests_unit_test_tcpabort_LDADD = tests/unit/libunit.a lib/libport.a lib/libbase.a
tests_unit_test_tcpprobe_SOURCES = tests/unit/test-tcpprobe.c
tests_unit_test_tcpprobe_LDADD = tests/unit/libunit.a lib/libport.a lib/libbase.a

tests_unit_test_owner_SOURCES = tests/unit/test-owner.c
tests_unit_test_owner_LDADD = tests/unit/libunit.a lib/librole.a lib/libport.a lib/libcore.a \
	lib/libbase.a $(LIBVIRT_LIBS) $(LIBXML_LIBS) $(JANSSON_LIBS) $(SANLOCK_LIBS) $(QB_LIBS)

tests_unit_test_precheck_SOURCES = tests/unit/test-precheck.c
tests_unit_test_precheck_LDADD = tests/unit/libunit.a lib/librole.a lib/libport.a lib/libcore.a \
	lib/libbase.a $(LIBVIRT_LIBS) $(LIBXML_LIBS) $(JANSSON_LIBS) $(SANLOCK_LIBS) $(QB_LIBS)

tests_unit_test_proc_SOURCES = tests/unit/test-proc.c
tests_unit_test_proc_LDADD = tests/unit/libunit.a lib/libbase.a -lpthread

tests_unit_test_record_SOURCES = tests/unit/test-record.c $(inject_sources)
tests_unit_test_record_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a
tests_unit_test_record_LDFLAGS = $(AM_LDFLAGS) $(inject_wrap)

tests_unit_test_settings_SOURCES = tests/unit/test-settings.c
tests_unit_test_settings_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_since_SOURCES = tests/unit/test-since.c cli/since.c
tests_unit_test_since_LDADD = tests/unit/libunit.a lib/libbase.a

tests_unit_test_fencing_SOURCES = tests/unit/test-fencing.c
tests_unit_test_fencing_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_renewal_SOURCES = tests/unit/test-renewal.c
tests_unit_test_renewal_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_stall_SOURCES = tests/unit/test-stall.c
tests_unit_test_stall_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_str_SOURCES = tests/unit/test-str.c
tests_unit_test_str_LDADD = tests/unit/libunit.a lib/libbase.a

tests_unit_test_view_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) -DVMHA_SRCDIR='"$(abs_srcdir)"'
tests_unit_test_view_SOURCES = tests/unit/test-view.c cli/view.c
tests_unit_test_view_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a $(JANSSON_LIBS)
EXTRA_DIST += tests/unit/cli/state.json

tests_unit_test_volumemount_SOURCES = tests/unit/test-volumemount.c
tests_unit_test_volumemount_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a
tests_unit_test_device_SOURCES = tests/unit/test-device.c
tests_unit_test_device_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a
tests_unit_test_lease_header_SOURCES = tests/unit/test-lease-header.c
tests_unit_test_lease_header_LDADD = tests/unit/libunit.a lib/libport.a lib/libcore.a lib/libbase.a
tests_unit_test_lockspace_SOURCES = tests/unit/test-lockspace.c
tests_unit_test_lockspace_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a
tests_unit_test_volumetype_SOURCES = tests/unit/test-volumetype.c
tests_unit_test_volumetype_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a
tests_unit_test_volume_index_SOURCES = tests/unit/test-volume-index.c
tests_unit_test_volume_index_LDADD = tests/unit/libunit.a lib/libcore.a lib/libbase.a

tests_unit_test_volume_SOURCES = tests/unit/test-volume.c
tests_unit_test_volume_LDADD = tests/unit/libunit.a lib/librole.a lib/libport.a lib/libcore.a \
	lib/libbase.a $(SANLOCK_CLIENT_LIBS)

tests_unit_lease_times_SOURCES = tests/unit/lease-times.c
tests_unit_lease_times_LDADD = lib/libport.a lib/libcore.a lib/libbase.a $(SANLOCK_CLIENT_LIBS)

include $(srcdir)/tests/bench/local.mk
include $(srcdir)/tests/daemon/local.mk
include $(srcdir)/tests/fault/local.mk
# tests by scripts: found by tests/run, not by make
EXTRA_DIST += tests/run $(patsubst $(srcdir)/%,%,$(wildcard $(srcdir)/tests/*/*.sh))

# for tests/run
print-unit-tests:
	@printf '%s\n' $(TESTS)
# for tests/lint: every include path and definition, one word a line
print-c-flags:
	@printf '%s\n' $(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) $(LIBVIRT_CFLAGS) $(LIBXML_CFLAGS) \
		$(JANSSON_CFLAGS) $(SANLOCK_CFLAGS) $(FUSE_CFLAGS) $(GLIB_CFLAGS) $(QB_CFLAGS) \
		$(COROSYNC_CFLAGS) $(CIB_CFLAGS:-I%=-isystem %) $(NL_CFLAGS) $(LIBVIRT_GLIB_CFLAGS) $(SYSTEMD_CFLAGS) -std=gnu11 \
		-DVMHA_SRCDIR='"$(abs_srcdir)"' -DVMHA_BINDIR='"$(bindir)"'
# figures, beside those of the bare library in the same run; no part of ./check
bench: all $(check_PROGRAMS)
	$(MAKE) install DESTDIR=$(abs_builddir)/stage >/dev/null
	$(srcdir)/tests/run --build $(abs_builddir) bench

.PHONY: bench print-unit-tests print-c-flags
