# SPDX-License-Identifier: GPL-2.0-or-later
# clusterd, the daemon of every node.

# libvirt's events for it, in a process of their own: clusterd links no libvirt
pkglibexec_PROGRAMS += clusterd/vmha-virtwatch
clusterd_vmha_virtwatch_CPPFLAGS = $(AM_CPPFLAGS) $(GLIB_CFLAGS) $(JANSSON_CFLAGS)
clusterd_vmha_virtwatch_SOURCES = clusterd/virtwatch.c
clusterd_vmha_virtwatch_LDADD = lib/libport.a lib/libcore.a lib/libbase.a \
	$(LIBVIRT_GLIB_LIBS) $(LIBVIRT_LIBS) $(GLIB_LIBS) $(JANSSON_LIBS)
