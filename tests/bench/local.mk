# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/bench/lock-bench
tests_bench_lock_bench_SOURCES = tests/bench/lock-bench.c
tests_bench_lock_bench_LDADD = lib/librole.a lib/libport.a lib/libcore.a lib/libbase.a \
	$(LIBVIRT_LIBS) $(LIBXML_LIBS) $(JANSSON_LIBS) $(SANLOCK_LIBS) $(QB_LIBS) $(BLKID_LIBS) $(DLM_LIBS)
