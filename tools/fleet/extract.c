/*
 * extract: summarise session transcripts.
 *
 *	extract [-p] [-o DIR] FILE|FOLDER…
 *
 * A transcript is a file of JSON lines as agent programs write them: one message a line,
 * with `usage' (tokens), `tool_use' (name and input) and `tool_result' (is_error) inside
 * `message.content'.  Prints one line for each transcript and, with -o, writes
 * DIR/NAME.json, replaced atomically; with -p DIR/PROJECT/NAME.json, where PROJECT is the
 * name of the transcript's folder.  A line that is no JSON, torn or too long counts as
 * unreadable and never stops the rest: transcripts are written by programs that get
 *killed.
 *
 * Exit status: 0 all summarised, 1 a file could not be read or written, 2 usage.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"

enum {
	LINE_BYTES_MAX = 8 * 1024 * 1024, /* a longer line is counted as bad */
	PATH_BYTES_MAX = 1024,
};

struct summary {
	uint64_t lines, bad_lines, messages;
	uint64_t tokens_in, tokens_out, tokens_cache;
	uint64_t tool_calls, errors;
	struct map tools; /* name -> uint64_t *, calls */
	struct map files; /* path -> NULL-less marker */
	char *session;
	char *model;
	char *first, *last; /* time stamps as written */
};

static void
summary_clear(struct summary *s)
{
	map_clear(&s->tools, free);
	map_clear(&s->files, NULL);
	free(s->session);
	free(s->model);
	free(s->first);
	free(s->last);
	memset(s, 0, sizeof(*s));
}

static void
set_once(char **field, const struct jv *v)
{
	const char *text = jv_str(v, NULL);

	if (*field == NULL && text != NULL)
		*field = xstrdup(text);
}

/* A count that a hostile line may claim is bounded, so that sums cannot wrap. */
static uint64_t
count_of(const struct jv *v)
{
	int64_t n = jv_i64(v, 0);

	return n < 0 || n > INT32_MAX ? 0 : (uint64_t)n;
}

static void
add_usage(struct summary *s, const struct jv *usage)
{
	s->tokens_in += count_of(jv_get(usage, "input_tokens"));
	s->tokens_out += count_of(jv_get(usage, "output_tokens"));
	s->tokens_cache += count_of(jv_get(usage, "cache_read_input_tokens"));
}

static void
add_tool(struct summary *s, const struct jv *use)
{
	static const char *const path_keys[] = { "file_path", "notebook_path", "path" };
	/* These look for something below a path: they touch no file of that name. */
	static const char *const searches[] = { "Grep", "Glob", "LS" };
	size_t npath_keys = sizeof(path_keys) / sizeof(path_keys[0]);
	const char *name = jv_str(jv_get(use, "name"), "?");
	const struct jv *input = jv_get(use, "input");
	uint64_t *calls = map_get(&s->tools, name);

	if (calls == NULL) {
		calls = xcalloc(1, sizeof(*calls));
		map_set(&s->tools, name, calls);
	}
	(*calls)++;
	s->tool_calls++;
	for (size_t i = 0; i < sizeof(searches) / sizeof(searches[0]); i++)
		if (strcmp(name, searches[i]) == 0)
			npath_keys = 0;
	for (size_t i = 0; i < npath_keys; i++) {
		const char *path = jv_str(jv_get(input, path_keys[i]), NULL);

		if (path != NULL && *path != '\0' && strlen(path) < PATH_BYTES_MAX)
			map_set(&s->files, path, s);
	}
}

static void
add_content(struct summary *s, const struct jv *content)
{
	for (size_t i = 0; i < jv_count(content); i++) {
		const struct jv *part = jv_at(content, i);
		const char *type = jv_str(jv_get(part, "type"), "");

		if (strcmp(type, "tool_use") == 0)
			add_tool(s, part);
		else if (strcmp(type, "tool_result") == 0 &&
			 jv_bool(jv_get(part, "is_error"), false))
			s->errors++;
	}
}

static void
add_line(struct summary *s, const char *line, size_t len)
{
	const struct jv *message;
	struct jv *v;

	while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == ' '))
		len--;
	if (len == 0)
		return;
	s->lines++;
	v = len > LINE_BYTES_MAX ? NULL : jv_parse(line, len, NULL);
	if (jv_type(v) != JV_OBJECT) {
		s->bad_lines++;
		jv_free(v);
		return;
	}
	set_once(&s->session, jv_get(v, "sessionId"));
	set_once(&s->first, jv_get(v, "timestamp"));
	if (jv_str(jv_get(v, "timestamp"), NULL) != NULL) {
		free(s->last);
		s->last = xstrdup(jv_str(jv_get(v, "timestamp"), ""));
	}
	if (strcmp(jv_str(jv_get(v, "type"), ""), "error") == 0)
		s->errors++;
	message = jv_get(v, "message");
	if (jv_type(message) == JV_OBJECT) {
		s->messages++;
		set_once(&s->model, jv_get(message, "model"));
		add_usage(s, jv_get(message, "usage"));
		add_content(s, jv_get(message, "content"));
	}
	jv_free(v);
}

static int
read_transcript(int dirfd, const char *path, struct summary *s)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	FILE *f;
	int fd, rc = 0;

	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return -1;
	f = fdopen(fd, "r");
	if (f == NULL) {
		close(fd);
		return -1;
	}
	while ((n = getline(&line, &cap, f)) != -1) {
		if (n > 0 && line[n - 1] == '\n')
			n--;
		add_line(s, line, (size_t)n);
	}
	if (ferror(f))
		rc = -1;
	free(line);
	fclose(f);
	return rc;
}

