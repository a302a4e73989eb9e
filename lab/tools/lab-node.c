// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The process side of a lab node: its namespaces, its pid 1 and the way in.
 *
 *   lab-node boot  --name N --cgroup DIR --pidfile F --console F [--on-reset CMD] -- SETUP ARG...
 *   lab-node enter --pidfile F --cgroup DIR -- CMD ARG...
 *
 * boot makes the namespaces, runs SETUP in them with all capabilities, then gives up every one with
 * which a node could reach the machine it lives on, and returns when the node is ready.  A monitor
 * stays behind: if the node resets itself (reboot(2)) it runs CMD.
 * enter runs CMD inside, as weak as the node itself is.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NODE_NAMESPACES (CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC)

struct options {
	const char *name;
	const char *cgroup;
	const char *pidfile;
	const char *console;
	const char *on_reset;
	char **command;
};

/* What a node must not have: each of these reaches the kernel or the devices all nodes share. */
static const int denied_caps[] = {
	CAP_SYS_ADMIN,	  CAP_SYS_MODULE,      CAP_SYS_RAWIO,	    CAP_SYS_TIME,
	CAP_MKNOD,	  CAP_DAC_READ_SEARCH, CAP_SYSLOG,	    CAP_SYS_PACCT,
	CAP_MAC_ADMIN,	  CAP_MAC_OVERRIDE,    CAP_AUDIT_CONTROL,   CAP_AUDIT_READ,
	CAP_WAKE_ALARM,	  CAP_BLOCK_SUSPEND,   CAP_SYS_TTY_CONFIG,  CAP_LINUX_IMMUTABLE,
	38 /* PERFMON */, 39 /* BPF */,	       40 /* CHECKPOINT */,
};

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	fputs("lab-node: ", stderr);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	if (saved != 0) {
		fprintf(stderr, ": %s", strerror(saved));
	}
	fputc('\n', stderr);
	exit(125);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		die("cannot write %s", path);
	}
	close(fd);
}

/* Moves the calling process into @cgroup, a directory of the cgroup v2 tree. */
static void join_cgroup(const char *cgroup)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	write_file(path, "0\n");
}

/* Field 22 of /proc/PID/stat: tells a process from a later one with the same number. */
static unsigned long long start_time(pid_t pid)
{
	char path[64];
	char buf[2048];
	unsigned long long ticks = 0;
	char *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f == NULL) {
		return 0;
	}
	if (fgets(buf, sizeof(buf), f) != NULL && (p = strrchr(buf, ')')) != NULL) {
		for (int field = 2; field < 22 && p != NULL; field++) {
			p = strchr(p + 1, ' ');
		}
		ticks = p != NULL ? strtoull(p + 1, NULL, 10) : 0;
	}
	fclose(f);
	return ticks;
}

/*
 * System calls that reach what namespaces do not part and capabilities do not (fully) guard: kexec
 * needs only CAP_SYS_BOOT, which a node keeps for its own reset; keyrings go by user number; an own
 * user namespace would give back every capability within it; vsock knows no network namespace.
 */
struct denied_call {
	unsigned int nr;
	int arg;	   /* 0: look at the first argument; -1: the call as such */
	unsigned int mask; /* denied if (argument & mask) == value */
	unsigned int value;
	unsigned int error;
};

static const struct denied_call denied_calls[] = {
	{ SYS_kexec_load, -1, 0, 0, EPERM },
	{ SYS_kexec_file_load, -1, 0, 0, EPERM },
	{ SYS_bpf, -1, 0, 0, EPERM },
	{ SYS_perf_event_open, -1, 0, 0, EPERM },
	{ SYS_open_by_handle_at, -1, 0, 0, EPERM },
	{ SYS_add_key, -1, 0, 0, ENOSYS },
	{ SYS_request_key, -1, 0, 0, ENOSYS },
	{ SYS_keyctl, -1, 0, 0, ENOSYS },
	{ SYS_clone3, -1, 0, 0, ENOSYS }, /* flags are in memory: let the C library use clone */
	{ SYS_clone, 0, CLONE_NEWUSER, CLONE_NEWUSER, EPERM },
	{ SYS_unshare, 0, CLONE_NEWUSER, CLONE_NEWUSER, EPERM },
	{ SYS_socket, 0, ~0U, AF_VSOCK, EAFNOSUPPORT },
};

#define FILTER_HEAD	6U
#define FILTER_PER_CALL 6U
#define FILTER_CALLS	(sizeof(denied_calls) / sizeof(denied_calls[0]))
#define LOAD(field)                                                                                \
	(struct sock_filter)                                                                       \
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define JUMP(op, k, yes, no) (struct sock_filter) BPF_JUMP(BPF_JMP | (op) | BPF_K, k, yes, no)
#define RETURN(k)	     (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, k)

