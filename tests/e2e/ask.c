/*
 * ask: one field of a unit's status, by one process; the tests ask this all the time.
 *
 *	ask INSTANCE UNIT KEY			prints it
 *	ask INSTANCE UNIT KEY VALUE SECONDS	waits until it is VALUE, as long as
 *SECONDS ask INSTANCE -r ROLE			prints the number of a role's process
 *
 * KEY is a path: wish.what.  What is null or not there is printed as nothing.  Exit
 *status: 0; 1: supd did not answer, not with that, or it is no text, number or truth; or
 *the time is over.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <yajl/yajl_tree.h>

enum {
	REPLY_BYTES_MAX = 16 * 1024 * 1024,
	ANSWER_S = 30, /* a loaded machine */
	PAUSE_MS = 20, /* between two looks, the first times */
	PAUSE_MAX_MS = 200,
	AWAY_S = 2, /* whoever waits is told when it is not there */
};

static char reply[REPLY_BYTES_MAX];

static bool
exchange(const char *instance, const char *request)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = ANSWER_S };
	size_t n = 0, length = strlen(request) + 1;
	char run[4096];
	int fd, dir;

	/* The folder may lie deeper than an address is long. */
	snprintf(run, sizeof(run), "%s/run", instance);
	dir = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (dir == -1 || fd == -1)
		goto no;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/supd.sock", dir);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1)
		goto no;
	if (send(fd, request, length, MSG_NOSIGNAL) != (ssize_t)length)
		goto no;
	while (n == 0 || reply[n - 1] != '\0') {
		ssize_t got =
		    n < sizeof(reply) ? recv(fd, reply + n, sizeof(reply) - n, 0) : 0;

		if (got <= 0)
			goto no;
		n += (size_t)got;
	}
	close(dir);
	close(fd);
	return true;
no:
	if (dir != -1)
		close(dir);
	if (fd != -1)
		close(fd);
	return false;
}

/* The elements of a list in the reply; NULL: there is none. */
static yajl_val
list_of(yajl_val root, const char *name)
{
	const char *path[] = { "parameters", name, NULL };
	yajl_val v = root == NULL ? NULL : yajl_tree_get(root, path, yajl_t_array);

	return v != NULL && v->u.array.len > 0 ? v : NULL;
}

/* Its text, valid as long as the reply's tree; NULL: it has none. */
static const char *
text_of(yajl_val v)
{
	if (v == NULL || YAJL_IS_NULL(v))
		return "";
	if (YAJL_IS_STRING(v))
		return YAJL_GET_STRING(v);
	if (YAJL_IS_NUMBER(v))
		return YAJL_GET_NUMBER(v);
	if (YAJL_IS_TRUE(v) || YAJL_IS_FALSE(v))
		return YAJL_IS_TRUE(v) ? "true" : "false";
	return NULL;
}

static const char *
field_of(yajl_val root, char *key)
{
	yajl_val units = list_of(root, "units");
	const char *path[16];
	size_t n = 0;

	if (units == NULL)
		return NULL;
	for (char *p = key; p != NULL && n < 15;) {
		char *dot = strchr(p, '.');

		path[n++] = p;
		if (dot != NULL)
			*dot++ = '\0';
		p = dot;
	}
	path[n] = NULL;
	return text_of(yajl_tree_get(units->u.array.values[0], path, yajl_t_any));
}

static const char *
role_of(yajl_val root, const char *name)
{
	yajl_val roles = list_of(root, "roles");

	for (size_t i = 0; roles != NULL && i < roles->u.array.len; i++) {
		yajl_val role = roles->u.array.values[i];
		const char *name_path[] = { "name", NULL }, *pid_path[] = { "pid", NULL };
		const char *is = text_of(yajl_tree_get(role, name_path, yajl_t_any));

		if (is != NULL && strcmp(is, name) == 0)
			return text_of(yajl_tree_get(role, pid_path, yajl_t_any));
	}
	return NULL;
}

/* Into a buffer of this size.  Returns the exit status. */
static int
look(char **argv, char *to, size_t size)
{
	bool role = strcmp(argv[2], "-r") == 0;
	char request[1024], key[256];
	const char *text;
	yajl_val root;
	bool found;
	int n, rc;

	if (role)
		n = snprintf(
		    request, sizeof(request), "{\"method\":\"io.supd.Manager.Status\"}");
	else
		n = snprintf(request, sizeof(request),
		    "{\"method\":\"io.supd.Unit.Status\",\"parameters\":{\"units\":[\"%"
		    "s\"]}}",
		    argv[2]);
	/* No name of a test needs an escape; another one is not asked for. */
	if (n < 0 || (size_t)n >= sizeof(request) ||
	    strpbrk(argv[2], "\"\\\n\t") != NULL || strlen(argv[3]) >= sizeof(key) ||
	    !exchange(argv[1], request))
		return 2;
	strcpy(key, argv[3]);
	root = yajl_tree_parse(reply, NULL, 0);
	text = role ? role_of(root, key) : field_of(root, key);
	found = list_of(root, role ? "roles" : "units") != NULL;
	if (text != NULL)
		snprintf(to, size, "%s", text);
	rc = text != NULL ? 0 : found ? 1 : 2;
	yajl_tree_free(root);
	return rc;
}

static double
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	static char is[1024 * 1024];
	struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	double start, answered;

	if (argc != 4 && argc != 6)
		errx(2, "usage: ask INSTANCE UNIT KEY [VALUE SECONDS] | ask INSTANCE -r "
			"ROLE");
	if (argc == 4) {
		int rc = look(argv, is, sizeof(is));

		if (rc == 0)
			puts(is);
		return rc;
	}
	start = answered = now_s();
	for (;;) {
		int rc = look(argv, is, sizeof(is));
		double now = now_s();

		if (rc == 0 && strcmp(is, argv[4]) == 0)
			return 0;
		if (rc != 2)
			answered = now;
		if (now - answered >= AWAY_S)
			return 2;
		if (now - start >= atof(argv[5]))
			return 1;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < PAUSE_MAX_MS * 1000000L)
			pause.tv_nsec += PAUSE_MS * 1000000L;
	}
}
