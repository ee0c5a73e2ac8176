#include "boot/boot.h"

#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libutil.h>

#include "boot/bare.h"
#include "boot/cgroup.h"
#include "boot/detach.h"
#include "boot/folders.h"
#include "boot/foreign.h"
#include "boot/limits.h"
#include "boot/memory.h"
#include "boot/revive.h"
#include "instance/settings.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/strv.h"
#include "lib/version.h"
#include "lib/xalloc.h"
#include "proto/table.h"
#include "unit/conf.h"
#include "unit/diag.h"
#include "unit/instance.h"
#include "unit/load.h"

enum {
	FD_FLOOR = 32, /* kept descriptors lie above what the roles get by number */
	CONTROL_BACKLOG = 128,
	PIPE_BYTES = 64 * 1024,
	LOCK_PAUSE_NS = 20 * 1000 * 1000,
	LOCK_TRIES = 100, /* two seconds */
	DYING_TRIES = 10, /* one that was killed may look alive for an instant */
};

struct boot {
	const char *dir;       /* -C */
	const char *unit_path; /* --unit-path */
	bool detach;
	bool check;
	struct instance in;
	struct supd_conf *conf;
	int root_fd, run_fd, exe_fd, control_fd;
	char *run_path;
	struct pidfh *lock;
	struct limits limits;
	struct memory memory;
};

static const char usage_text[] =
    "usage: supd [-d] [-C DIR] [--unit-path=DIR[:DIR...]]\n"
    "\n"
    "  -C DIR, --directory=DIR  the instance folder; without it the current one if it\n"
    "                           has units/, else the user's or the system's\n"
    "  -d, --detach             return when the instance is ready\n"
    "      --unit-path=DIR[:DIR...]\n"
    "                           search these for unit files behind those of the\n"
    "                           instance; with a colon at the end the usual ones, too\n"
    "      --check              read supd.conf and all unit files, say what is wrong\n"
    "      --explain=states     print what a service does in which state\n"
    "      --version            print the version\n"
    "  -h, --help               print this\n";

static bool
is_unit_path(const char *list)
{
	struct unit_paths *paths = unit_paths_new();
	char *bad = NULL;
	bool ok = unit_paths_add_list(paths, list, UNIT_SCOPE_NONE, &bad) == 0;

	if (ok && strlen(list) >= UNIT_PATH_TEXT_MAX) {
		ok = false;
		fputs("supd: --unit-path is too long\n", stderr);
	} else if (!ok) {
		fprintf(stderr, "supd: --unit-path: %s is not an absolute path\n", bad);
	}
	free(bad);
	unit_paths_free(paths);
	return ok;
}

/* -1: go on; else the exit status. */
static int
read_options(struct boot *b, int argc, char **argv)
{
	enum { OPT_VERSION = 256, OPT_CHECK, OPT_UNIT_PATH };
	static const struct option longs[] = {
		{ "directory", required_argument, NULL, 'C' },
		{ "detach", no_argument, NULL, 'd' },
		{ "check", no_argument, NULL, OPT_CHECK },
		{ "unit-path", required_argument, NULL, OPT_UNIT_PATH },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "C:dh", longs, NULL)) != -1) {
		switch (c) {
		case 'C':
			b->dir = optarg;
			break;
		case 'd':
			b->detach = true;
			break;
		case OPT_CHECK:
			b->check = true;
			break;
		case OPT_UNIT_PATH:
			b->unit_path = optarg;
			if (!is_unit_path(optarg))
				return BOOT_EXIT_USAGE;
			break;
		case OPT_VERSION:
			printf("supd %s (protocol %d, table %d)\n", SUPD_VERSION,
			    PROTO_VERSION, TABLE_VERSION);
			return 0;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		default:
			fputs(usage_text, stderr);
			return BOOT_EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr,
		    "supd: %s: unexpected argument; units are started with "
		    "supctl\n",
		    argv[optind]);
		return BOOT_EXIT_USAGE;
	}
	return -1;
}

/* Descriptors 0, 1 and 2 must be taken before anything else is opened. */
static void
fill_stdio(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) == -1)
			_exit(BOOT_EXIT_FAILURE);
	}
}

