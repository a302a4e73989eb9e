# SPDX-License-Identifier: GPL-2.0-or-later
# vm: thin, what Pacemaker runs. vm-action: links libvirt, does the rest.
ocf_PROGRAMS += resource-agent/vm
pkglibexec_PROGRAMS += resource-agent/vm-action

resource_agent_vm_SOURCES = \
	resource-agent/meta.c \
	resource-agent/params.c resource-agent/params.h \
	resource-agent/vm.c
resource_agent_vm_LDADD = lib/librole.a lib/libport.a lib/libcore.a lib/libbase.a \
	$(SANLOCK_CLIENT_LIBS) $(QB_LIBS)

resource_agent_vm_action_SOURCES = \
	resource-agent/params.c resource-agent/params.h \
	resource-agent/vm-action.c
resource_agent_vm_action_LDADD = lib/librole.a lib/libport.a lib/libcore.a lib/libbase.a \
	$(LIBVIRT_LIBS) $(LIBXML_LIBS) $(JANSSON_LIBS) $(SANLOCK_LIBS) $(QB_LIBS)
