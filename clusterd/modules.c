/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clusterd/clusterd.h"

const struct clusterd_module *const clusterd_modules[] = {
	&clusterd_module_config, /* before the journal: it holds its settings */
	&clusterd_module_journal, &clusterd_module_ops,
	&clusterd_module_net,	  &clusterd_module_drive,
	&clusterd_module_moveage, &clusterd_module_guests,
	&clusterd_module_forget,  &clusterd_module_fence,
	&clusterd_module_volumes, NULL,
};

int clusterd_modules_start(struct clusterd *c, struct vmha_err **err)
{
	size_t i;
	int r;

	for (i = 0; clusterd_modules[i]; i++) {
		r = clusterd_modules[i]->start ? clusterd_modules[i]->start(c, err) : 0;
		if (r < 0) {
			vmha_err_prefix(err, "%s", clusterd_modules[i]->name);
			return r;
		}
	}
	c->started = true;
	return 0;
}

void clusterd_modules_stop(struct clusterd *c)
{
	size_t count = 0;

	if (!c->started) {
		return;
	}
	while (clusterd_modules[count]) {
		count++;
	}
	while (count--) {
		if (clusterd_modules[count]->stop) {
			clusterd_modules[count]->stop(c);
		}
	}
	c->started = false;
}
