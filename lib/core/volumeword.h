/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VMHA_CORE_VOLUMEWORD_H
#define VMHA_CORE_VOLUMEWORD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/record.h"

/*
 * What nodes tell each other of a volume, in the total order of all events.  It changes nothing in
 * the replicated state: a volume's truth is on the volume and in its locks.
 */
#define VMHA_VOLUME_WORDS(X)                                                                       \
	X(MOVE)	   /* node: it is to become the coordinator; the others stand back for a moment */ \
	X(OWNER)   /* the sender coordinates it; epoch; node: who did before, 0 unknown */         \
	X(REFUSED) /* node: the one that asked; text: why the sender cannot become it */           \
	X(LOOKUP)  /* vm: its directory was removed: forget what is cached of it */
enum vmha_volume_word {
#define X(name_) VMHA_VOLUME_WORD_##name_,
	VMHA_VOLUME_WORDS(X)
#undef X
		VMHA_VOLUME_WORDS_COUNT
};

struct vmha_cvolume {
	enum vmha_volume_word word;
	char volume[VMHA_NAME_SIZE];
	char vm[VMHA_NAME_SIZE];
	unsigned int node;
	uint64_t epoch;
	char text[256];
};

#endif
