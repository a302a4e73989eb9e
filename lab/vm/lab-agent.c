// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs commands in a node that is a virtual machine, as asked by lab-vm (see wire.h): one process a
 * virtio-serial port, one command a process, so that a command which hangs is in nobody's way.
 *
 *   lab-agent DEVICE...
 *
 * A command ends when its own process does, whatever it left behind still has its output open; when
 * whoever asked has gone, it gets SIGTERM.
 */
#include "wire.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 1024

struct port {
	int fd;
	struct wire_buffer in;
	uint64_t session; /* the last one, which @child belongs to if there is one */
	pid_t child;
	int child_fd; /* ready when it has ended */
	int input;
	int output;
	int errors;
};

static void close_fd(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

/* Whether somebody has the other end of the port open. */
static int host_there(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) < 0 || (p.revents & POLLHUP) == 0;
}

static int port_write(struct port *port, const void *data, size_t bytes)
{
	const char *p = data;

	while (bytes > 0) {
		ssize_t n = write(port->fd, p, bytes);

		if (n > 0) {
			p += n;
			bytes -= (size_t)n;
		} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
			return -1;
		} else {
			struct pollfd wait = { .fd = port->fd, .events = POLLOUT };

			poll(&wait, 1, 1000);
			if ((wait.revents & POLLHUP) != 0) {
				return -1;
			}
		}
	}
	return 0;
}

static int port_send(struct port *port, uint32_t type, const void *data, uint32_t bytes)
{
	unsigned char frame[sizeof(struct wire_head) + WIRE_CHUNK];

	wire_head_fill((struct wire_head *)(void *)frame, type, port->session, bytes);
	if (bytes > 0) {
		memcpy(frame + sizeof(struct wire_head), data, bytes);
	}
	return port_write(port, frame, sizeof(struct wire_head) + bytes);
}

static void command_forget(struct port *port)
{
	close_fd(&port->input);
	close_fd(&port->output);
	close_fd(&port->errors);
	close_fd(&port->child_fd);
	port->child = 0;
}

static void command_leave(struct port *port)
{
	if (port->child > 0) {
		kill(-port->child, SIGTERM);
	}
	command_forget(port);
	while (waitpid(-1, NULL, WNOHANG) > 0) {
	}
}

