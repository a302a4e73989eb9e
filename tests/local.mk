# SPDX-License-Identifier: GPL-2.0-or-later

check_PROGRAMS += tests/unit/lease-times
TESTS += tests/unit/lease-times
tests_unit_lease_times_SOURCES = tests/unit/lease-times.c
tests_unit_lease_times_LDADD = lib/libport.a lib/libbase.a $(SANLOCK_CLIENT_LIBS)