/* Six instructions for each call, so that every jump is within its six. */
static size_t filter_call(struct sock_filter *code, const struct denied_call *call)
{
	size_t n = 0;

	code[n++] = LOAD(nr);
	if (call->arg < 0) {
		code[n++] = JUMP(BPF_JEQ, call->nr, 0, 1);
		code[n++] = RETURN(SECCOMP_RET_ERRNO | call->error);
		return n;
	}
	code[n++] = JUMP(BPF_JEQ, call->nr, 0, 4);
	code[n++] = LOAD(args[0]); /* the lower half: x86 is little endian */
	code[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, call->mask);
	code[n++] = JUMP(BPF_JEQ, call->value, 0, 1);
	code[n++] = RETURN(SECCOMP_RET_ERRNO | call->error);
	return n;
}

static void filter_calls(void)
{
	struct sock_filter code[FILTER_HEAD + FILTER_CALLS * FILTER_PER_CALL + 1];
	struct sock_fprog prog = { .filter = code };
	size_t n = 0;

	/* only the machine's own calling convention: others number the calls differently */
	code[n++] = LOAD(arch);
	code[n++] = JUMP(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0);
	code[n++] = RETURN(SECCOMP_RET_ERRNO | ENOSYS);
	code[n++] = LOAD(nr);
	code[n++] = JUMP(BPF_JGE, 0x40000000U, 0, 1); /* x32 */
	code[n++] = RETURN(SECCOMP_RET_ERRNO | ENOSYS);
	for (size_t i = 0; i < FILTER_CALLS; i++) {
		n += filter_call(code + n, &denied_calls[i]);
	}
	code[n++] = RETURN(SECCOMP_RET_ALLOW);
	prog.len = (unsigned short)n;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) != 0) {
		die("seccomp filter");
	}
}

/* Gives up denied_caps in every set, for this process and all that come from it. */
static void weaken(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	filter_calls();
	if (syscall(SYS_capget, &head, data) != 0) {
		die("capget");
	}
	for (size_t i = 0; i < sizeof(denied_caps) / sizeof(denied_caps[0]); i++) {
		unsigned int bit = 1U << (denied_caps[i] % 32);

		if (prctl(PR_CAPBSET_DROP, denied_caps[i], 0, 0, 0) != 0 && errno != EINVAL) {
			die("cannot drop capability %d", denied_caps[i]);
		}
		data[denied_caps[i] / 32].effective &= ~bit;
		data[denied_caps[i] / 32].permitted &= ~bit;
		data[denied_caps[i] / 32].inheritable &= ~bit;
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, data) != 0) {
		die("capset");
	}
}

static int run_setup(char **command)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		execv(command[0], command);
		die("cannot run %s", command[0]);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		die("cannot wait for %s", command[0]);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* pid 1 of the node: sets it up, says so on @ready_fd, then only reaps. */
static void __attribute__((noreturn)) node_init(const struct options *opt, int ready_fd)
{
	sigset_t set;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		die("cannot make the mounts private");
	}
	if (sethostname(opt->name, strlen(opt->name)) != 0) {
		die("cannot set the host name");
	}
	if (run_setup(opt->command) != 0) {
		errno = 0;
		die("%s failed: see %s", opt->command[0], opt->console);
	}
	prctl(PR_SET_NAME, "init");
	weaken();
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (write(ready_fd, "1", 1) != 1) {
		die("nobody waits for this node");
	}
	close(ready_fd);
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0) {
		}
		sigwaitinfo(&set, NULL);
	}
}

static void redirect(const char *console)
{
	int in = open("/dev/null", O_RDONLY);
	int out = open(console, O_WRONLY | O_CREAT | O_APPEND, 0644);

	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) {
		die("cannot open %s", console);
	}
	if (in > 2) {
		close(in);
	}
	if (out > 2) {
		close(out);
	}
}

/* Stays until the node ends.  SIGHUP is how the kernel reports a restart by reboot(2). */
static void __attribute__((noreturn)) watch_node(const struct options *opt, pid_t init)
{
	int status = 0;

	prctl(PR_SET_NAME, "lab-monitor");
	while (waitpid(init, &status, 0) < 0 && errno == EINTR) {
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP && opt->on_reset != NULL) {
		execl("/bin/sh", "sh", "-c", opt->on_reset, (char *)NULL);
		die("cannot run %s", opt->on_reset);
	}
	exit(0);
}