/* The binary as it is now: the roles are executed from this descriptor, also when the
 * file has been replaced since. */
static int
open_exe(void)
{
	const char *path = (const char *)getauxval(AT_EXECFN);
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	/* Without /proc: as the kernel was asked for it, not as somebody named it. */
	if (fd == -1 && path != NULL)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		log_warn("cannot open my own binary");
	return fd;
}

static int
check_files(struct boot *b)
{
	char *run = xasprintf("%s/run", b->in.root);
	struct unit_paths *paths;
	struct diags d;
	struct strv names = { 0 };
	size_t errors = 0;

	diags_init(&d);
	paths = unit_paths_of_instance(b->in.root, run,
	    unit_scope_of_instance(instance_kind_of(b->in.root)),
	    b->unit_path != NULL ? b->unit_path : b->conf->unit_path, &d);
	diags_print(&d, stdout);
	errors += d.n_errors;
	diags_clear(&d);
	unit_paths_scan(paths);
	unit_list_dir(paths, &names);
	for (size_t i = 0; i < names.n; i++) {
		diags_init(&d);
		unit_conf_free(unit_load(paths, b->conf, names.v[i], &d));
		diags_print(&d, stdout);
		errors += d.n_errors;
		diags_clear(&d);
	}
	strv_free(&names);
	unit_paths_free(paths);
	free(run);
	return errors == 0 ? 0 : BOOT_EXIT_FAILURE;
}

static int
read_conf(struct boot *b)
{
	struct diags d;
	char *path = instance_conf(b->in.root);
	bool bad;

	diags_init(&d);
	b->conf = supd_conf_load(path, &d);
	diags_print(&d, stderr);
	bad = d.n_errors != 0;
	diags_clear(&d);
	free(path);
	if (bad && b->check)
		return -1;
	if (bad)
		log_warnx("supd.conf has errors; its good lines hold");
	return 0;
}

/* False only when it is known that the one who wrote its pid is gone: also when it is
 * dead and its parent has not asked for it yet. */
static bool
supd_is_alive(pid_t pid)
{
	struct buf stat = { 0 };
	bool alive = kill(pid, 0) == 0 || errno != ESRCH;
	const char *state;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if (alive && file_read_at(AT_FDCWD, path, 4096, &stat) == 0) {
		/* The name before may hold anything. */
		state = strrchr(buf_str(&stat), ')');
		alive = state == NULL || strncmp(state, ") Z", 3) != 0;
	}
	buf_free(&stat);
	return alive;
}

/* For all managers of this supd; one before it may have said something else. */
static void
keep_unit_path(struct boot *b)
{
	if (b->unit_path == NULL) {
		(void)unlinkat(b->run_fd, UNIT_PATH_FILE, 0);
		return;
	}
	if (file_write_atomic(b->run_fd, UNIT_PATH_FILE, b->unit_path,
		strlen(b->unit_path), 0644, false) == -1)
		log_warn(
		    "%s/" UNIT_PATH_FILE ": the usual folders are searched", b->run_path);
}

/* Lives as long as any role does: they inherit the descriptor, services never do. */
static int
take_lock(struct boot *b)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	pid_t other = 0;

	if (fchdir(b->run_fd) == -1) {
		log_warn("%s", b->run_path);
		return BOOT_EXIT_FAILURE;
	}
	b->lock = pidfile_open("supd.lock", 0600, &other);
	/* The roles of a supd that was just killed hold it until they are gone. */
	for (int i = 0; b->lock == NULL && errno == EEXIST && i < LOCK_TRIES; i++) {
		if (i >= DYING_TRIES && other > 0 && supd_is_alive(other))
			break;
		nanosleep(&pause, NULL);
		b->lock = pidfile_open("supd.lock", 0600, &other);
	}
	if (b->lock == NULL && errno == EEXIST) {
		if (other > 0)
			log_warnx(
			    "another supd (pid %d) runs on %s", (int)other, b->in.root);
		else
			log_warnx("another supd runs on %s", b->in.root);
		return BOOT_EXIT_RUNNING;
	}
	if (b->lock == NULL) {
		log_warn("%s/supd.lock", b->run_path);
		return BOOT_EXIT_FAILURE;
	}
	return -1;
}

