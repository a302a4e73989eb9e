/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_TESTS_INJECT_H
#define VMHA_TESTS_INJECT_H

#include <stdbool.h>

#include "lib/base/err.h"

/*
 * Make the n-th call into libc fail.  A program that links inject.c is linked with
 * $(inject_wrap): each wrapped call of the code under test then counts here.
 */
enum inject_mode {
	INJECT_FAIL,  /* with the errno that hurts most: ENOMEM, EIO, EMFILE, EAGAIN */
	INJECT_EINTR, /* only calls that a signal can interrupt: must not be noticed */
	INJECT_SHORT, /* read and write one byte less: must not be noticed */
};

/** Arm: the @nth (from 1) call that knows @mode fails, once. */
void inject_arm(enum inject_mode mode, int nth);
/** @return true when it has fired */
bool inject_disarm(void);
/** Name of the libc call that failed last. */
const char *inject_fired(void);
/** While set, kill() succeeds and does nothing: a process that hangs in the kernel looks so. */
void inject_kill_nothing(bool nothing);
/** Blocks allocated through wrapped calls and not freed. */
long inject_live_blocks(void);

/**
 * Call @op with the 1st, 2nd, ... libc call failing until it passes undisturbed.  Each time: no
 * block and no descriptor is left; a failed @op returned a negative errno and set its error.
 * @param op    gives back all that it got; called afresh each round
 * @param after checks what must hold whatever @op returned; may be NULL
 */
void inject_sweep(int (*op)(struct vmha_err **err), void (*after)(int result));
/** The same with signals and short transfers: @op must return what it returns undisturbed. */
void inject_sweep_harmless(int (*op)(struct vmha_err **err));

#endif
