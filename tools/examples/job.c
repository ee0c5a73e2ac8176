/*
 * Jobs from C, with libyajl:
 *
 *	job submit PROGRAM [ARGUMENT...]	says the name of its unit
 *	job follow UNIT				prints what happens to it
 *	job cancel UNIT				calls it off
 *
 * follow ends as the job ends.
 *
 *	cc -o job job.c -lyajl
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <yajl/yajl_gen.h>
#include <yajl/yajl_tree.h>

/* A connection to supd, and what of its replies was not read yet. */
static FILE *supd;

static void
put(yajl_gen g, const char *text)
{
	yajl_gen_string(g, (const unsigned char *)text, strlen(text));
}

/* METHOD with LIST as the array KEY of its parameters, and SINCE as another unless it is
 * negative.  Replies may be several. */
static void
call(const char *method, const char *key, char **list, long long since)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *root = getenv("SUPD_ROOT");
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *text;
	size_t len;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s/run/supd.sock",
	    root != NULL ? root : ".");
	if (fd == -1 || connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1)
		err(1, "%s", to.sun_path);
	yajl_gen_map_open(g);
	put(g, "method");
	put(g, method);
	put(g, "more");
	yajl_gen_bool(g, 1);
	put(g, "parameters");
	yajl_gen_map_open(g);
	put(g, key);
	yajl_gen_array_open(g);
	while (*list != NULL)
		put(g, *list++);
	yajl_gen_array_close(g);
	if (since >= 0) {
		put(g, "since");
		yajl_gen_integer(g, since);
	}
	yajl_gen_map_close(g);
	yajl_gen_map_close(g);
	if (yajl_gen_get_buf(g, &text, &len) != yajl_gen_status_ok)
		errx(1, "an argument is no valid text");
	/* With its NUL, which ends a call. */
	if (write(fd, text, len + 1) != (ssize_t)len + 1 ||
	    (supd = fdopen(fd, "r")) == NULL)
		err(1, "supd");
	yajl_gen_free(g);
}

static yajl_val
get(yajl_val v, const char *a, const char *b)
{
	const char *path[] = { a, b, NULL };

	return v == NULL ? NULL : yajl_tree_get(v, path, yajl_t_any);
}

static const char *
text_of(yajl_val v, const char *key)
{
	yajl_val text = get(v, key, NULL);

	return YAJL_IS_STRING(text) ? YAJL_GET_STRING(text) : "";
}

/* The parameters of the next reply. */
static yajl_val
reply(void)
{
	static char *text;
	static size_t size;
	char why[256];
	yajl_val v;

	if (getdelim(&text, &size, '\0', supd) <= 0)
		errx(1, "supd has hung up");
	v = yajl_tree_parse(text, why, sizeof(why));
	if (v == NULL)
		errx(1, "%s", why);
	if (get(v, "error", NULL) != NULL)
		errx(1, "%s: %s", text_of(v, "error"),
		    text_of(get(v, "parameters", NULL), "message"));
	return get(v, "parameters", NULL);
}

static int
follow(char **unit)
{
	yajl_val event, code;

	call("io.supd.Event.Subscribe", "units", unit, 0);
	for (;;) {
		event = get(reply(), "event", NULL);
		printf("%s %s\n", text_of(event, "ts"), text_of(event, "event"));
		fflush(stdout);
		if (strcmp(text_of(event, "event"), "exit") != 0)
			continue;
		code = get(event, "exit_code", NULL);
		return YAJL_IS_INTEGER(code) ? (int)YAJL_GET_INTEGER(code) : 1;
	}
}

static void
submit(char **argv)
{
	yajl_val job;

	call("io.supd.Job.Run", "argv", argv, -1);
	job = reply();
	if (YAJL_IS_FALSE(get(job, "success", NULL)))
		errx(1, "%s", text_of(job, "message"));
	puts(text_of(job, "unit"));
}

int
main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "submit") == 0) {
		submit(argv + 2);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "follow") == 0)
		return follow(argv + 2);
	if (argc == 3 && strcmp(argv[1], "cancel") == 0) {
		call("io.supd.Unit.Stop", "units", argv + 2, -1);
		(void)reply();
		return 0;
	}
	errx(2,
	    "usage: job submit PROGRAM [ARGUMENT...], job follow UNIT, job cancel UNIT");
}
