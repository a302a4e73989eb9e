// SPDX-License-Identifier: GPL-2.0-or-later
/* Waits for the ACPI power button and switches the guest off, after a sync. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#define MAX_INPUTS 8

static nfds_t open_inputs(struct pollfd *inputs)
{
	nfds_t n = 0;

	for (int i = 0; i < MAX_INPUTS; i++) {
		char path[32];
		int fd;

		snprintf(path, sizeof(path), "/dev/input/event%d", i);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			inputs[n].fd = fd;
			inputs[n].events = POLLIN;
			n++;
		}
	}
	return n;
}

static int is_power_key(int fd)
{
	struct input_event event;

	return read(fd, &event, sizeof(event)) == (ssize_t)sizeof(event) && event.type == EV_KEY &&
	       event.code == KEY_POWER && event.value != 0;
}

int main(void)
{
	struct pollfd inputs[MAX_INPUTS] = { { 0 } };
	nfds_t n = open_inputs(inputs);

	if (n == 0) {
		puts("powerbutton: no input device");
		return 1;
	}
	for (;;) {
		if (poll(inputs, n, -1) <= 0) {
			continue;
		}
		for (nfds_t i = 0; i < n; i++) {
			if ((inputs[i].revents & POLLIN) != 0 && is_power_key(inputs[i].fd)) {
				puts("powerbutton: switching off");
				fflush(stdout);
				sync();
				reboot(RB_POWER_OFF);
			}
		}
	}
}
