# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/bench/lock-bench
tests_bench_lock_bench_SOURCES = tests/bench/lock-bench.c
tests_bench_lock_bench_LDADD = lib/libport.a lib/libbase.a $(DLM_LIBS)
