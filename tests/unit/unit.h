/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_TESTS_UNIT_H
#define VMHA_TESTS_UNIT_H

#include <stddef.h>
#include <stdint.h>

/*
 * A tiny harness: each test runs in a child of its own (a crash fails one test only), prints one
 * TAP line, and fails when it leaves descriptors open.  `test-x NAME...` runs a subset;
 * VMHA_UNIT_GDB=1 runs without a child.
 */
struct unit_test {
	const char *name;
	void (*run)(void);
};

int unit_main(const struct unit_test *tests, size_t count, int argc, char **argv);

/** Row of the table: the function's name is the test's name. */
#define UNIT_TEST(func)                                                                            \
	{                                                                                          \
#func, func                                                                        \
	}
#define UNIT_MAIN(table)                                                                           \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		return unit_main(table, sizeof(table) / sizeof((table)[0]), argc, argv);           \
	}

/** Scratch directory of the running test, removed after it. */
const char *unit_dir(void);
/** Path of @name in it; 16 of them are kept at a time. */
const char *unit_path(const char *name);
/** @return open descriptors of this process */
int unit_fd_count(void);

/* The first failed check ends the test. */
void unit_fail(const char *what, const char *file, int line) __attribute__((noreturn));
void unit_check_int(intmax_t got, intmax_t want, const char *what, const char *file, int line);
void unit_check_str(const char *got, const char *want, const char *what, const char *file,
		    int line);
void unit_check_has(const char *text, const char *part, const char *what, const char *file,
		    int line);

#define CHECK(cond) ((cond) ? (void)0 : unit_fail(#cond, __FILE__, __LINE__))
#define CHECK_INT(got, want)                                                                       \
	unit_check_int((intmax_t)(got), (intmax_t)(want), #got, __FILE__, __LINE__)
#define CHECK_STR(got, want)  unit_check_str(got, want, #got, __FILE__, __LINE__)
#define CHECK_HAS(text, part) unit_check_has(text, part, #text, __FILE__, __LINE__)

#endif