static void
write_summary(const struct summary *s, struct jw *w, const char *name)
{
	struct strv keys = { 0 };

	jw_obj(w);
	jw_kv_str(w, "transcript", name);
	jw_kv_str(w, "session", s->session);
	jw_kv_str(w, "model", s->model);
	jw_kv_str(w, "first", s->first);
	jw_kv_str(w, "last", s->last);
	jw_kv_u64(w, "lines", s->lines);
	jw_kv_u64(w, "bad_lines", s->bad_lines);
	jw_kv_u64(w, "messages", s->messages);
	jw_kv_obj(w, "tokens");
	jw_kv_u64(w, "input", s->tokens_in);
	jw_kv_u64(w, "output", s->tokens_out);
	jw_kv_u64(w, "cache_read", s->tokens_cache);
	jw_end(w);
	jw_kv_obj(w, "tools");
	map_keys(&s->tools, &keys);
	for (size_t i = 0; i < keys.n; i++)
		jw_kv_u64(w, keys.v[i], *(uint64_t *)map_get(&s->tools, keys.v[i]));
	jw_end(w);
	strv_free(&keys);
	map_keys(&s->files, &keys);
	jw_kv_strv(w, "files", &keys);
	strv_free(&keys);
	jw_kv_u64(w, "errors", s->errors);
	jw_end(w);
}

/* project: the folder in out, NULL: out itself. */
static int
store_summary(const struct summary *s, int out, const char *project, const char *name)
{
	struct jw *w = jw_new(JW_PRETTY);
	struct buf text = { 0 };
	char *file;
	int rc;

	write_summary(s, w, name);
	jw_take(w, &text);
	jw_free(w);
	if (project != NULL && mkdir_p_at(out, project, 0750) == -1)
		warn("%s", project);
	file = project == NULL ? xasprintf("%s.json", name)
			       : xasprintf("%s/%s.json", project, name);
	rc = file_write_atomic(out, file, text.data, text.len, 0640, true);
	if (rc == -1)
		warn("%s", file);
	free(file);
	buf_free(&text);
	return rc;
}

/* One transcript: a line for people, and the file. */
static int
extract_file(int dirfd, const char *path, int out, const char *project)
{
	const char *base = strrchr(path, '/');
	struct summary s = { 0 };
	int rc = 0;

	base = base == NULL ? path : base + 1;
	if (read_transcript(dirfd, path, &s) == -1) {
		warn("%s", path);
		summary_clear(&s);
		return -1;
	}
	printf(
	    "%s: %llu messages, %llu tokens in, %llu out, %llu tool calls (%zu tools), "
	    "%zu files touched, %llu errors",
	    base, (unsigned long long)s.messages, (unsigned long long)s.tokens_in,
	    (unsigned long long)s.tokens_out, (unsigned long long)s.tool_calls, s.tools.n,
	    s.files.n, (unsigned long long)s.errors);
	if (s.bad_lines > 0)
		printf(", %llu unreadable lines", (unsigned long long)s.bad_lines);
	printf("\n");
	fflush(stdout);
	if (out != -1)
		rc = store_summary(&s, out, project, base);
	summary_clear(&s);
	return rc;
}

static int
is_transcript(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 6 && strcmp(d->d_name + n - 6, ".jsonl") == 0;
}

/* The name of a folder, or of that of a file; NULL when its path does not say it. */
static char *
project_of(const char *path, bool is_folder)
{
	char *real = realpath(path, NULL), *slash, *name = NULL;

	if (real == NULL)
		return NULL;
	if (!is_folder && (slash = strrchr(real, '/')) != NULL)
		*slash = '\0';
	if ((slash = strrchr(real, '/')) != NULL && slash[1] != '\0')
		name = xstrdup(slash + 1);
	free(real);
	return name;
}

static int
extract_folder(const char *path, int out, const char *project)
{
	struct dirent **list;
	int dir, n, rc = 0;

	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1 ||
	    (n = scandirat(dir, ".", &list, is_transcript, alphasort)) == -1) {
		warn("%s", path);
		if (dir != -1)
			close(dir);
		return -1;
	}
	for (int i = 0; i < n; i++) {
		if (extract_file(dir, list[i]->d_name, out, project) == -1)
			rc = -1;
		free(list[i]);
	}
	free(list);
	close(dir);
	return rc;
}

/* The folder for the summaries, with those above it; any path that a person may give. */
static int
open_out(char *path)
{
	for (char *at = path + 1; *path != '\0' && *at != '\0'; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(path, 0750) == -1 && errno != EEXIST)
			return -1;
		*at = '/';
	}
	if (mkdir(path, 0750) == -1 && errno != EEXIST)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void
usage(void)
{
	fprintf(stderr, "usage: extract [-p] [-o folder] file|folder ...\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	char *out_path = NULL;
	int c, out = -1, rc = 0;
	bool by_project = false;

	while ((c = getopt(argc, argv, "o:p")) != -1) {
		if (c == 'p')
			by_project = true;
		else if (c == 'o')
			out_path = optarg;
		else
			usage();
	}
	if (optind == argc)
		usage();
	if (out_path != NULL && (out = open_out(out_path)) == -1)
		err(1, "%s", out_path);
	for (int i = optind; i < argc; i++) {
		struct stat st;
		char *project = NULL;

		if (stat(argv[i], &st) == -1) {
			warn("%s", argv[i]);
			rc = -1;
			continue;
		}
		if (by_project)
			project = project_of(argv[i], S_ISDIR(st.st_mode));
		if ((S_ISDIR(st.st_mode)
			    ? extract_folder(argv[i], out, project)
			    : extract_file(AT_FDCWD, argv[i], out, project)) == -1)
			rc = -1;
		free(project);
	}
	return rc == 0 ? 0 : 1;
}
