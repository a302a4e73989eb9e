# SPDX-License-Identifier: GPL-2.0-or-later
# Layers, lowest first; each may use those above it in this file only.
noinst_LIBRARIES += lib/libbase.a lib/libcore.a lib/libport.a lib/librole.a

lib_libbase_a_SOURCES = \
	lib/base/addr.c lib/base/addr.h \
	lib/base/cleanup.h \
	lib/base/conf.c lib/base/conf.h \
	lib/base/err.c lib/base/err.h \
	lib/base/file.c lib/base/file.h \
	lib/base/log.c lib/base/log.h \
	lib/base/mono.c lib/base/mono.h \
	lib/base/proc.c lib/base/proc.h \
	lib/base/str.c lib/base/str.h

lib_libcore_a_SOURCES = \
	lib/core/chores.c lib/core/chores.h \
	lib/core/cluster.c lib/core/cluster.h \
	lib/core/cluster_admit.c \
	lib/core/cluster_check.c \
	lib/core/cluster_drain.c \
	lib/core/cluster_effect.c \
	lib/core/cluster_event.c \
	lib/core/cluster_int.h \
	lib/core/cluster_mig.c \
	lib/core/cluster_names.c \
	lib/core/cluster_node.c \
	lib/core/cluster_way.c \
	lib/core/device.c lib/core/device.h \
	lib/core/diskmode.c lib/core/diskmode.h \
	lib/core/evidence.c lib/core/evidence.h \
	lib/core/fencing.c lib/core/fencing.h \
	lib/core/guest.c lib/core/guest.h \
	lib/core/iface.h lib/core/listed.h \
	lib/core/lockvalue.c lib/core/lockvalue.h \
	lib/core/lockspace.c lib/core/lockspace.h \
	lib/core/move.c lib/core/move.h \
	lib/core/network.c lib/core/network.h \
	lib/core/network_pair.c lib/core/network_pair.h \
	lib/core/network_settings.c \
	lib/core/plan.h \
	lib/core/volumeword.h \
	lib/core/record.c lib/core/record.h \
	lib/core/renewal.c lib/core/renewal.h \
	lib/core/settings.c lib/core/settings.h \
	lib/core/stall.c lib/core/stall.h \
	lib/core/volumemount.c lib/core/volumemount.h \
	lib/core/volumetype.c lib/core/volumetype.h \
	lib/core/volume_index.c lib/core/volume_index.h

lib_libport_a_CPPFLAGS = $(AM_CPPFLAGS) $(LIBVIRT_CFLAGS) $(LIBXML_CFLAGS) $(SANLOCK_CFLAGS) \
	$(JANSSON_CFLAGS) $(QB_CFLAGS) $(COROSYNC_CFLAGS) $(SYSTEMD_CFLAGS) $(LIBVIRT_GLIB_CFLAGS) $(NL_CFLAGS) \
	$(BLKID_CFLAGS) \
	$(CIB_CFLAGS:-I%=-isystem %)
lib_libport_a_SOURCES = \
	lib/port/cib.c lib/port/cib.h \
	lib/port/codec.c lib/port/codec.h \
	lib/port/codec_field.c lib/port/codec_field.h \
	lib/port/codec_parts.c lib/port/codec_parts.h \
	lib/port/netlink.c lib/port/netlink.h \
	lib/port/nodes.c lib/port/nodes.h \
	lib/port/cmap.c lib/port/cmap.h \
	lib/port/cpg.c lib/port/cpg.h \
	lib/port/ipc_client.c lib/port/ipc_client.h lib/port/ipc_wire.h \
	lib/port/ipc_server.c lib/port/ipc_server.h \
	lib/port/qblog.c lib/port/qblog.h \
	lib/port/quorum.c lib/port/quorum.h \
	lib/port/service_notify.c lib/port/service_notify.h \
	lib/port/device.c lib/port/device.h \
	lib/port/domxml.c lib/port/domxml.h \
	lib/port/eventlog.c lib/port/eventlog.h \
	lib/port/eventlog_read.c \
	lib/port/fencewatch.c lib/port/fencewatch.h \
	lib/port/lease_header.c lib/port/lease_header.h \
	lib/port/lease_inquire.c \
	lib/port/lease_layout.h \
	lib/port/lease_resource.c \
	lib/port/lease_sanlock.c lib/port/lease_sanlock.h \
	lib/port/lock_dlm.c lib/port/lock_dlm.h \
	lib/port/lock_dlm_holder.c lib/port/lock_dlm_holder.h \
	lib/port/pcmk.c lib/port/pcmk.h \
	lib/port/pcmk_change.c lib/port/pcmk_change.h \
	lib/port/pcmk_settings.c lib/port/pcmk_settings.h \
	lib/port/pcmk_xml.c \
	lib/port/move_json.c lib/port/move_json.h \
	lib/port/sdjournal.c lib/port/sdjournal.h \
	lib/port/tcpabort.c lib/port/tcpabort.h \
	lib/port/tcpprobe.c lib/port/tcpprobe.h \
	lib/port/virsh.c lib/port/virsh.h \
	lib/port/qmp.c lib/port/qmp.h \
	lib/port/virtevent.c lib/port/virtevent.h \
	lib/port/virtevents.c lib/port/virtevents.h \
	lib/port/virt_child.c lib/port/virt_child.h \
	lib/port/virt_host.c \
	lib/port/virt.c lib/port/virt.h

lib_librole_a_SOURCES = \
	lib/role/action.c lib/role/action.h \
	lib/role/connect.c lib/role/connect.h \
	lib/role/domcheck.c lib/role/domcheck.h \
	lib/role/intent.c lib/role/intent.h \
	lib/role/journal.c lib/role/journal.h \
	lib/role/leaserule.c lib/role/leaserule.h \
	lib/role/link.c lib/role/link.h \
	lib/role/live.c lib/role/live.h \
	lib/role/lookup.c lib/role/lookup.h \
	lib/role/migrate.c lib/role/migrate.h \
	lib/role/mounted.c lib/role/mounted.h \
	lib/role/monitor.c lib/role/monitor.h \
	lib/role/moving.c lib/role/moving.h \
	lib/role/observe.c lib/role/observe.h \
	lib/role/ocf.c lib/role/ocf.h \
	lib/role/owner.c lib/role/owner.h \
	lib/role/peers.c lib/role/peers.h \
	lib/role/precheck.c lib/role/precheck.h \
	lib/role/present.c lib/role/present.h \
	lib/role/process.c lib/role/process.h \
	lib/role/quick.c lib/role/quick.h \
	lib/role/remnants.c lib/role/remnants.h \
	lib/role/remnants_drop.c \
	lib/role/role.c lib/role/role.h \
	lib/role/settle.c lib/role/settle.h \
	lib/role/start.c lib/role/start.h \
	lib/role/state.c lib/role/state.h \
	lib/role/stop.c lib/role/stop.h \
	lib/role/users.c \
	lib/role/volume.c lib/role/volume.h \
	lib/role/volumelock.c lib/role/volumelock.h \
	lib/role/watch.c lib/role/watch.h