static void __attribute__((noreturn)) start_node(const struct options *opt, int ready_fd)
{
	char text[64];
	int hold[2];
	pid_t init;
	char go;

	setsid();
	redirect(opt->console);
	if (pipe2(hold, O_CLOEXEC) != 0) {
		die("pipe");
	}
	if (chdir("/") != 0) { /* pivot_root carries it over to the node's root */
		die("chdir /");
	}
	/* only the child gets the namespaces: this process must not keep them alive */
	init = (pid_t)syscall(SYS_clone, NODE_NAMESPACES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (init < 0) {
		die("cannot make the namespaces");
	}
	if (init == 0) {
		close(hold[1]);
		join_cgroup(opt->cgroup);
		if (unshare(CLONE_NEWCGROUP) != 0) {
			die("cannot make the cgroup namespace");
		}
		if (read(hold[0], &go, 1) != 1) {
			exit(1);
		}
		close(hold[0]);
		node_init(opt, ready_fd);
	}
	snprintf(text, sizeof(text), "%d %llu\n", (int)init, start_time(init));
	write_file(opt->pidfile, text);
	if (write(hold[1], "1", 1) != 1) {
		die("node ended at once");
	}
	close(hold[0]);
	close(hold[1]);
	close(ready_fd);
	watch_node(opt, init);
}

static int cmd_boot(const struct options *opt)
{
	int ready[2];
	char ok = 0;
	pid_t pid;

	if (opt->name == NULL || opt->cgroup == NULL || opt->pidfile == NULL ||
	    opt->console == NULL) {
		errno = 0;
		die("boot needs --name, --cgroup, --pidfile and --console");
	}
	syscall(SYS_close_range, 3, ~0U, 0);
	if (pipe2(ready, O_CLOEXEC) != 0) {
		die("pipe");
	}
	pid = fork();
	if (pid < 0) {
		die("fork");
	}
	if (pid == 0) {
		close(ready[0]);
		start_node(opt, ready[1]);
	}
	close(ready[1]);
	if (read(ready[0], &ok, 1) != 1) {
		errno = 0;
		die("%s did not start: see %s", opt->name, opt->console);
	}
	return 0;
}

/* Opens the node's pid 1; refuses when the recorded process is gone or is another one. */
static int open_node(const char *pidfile)
{
	unsigned long long started = 0;
	int pid = 0;
	int fd;
	FILE *f = fopen(pidfile, "re");

	if (f == NULL || fscanf(f, "%d %llu", &pid, &started) != 2) {
		errno = 0;
		die("the node is off");
	}
	fclose(f);
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0 || start_time(pid) != started) {
		errno = 0;
		die("the node is off");
	}
	return fd;
}

static void forward_signal(int sig)
{
	(void)sig; /* the terminal sends it to the command as well; only do not die before it */
}

static int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Enters the node and runs the command in it; dies with the node, and with its parent. */
static int run_inside(const struct options *opt)
{
	pid_t pid;
	int fd;

	fd = open_node(opt->pidfile);
	join_cgroup(opt->cgroup);
	syscall(SYS_close_range, 3, fd - 1, 0);
	if (setns(fd, NODE_NAMESPACES | CLONE_NEWCGROUP) != 0) {
		die("cannot enter the node");
	}
	syscall(SYS_close_range, 3, ~0U, 0);
	if (chdir("/") != 0) {
		die("chdir /");
	}
	weaken(); /* while the node cannot see this process: only the child is in its pid namespace
		   */
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execvp(opt->command[0], opt->command);
		fprintf(stderr, "lab-node: cannot run %s: %s\n", opt->command[0], strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (pid < 0) {
		die("cannot fork in the node");
	}
	signal(SIGINT, forward_signal);
	signal(SIGQUIT, forward_signal);
	return wait_for(pid);
}

/* This process stays outside, so that loss of the node's power is an exit status and no signal. */
static int cmd_enter(const struct options *opt)
{
	pid_t pid;

	if (opt->pidfile == NULL || opt->cgroup == NULL) {
		errno = 0;
		die("enter needs --pidfile and --cgroup");
	}
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		exit(run_inside(opt));
	}
	if (pid < 0) {
		die("cannot fork");
	}
	signal(SIGINT, forward_signal);
	signal(SIGQUIT, forward_signal);
	return wait_for(pid);
}

static void parse(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "cgroup", required_argument, NULL, 'c' },
		{ "pidfile", required_argument, NULL, 'p' },
		{ "console", required_argument, NULL, 'o' },
		{ "on-reset", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", longs, NULL)) != -1) {
		switch (c) {
		case 'n':
			opt->name = optarg;
			break;
		case 'c':
			opt->cgroup = optarg;
			break;
		case 'p':
			opt->pidfile = optarg;
			break;
		case 'o':
			opt->console = optarg;
			break;
		case 'r':
			opt->on_reset = optarg;
			break;
		default:
			exit(2);
		}
	}
	opt->command = argv + optind;
	if (opt->command[0] == NULL) {
		errno = 0;
		die("a command is needed after --");
	}
}

int main(int argc, char **argv)
{
	struct options opt = { 0 };

	if (argc < 2 || (strcmp(argv[1], "boot") != 0 && strcmp(argv[1], "enter") != 0)) {
		fputs("usage: lab-node boot|enter [OPTIONS] -- COMMAND [ARG...]\n", stderr);
		return 2;
	}
	parse(argc - 1, argv + 1, &opt);
	return strcmp(argv[1], "boot") == 0 ? cmd_boot(&opt) : cmd_enter(&opt);
}