static int
bind_control(struct boot *b)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int n;

	n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/supd.sock.new", b->run_path);
	if (n < 0 || (size_t)n >= sizeof(sa.sun_path)) {
		/* A plain run folder below a long path: a short name for it is here. */
		strcpy(sa.sun_path, "supd.sock.new");
		log_warnx("%s is too long for a socket: clients must change into it",
		    b->run_path);
	}
	(void)unlinkat(b->run_fd, "supd.sock.new", 0);
	b->control_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (b->control_fd == -1 ||
	    bind(b->control_fd, (struct sockaddr *)&sa, sizeof(sa)) == -1 ||
	    listen(b->control_fd, CONTROL_BACKLOG) == -1) {
		log_warn("the control socket in %s", b->run_path);
		return -1;
	}
	/* Who may do what is decided for each peer; to connect is open to all. */
	if (fchmodat(b->run_fd, "supd.sock.new", 0666, 0) == -1 ||
	    renameat(b->run_fd, "supd.sock.new", b->run_fd, "supd.sock") == -1) {
		if (errno == EISDIR)
			log_warnx("%s/supd.sock is a folder, which supd did not make: "
				  "remove it, and start supd again",
			    b->run_path);
		else
			log_warn("the control socket in %s", b->run_path);
		return -1;
	}
	return 0;
}

static void
keep_one(int *fd)
{
	int high;

	if (*fd == -1)
		return;
	high = *fd >= FD_FLOOR ? *fd : fcntl(*fd, F_DUPFD, FD_FLOOR);
	if (high != *fd && high != -1) {
		close(*fd);
		*fd = high;
	}
	(void)fd_set_cloexec(*fd, false);
}

static int
make_pipe(int *r, int *w)
{
	int p[2];

	if (pipe2(p, O_NONBLOCK | O_CLOEXEC) == -1)
		return -1;
	/* Equal slots on both sides; the default size is this, unless a limit is hit. */
	if (fcntl(p[1], F_SETPIPE_SZ, PIPE_BYTES) == -1)
		log_debug("F_SETPIPE_SZ: %s", strerror(errno));
	*r = p[0];
	*w = p[1];
	return 0;
}

static int
fill_fds(struct boot *b, struct table *t, int cgroup_fd)
{
	t->fd[FD_LOCK] = pidfile_fileno(b->lock);
	t->fd[FD_TABLE] = b->memory.table_fd;
	t->fd[FD_RING] = b->memory.ring_fd;
	t->fd[FD_WAKE] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	t->fd[FD_EXE] = b->exe_fd;
	t->fd[FD_ROOT] = b->root_fd;
	t->fd[FD_RUN] = b->run_fd;
	t->fd[FD_CONTROL] = b->control_fd;
	t->fd[FD_CGROUP] = cgroup_fd;
	if (t->fd[FD_WAKE] == -1 ||
	    make_pipe(&t->fd[FD_SCRATCH_R], &t->fd[FD_SCRATCH_W]) == -1 ||
	    make_pipe(&t->fd[FD_STAGING_R], &t->fd[FD_STAGING_W]) == -1 ||
	    make_pipe(&t->fd[FD_LINES_R], &t->fd[FD_LINES_W]) == -1) {
		log_warn("the pipes of the logger");
		return -1;
	}
	for (int i = 0; i < FD_N; i++)
		keep_one(&t->fd[i]);
	return 0;
}

static int
fill_table(struct boot *b)
{
	struct table *t = b->memory.table;
	char *cgroup = NULL, *why = NULL;
	bool fork_inside = false;
	int cgroup_fd;

	cgroup_fd = cgroup_open(b->in.root, b->memory.revived ? t->cgroup : NULL, &cgroup,
	    &fork_inside, &why);
	if (cgroup_fd == -1)
		log_info("containment is best effort: %s", why);
	if (b->memory.revived)
		revive_table(t);
	t->fork_inside = fork_inside;
	snprintf(t->cgroup, sizeof(t->cgroup), "%s", cgroup == NULL ? "" : cgroup);
	snprintf(t->root, sizeof(t->root), "%s", b->in.root);
	snprintf(t->run, sizeof(t->run), "%s", b->run_path);
	free(cgroup);
	free(why);
	limits_store(&b->limits, t);
	/* For an upgrade: the file that is there by then. */
	memset(t->exe, 0, sizeof(t->exe));
	if (readlink("/proc/self/exe", t->exe, sizeof(t->exe) - 1) == -1)
		t->exe[0] = '\0';
	t->is_pid1 = getpid() == 1;
	settings_of_init(b->conf, t->is_pid1, &t->settings);
	settings_of_log(b->conf, t->is_pid1, isatty(STDOUT_FILENO), &t->log_settings);
	t->init_pid = getpid();
	return fill_fds(b, t, cgroup_fd);
}

