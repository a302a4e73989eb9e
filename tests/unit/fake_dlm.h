/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMHA_TESTS_FAKE_DLM_H
#define VMHA_TESTS_FAKE_DLM_H

/* In the working directory; what is linked with the fake has VMHA_DLM_SYSFS so. */
#define FAKE_DLM_SYSFS	   "sysfs-dlm"
#define FAKE_DLM_NO_DAEMON "no-dlm-controld" /* while there: dlm_controld does not run */
#define FAKE_DLM_HANGS	   "dlm-hangs"	     /* while there: joining a lockspace blocks */

#endif