static void command_exec(char **words)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execvp(words[0], words);
	dprintf(STDERR_FILENO, "%s: %s\n", words[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int command_on_tty(struct port *port, char **words, const struct wire_request *request)
{
	struct winsize size = { .ws_row = request->rows, .ws_col = request->columns };
	int tty = -1;

	port->child = forkpty(&tty, NULL, NULL, &size);
	if (port->child == 0) {
		command_exec(words);
	}
	if (port->child < 0) {
		return -1;
	}
	fcntl(tty, F_SETFD, FD_CLOEXEC);
	port->output = tty;
	port->input = fcntl(tty, F_DUPFD_CLOEXEC, 3);
	return 0;
}

static int command_on_pipes(struct port *port, char **words)
{
	int in[2] = { -1, -1 };
	int out[2] = { -1, -1 };
	int err[2] = { -1, -1 };

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
		return -1;
	}
	port->child = fork();
	if (port->child == 0) {
		setsid();
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		command_exec(words);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	port->input = in[1];
	port->output = out[0];
	port->errors = err[0];
	return port->child < 0 ? -1 : 0;
}

static void command_failed(struct port *port, const char *what)
{
	uint32_t status = 126;
	char text[128];
	int n = snprintf(text, sizeof(text), "lab-agent: %s: %s\n", what, strerror(errno));

	port_send(port, WIRE_ERRORS, text, (uint32_t)n);
	port_send(port, WIRE_EXIT, &status, sizeof(status));
	command_forget(port);
}

static void command_start(struct port *port, const unsigned char *data, uint32_t bytes)
{
	static char text[WIRE_PAYLOAD + 1];
	struct wire_request request;
	char *words[WORDS_MAX + 1];
	size_t n = 0;

	if (bytes <= sizeof(request)) {
		return;
	}
	memcpy(&request, data, sizeof(request));
	bytes -= (uint32_t)sizeof(request);
	memcpy(text, data + sizeof(request), bytes);
	text[bytes] = '\0';
	for (char *p = text; p < text + bytes && n < WORDS_MAX; p += strlen(p) + 1) {
		words[n++] = p;
	}
	words[n] = NULL;
	port_send(port, WIRE_TAKEN, NULL, 0);
	if ((request.flags & WIRE_TTY) != 0 ? command_on_tty(port, words, &request)
					    : command_on_pipes(port, words)) {
		command_failed(port, "cannot start the command");
		return;
	}
	port->child_fd = pidfd_open(port->child, 0);
	if (port->child_fd < 0) {
		command_failed(port, "cannot watch the command");
		return;
	}
	fcntl(port->input, F_SETFL, O_NONBLOCK);
	fcntl(port->output, F_SETFL, O_NONBLOCK);
	if (port->errors >= 0) {
		fcntl(port->errors, F_SETFL, O_NONBLOCK);
	}
}

/* What is there of a stream of the command; closes it at its end. */
static void stream_pass(struct port *port, int *fd, uint32_t type)
{
	char data[WIRE_CHUNK];
	ssize_t n;

	if (*fd < 0) {
		return;
	}
	n = read(*fd, data, sizeof(data));
	if (n > 0) {
		port_send(port, type, data, (uint32_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close_fd(fd);
	}
}

/* While the command does not take its input it may be waiting for us to take its output. */
static void input_wait(struct port *port)
{
	struct pollfd p[] = {
		{ .fd = port->input, .events = POLLOUT },
		{ .fd = port->output, .events = POLLIN },
		{ .fd = port->errors, .events = POLLIN },
		{ .fd = port->child_fd, .events = POLLIN },
	};

	poll(p, 4, 1000);
	if (p[1].revents != 0) {
		stream_pass(port, &port->output, WIRE_OUTPUT);
	}
	if (p[2].revents != 0) {
		stream_pass(port, &port->errors, WIRE_ERRORS);
	}
	if (p[3].revents != 0 || !host_there(port->fd)) {
		close_fd(&port->input);
	}
}

static void input_write(struct port *port, const unsigned char *data, uint32_t bytes)
{
	while (bytes > 0 && port->input >= 0) {
		ssize_t n = write(port->input, data, bytes);

		if (n > 0) {
			data += n;
			bytes -= (uint32_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			input_wait(port);
		} else if (n < 0 && errno != EINTR) {
			close_fd(&port->input);
		}
	}
}

static void port_frame(struct port *port, const struct wire_head *head, const unsigned char *data)
{
	if (head->type == WIRE_GONE) {
		command_leave(port);
	} else if (head->type == WIRE_REQUEST) {
		/* repeated until it is answered: one that is known already is not run again */
		if (head->session != port->session) {
			command_leave(port);
			port->session = head->session;
			command_start(port, data, head->length);
		}
	} else if (head->session != port->session) {
		return;
	} else if (head->type == WIRE_INPUT) {
		input_write(port, data, head->length);
	} else if (head->type == WIRE_INPUT_END && port->errors >= 0) {
		close_fd(&port->input);
	}
}

/* 0 when there is nobody at the other end. */
static int port_read(struct port *port)
{
	struct wire_head head;
	ssize_t n = read(port->fd, port->in.data + port->in.used,
			 sizeof(port->in.data) - port->in.used);

	if (n <= 0) {
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	}
	port->in.used += (uint32_t)n;
	while (wire_frame(&port->in, &head)) {
		port_frame(port, &head, port->in.data + sizeof(head));
		wire_drop(&port->in, (uint32_t)sizeof(head) + head.length);
	}
	return 1;
}

static void stream_drain(struct port *port, int *fd, uint32_t type)
{
	struct pollfd p = { .fd = *fd, .events = POLLIN };

	while (*fd >= 0 && poll(&p, 1, 0) > 0) {
		stream_pass(port, fd, type);
	}
}

static void command_ended(struct port *port)
{
	uint32_t status = 255;
	int how = 0;

	if (waitpid(port->child, &how, 0) == port->child) {
		status = (uint32_t)(WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how));
	}
	stream_drain(port, &port->output, WIRE_OUTPUT);
	stream_drain(port, &port->errors, WIRE_ERRORS);
	port_send(port, WIRE_EXIT, &status, sizeof(status));
	command_forget(port);
}

/* Until the host comes: the port says so by SIGIO, polling it would be a busy loop. */
static void port_sleep(struct port *port, const sigset_t *sigio)
{
	struct timespec limit = { .tv_sec = 5 };

	command_leave(port);
	port->in.used = 0;
	if (!host_there(port->fd)) {
		sigtimedwait(sigio, NULL, &limit);
	}
}

static void port_serve(struct port *port, const sigset_t *sigio)
{
	for (;;) {
		struct pollfd p[] = {
			{ .fd = port->fd, .events = POLLIN },
			{ .fd = port->child > 0 ? port->child_fd : -1, .events = POLLIN },
			{ .fd = port->output, .events = POLLIN },
			{ .fd = port->errors, .events = POLLIN },
		};

		if (poll(p, 4, -1) < 0 && errno != EINTR) {
			return;
		}
		if (p[2].revents != 0) {
			stream_pass(port, &port->output, WIRE_OUTPUT);
		}
		if (p[3].revents != 0) {
			stream_pass(port, &port->errors, WIRE_ERRORS);
		}
		if (p[1].revents != 0) {
			command_ended(port);
		}
		if ((p[0].revents & (POLLIN | POLLHUP)) != 0 && !port_read(port)) {
			port_sleep(port, sigio);
		}
	}
}

static void port_open(const char *path)
{
	static struct port port = { .child_fd = -1, .input = -1, .output = -1, .errors = -1 };
	sigset_t sigio;

	sigemptyset(&sigio);
	sigaddset(&sigio, SIGIO);
	sigprocmask(SIG_BLOCK, &sigio, NULL);
	signal(SIGPIPE, SIG_IGN);
	port.fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (port.fd < 0) {
		fprintf(stderr, "lab-agent: %s: %s\n", path, strerror(errno));
		return;
	}
	fcntl(port.fd, F_SETOWN, getpid());
	fcntl(port.fd, F_SETFL, O_NONBLOCK | O_ASYNC);
	port_serve(&port, &sigio);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			port_open(argv[i]);
			return 1;
		}
	}
	while (wait(NULL) > 0 || errno == EINTR) {
	}
	return 1;
}