/* From here on this process is init. */
static int
become_init(struct boot *b)
{
	struct table *t = b->memory.table;
	char number[16], *title;
	char *argv[2] = { NULL, NULL };
	extern char **environ;

	snprintf(number, sizeof(number), "%d", t->fd[FD_TABLE]);
	if (setenv(SUPD_TABLE_FD_ENV, number, 1) == -1)
		return -1;
	title = xasprintf("supd: init %s", b->in.root);
	argv[0] = title;
	execveat(t->fd[FD_EXE], "", argv, environ, AT_EMPTY_PATH);
	log_warn("cannot execute myself as init");
	free(title);
	return -1;
}

static int
start(struct boot *b)
{
	int r;

	bare_mount_rest(b->in.root);
	b->root_fd = folders_open_root(b->in.root, b->in.kind != INSTANCE_FOLDER);
	if (b->root_fd == -1)
		return BOOT_EXIT_FAILURE;
	if (foreign_is_in_use(b->root_fd, b->in.root))
		return BOOT_EXIT_RUNNING;
	folders_make(b->root_fd, b->in.root);
	b->run_fd = folders_open_run(b->root_fd, b->in.root, &b->run_path);
	if (b->run_fd == -1)
		return BOOT_EXIT_FAILURE;
	r = take_lock(b);
	if (r != -1)
		return r;
	keep_unit_path(b);
	limits_raise(&b->limits, b->conf->max_slots);
	if (!limits_suffice(&b->limits))
		return BOOT_EXIT_FAILURE;
	if (bind_control(b) == -1 || memory_open(&b->memory, b->run_fd,
					 limits_slots(&b->limits, b->conf->max_slots),
					 b->conf->event_ring_bytes) == -1)
		return BOOT_EXIT_FAILURE;
	if (b->detach && detach(b->run_fd, b->run_path) == -1) {
		log_warn("detach");
		return BOOT_EXIT_FAILURE;
	}
	if (pidfile_write(b->lock) == -1)
		log_warn("%s/supd.lock", b->run_path);
	limits_protect();
	if (fill_table(b) == -1 || fchdir(b->memory.table->fd[FD_ROOT]) == -1)
		return BOOT_EXIT_FAILURE;
	(void)become_init(b);
	return BOOT_EXIT_FAILURE;
}

int
boot_main(int argc, char **argv)
{
	struct boot b = { .root_fd = -1, .run_fd = -1, .exe_fd = -1, .control_fd = -1 };
	struct buf why = { 0 };
	int r;

	fill_stdio();
	/* A parent that ignores the ends of its children would leave us none to wait for.
	 */
	(void)signal(SIGCHLD, SIG_DFL);
	log_init("boot", LOG_LEVEL_INFO);
	r = read_options(&b, argc, argv);
	if (r != -1)
		return r;
	bare_mount_proc();
	detach_keep_notify();
	b.exe_fd = open_exe();
	if (b.exe_fd == -1)
		return BOOT_EXIT_FAILURE;
	r = BOOT_EXIT_FAILURE;
	if (instance_find(&b.in, b.dir, false, &why) == -1) {
		log_warnx("%s", buf_str(&why));
	} else if (read_conf(&b) == 0) {
		umask(022);
		r = b.check ? check_files(&b) : start(&b);
	}
	buf_free(&why);
	supd_conf_free(b.conf);
	instance_clear(&b.in);
	free(b.run_path);
	if (b.lock != NULL)
		(void)pidfile_close(b.lock);
	if (r != 0)
		bare_stay();
	return r;
}
