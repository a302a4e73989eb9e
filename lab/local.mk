# SPDX-License-Identifier: GPL-2.0-or-later
labdir = $(pkglibexecdir)/lab
lablibdir = $(labdir)/lib
labnodedir = $(labdir)/node
labguestdir = $(labdir)/guest
labvmdir = $(labdir)/vm

dist_pkglibexec_SCRIPTS += lab/vmha-lab

dist_lablib_DATA = lab/lib/common.sh lab/lib/conf.sh lab/lib/guest.sh lab/lib/help.sh \
	lab/lib/image.sh lab/lib/layer.sh lab/lib/net.sh lab/lib/node.sh lab/lib/pinggap.sh lab/lib/power.sh \
	lab/lib/service.sh lab/lib/storage.sh lab/lib/updown.sh lab/lib/vm.sh
dist_labnode_SCRIPTS = lab/node/boot.sh lab/node/boot2.sh lab/node/fence_vmha_lab
dist_labguest_SCRIPTS = lab/guest/init
dist_labvm_SCRIPTS = lab/vm/initramfs-init lab/vm/init lab/vm/devices lab/vm/services
nodist_labvm_DATA = lab/vm/packages
CLEANFILES += $(nodist_labvm_DATA)

# What Debian's packages a machine of the lab has: the product's and those of [node].
lab/vm/packages: packages.list
	$(AM_V_GEN)$(MKDIR_P) lab/vm && awk '/^\[/ { on = $$0 == "[run]" || $$0 == "[node]"; next } \
		on && NF && !/^[#]/' $(srcdir)/packages.list > $@

labvm_PROGRAMS = lab/vm/lab-vm
lab_vm_lab_vm_CFLAGS = $(WARN_CFLAGS) $(HARDEN_CFLAGS)
lab_vm_lab_vm_LDFLAGS = $(HARDEN_LDFLAGS)
lab_vm_lab_vm_SOURCES = lab/vm/lab-vm.c lab/vm/lab-vm.h lab/vm/lab-vm-exec.c lab/vm/lab-vm-qmp.c \
	lab/vm/lab-vm-relay.c lab/vm/lab-vm-run.c lab/vm/wire.h

lab_PROGRAMS = lab/lab-node lab/lab-faultfs lab/lab-checkdisk
# Never with sanitizers: it goes into namespaces where the leak detector's /proc is another's.
lab_lab_node_CFLAGS = $(WARN_CFLAGS) $(HARDEN_CFLAGS)
lab_lab_node_LDFLAGS = $(HARDEN_LDFLAGS)
lab_lab_node_SOURCES = lab/tools/lab-node.c
lab_lab_faultfs_SOURCES = lab/tools/lab-faultfs.c
lab_lab_faultfs_CPPFLAGS = $(AM_CPPFLAGS) $(FUSE_CFLAGS)
lab_lab_faultfs_LDADD = $(FUSE_LIBS)
lab_lab_checkdisk_SOURCES = lab/tools/lab-checkdisk.c lab/guest/seqrec.h

# Programs of the test guest, and QEMU's stand-in that every start of a guest runs: static, and
# never with sanitizers (no libraries in the guest).
LAB_STATIC = lab/lab-qemu lab/lab-guest-seqwriter lab/lab-guest-powerbutton lab/lab-guest-dirty
LAB_STATIC_CC = $(AM_V_CC)$(MKDIR_P) lab && $(CC) -std=gnu11 -D_GNU_SOURCE -O2 -static $(WARN_CFLAGS) -o $@
nodist_lab_SCRIPTS = $(LAB_STATIC)
nodist_lab_DATA = lab/lab-guest-tiny
nodist_labvm_SCRIPTS = lab/vm/lab-agent
CLEANFILES += $(LAB_STATIC) $(nodist_lab_DATA) lab/tiny.o $(nodist_labvm_SCRIPTS)
EXTRA_DIST += lab/README.md lab/tools/lab-qemu.c lab/guest/seqwriter.c lab/guest/powerbutton.c \
	lab/guest/dirty.c lab/guest/tiny.S lab/vm/lab-agent.c

lab/lab-qemu: lab/tools/lab-qemu.c
	$(LAB_STATIC_CC) $(srcdir)/lab/tools/lab-qemu.c
lab/lab-guest-seqwriter: lab/guest/seqwriter.c lab/guest/seqrec.h
	$(LAB_STATIC_CC) $(srcdir)/lab/guest/seqwriter.c
lab/lab-guest-powerbutton: lab/guest/powerbutton.c
	$(LAB_STATIC_CC) $(srcdir)/lab/guest/powerbutton.c
lab/lab-guest-dirty: lab/guest/dirty.c
	$(LAB_STATIC_CC) $(srcdir)/lab/guest/dirty.c

lab/vm/lab-agent: lab/vm/lab-agent.c lab/vm/wire.h
	$(AM_V_CC)$(MKDIR_P) lab/vm && $(CC) -std=gnu11 -D_GNU_SOURCE -O2 -static $(WARN_CFLAGS) -o $@ $(srcdir)/lab/vm/lab-agent.c
lab/lab-guest-tiny: lab/guest/tiny.S
	$(AM_V_GEN)$(MKDIR_P) lab && $(CC) -c -m32 -o lab/tiny.o $(srcdir)/lab/guest/tiny.S && \
		ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o $@ lab/tiny.o
