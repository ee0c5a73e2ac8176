#include "manager/part/stale_scan.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/part/ledger_file.h"
#include "manager/part/stale_open.h"
#include "unit/name.h"

enum {
	FILES_MAX = 1000000, /* of one unit */
	LINKS_MAX = 40,      /* folders of a way, wildcards in each */
	UNSETTLED_MAX = 1000,
	SLACK_MAX = 100000, /* entries of files that may come back */
};

struct scan {
	const struct stale_question *q;
	struct ledger ledger;
	struct map seen;      /* by instance; the value is nothing */
	struct stale_file *v; /* candidates */
	size_t n, cap;
	struct stale_counts counts;
	uint64_t due_wall_us, gone;
	struct buf problem;
	bool failed;
};

static void
note_problem(struct scan *s, const char *path, const char *why)
{
	/* The first one is told: the others may follow from it. */
	if (s->problem.len == 0)
		buf_addf(&s->problem, "%s: %s", *path == '\0' ? "/" : path, why);
}

/* Nothing is started: what was not seen may have been done. */
static void
fail(struct scan *s, const char *path, const char *why)
{
	s->failed = true;
	buf_clear(&s->problem);
	note_problem(s, path, why);
}

/* ---- files --------------------------------------------------------------------------
 */

static int64_t
mtime_ns_of(const struct stat *st)
{
	int64_t ns;

	if (__builtin_mul_overflow(st->st_mtim.tv_sec, INT64_C(1000000000), &ns) ||
	    __builtin_add_overflow(ns, (int64_t)st->st_mtim.tv_nsec, &ns))
		return st->st_mtim.tv_sec > 0 ? INT64_MAX : INT64_MIN;
	return ns;
}

static void
add_candidate(struct scan *s, const struct stale_file *f)
{
	if (s->n == s->cap) {
		s->cap = s->cap > 0 ? 2 * s->cap : 256;
		s->v = xreallocarray(s->v, s->cap, sizeof(s->v[0]));
	}
	s->v[s->n] = *f;
	s->v[s->n++].instance = xstrdup(f->instance);
}

static enum stale_runs
runs_of(const struct stale_question *q, const char *instance)
{
	if (map_has(q->in_flight, instance))
		return STALE_RUNS_FOR_IT;
	return map_has(q->by_hand, instance) ? STALE_RUNS_BY_HAND : STALE_RUNS_NOT;
}

static void
pass_gates(struct scan *s, struct stale_file *f)
{
	const struct stale_question *q = s->q;
	enum stale_gate gate =
	    stale_gate(q->conf, f, ledger_find(&s->ledger, f->instance),
		runs_of(q, f->instance), q->now_wall_us, &s->due_wall_us);

	s->counts.found++;
	s->counts.stale += gate != STALE_YOUNG;
	s->counts.done += gate == STALE_DONE;
	s->counts.waits += gate == STALE_WAITS;
	s->counts.quarantined += gate == STALE_QUARANTINED;
	if (gate == STALE_CANDIDATE)
		add_candidate(s, f);
}

static void
take_file(struct scan *s, const char *path, const struct stat *st, dev_t folder)
{
	struct stale_file f = { .dev = st->st_dev,
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = mtime_ns_of(st),
		.folder_dev = folder };
	char *name;

	if (s->seen.n >= FILES_MAX) {
		fail(s, path, "it is one of more than a million files");
		return;
	}
	f.instance = unit_name_path_escape(path);
	if (f.instance == NULL)
		return;
	name = unit_name_replace_instance(s->q->conf->unit, f.instance);
	if (name == NULL)
		note_problem(s, path, "it is too long for the name of an instance");
	else if (!map_has(&s->seen, f.instance)) {
		(void)map_set(&s->seen, f.instance, s);
		pass_gates(s, &f);
	}
	free(name);
	free(f.instance);
}

static bool
is_wild(const char *name)
{
	return strpbrk(name, "*?[") != NULL;
}

static void walk(struct scan *s, const char *at, const char *rest, unsigned depth);

/* NAME in the open folder d, which is AT. */
static void
take_name(struct scan *s, DIR *d, dev_t folder, const char *at, const char *name,
    const char *rest, unsigned depth)
{
	char *path = xasprintf("%s/%s", at, name);
	struct stat st;

	if (rest[strspn(rest, "/")] != '\0') {
		walk(s, path, rest, depth + 1);
	} else if (fstatat(dirfd(d), name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		/* A link is not followed: whoever can make one chooses the file. */
		if (S_ISREG(st.st_mode))
			take_file(s, path, &st, folder);
	} else if (errno != ENOENT) {
		note_problem(s, path, strerror(errno));
	}
	free(path);
}

static void
walk_names(
    struct scan *s, const char *at, const char *name, const char *rest, unsigned depth)
{
	DIR *d = opendir(*at == '\0' ? "/" : at);
	struct dirent *e;
	struct stat st;

	if (d == NULL || fstat(dirfd(d), &st) == -1) {
		if (errno != ENOENT && errno != ENOTDIR)
			note_problem(s, at, strerror(errno));
		if (d != NULL)
			closedir(d);
		return;
	}
	if (!is_wild(name)) {
		take_name(s, d, st.st_dev, at, name, rest, depth);
		closedir(d);
		return;
	}
	while (!s->failed && (errno = 0, e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    fnmatch(name, e->d_name, FNM_PERIOD) == 0)
			take_name(s, d, st.st_dev, at, e->d_name, rest, depth);
	if (!s->failed && errno != 0)
		note_problem(s, at, strerror(errno));
	closedir(d);
}

/* At the folder AT ("" is the root), with REST to go. */
static void
walk(struct scan *s, const char *at, const char *rest, unsigned depth)
{
	size_t n;
	char *name;

	rest += strspn(rest, "/");
	n = strcspn(rest, "/");
	if (s->failed || n == 0 || strlen(at) + n >= PATH_MAX)
		return;
	if (depth > LINKS_MAX) {
		note_problem(s, at, "too many folders");
		return;
	}
	name = xstrndup(rest, n);
	rest += n;
	if (is_wild(name) || rest[strspn(rest, "/")] == '\0') {
		walk_names(s, at, name, rest, depth);
	} else {
		char *path = xasprintf("%s/%s", at, name);

		walk(s, path, rest, depth);
		free(path);
	}
	free(name);
}

/* ---- what the ledger has, and the disk has not ---------------------------------------
 */

/*
 * The file is gone, and would be on a file system that is there: an empty folder where a
 * disk was mounted is no reason to do all of it again when it is.
 */
static bool
is_gone(const struct ledger_entry *e)
{
	char *path = unit_name_path_unescape(e->instance), *slash;
	struct stat st;
	bool gone = false;

	if (path == NULL)
		return true;
	if (lstat(path, &st) == -1 && (errno == ENOENT || errno == ENOTDIR)) {
		while ((slash = strrchr(path, '/')) != NULL && slash != path) {
			*slash = '\0';
			if (stat(path, &st) == 0)
				break;
		}
		gone = slash != path ? st.st_dev == e->folder_dev
				     : stat("/", &st) == 0 && st.st_dev == e->folder_dev;
	}
	free(path);
	return gone;
}

/* All that is gone leaves the ledger as it is here, which a merge writes. */
static void
drop_gone(struct scan *s)
{
	size_t it = 0, kept = 0;
	const char *name;
	void *value;

	while (map_next(&s->ledger.entries, &it, &name, &value)) {
		const struct ledger_entry *e = value;

		if (e->result == LEDGER_STARTED || map_has(&s->seen, name) ||
		    map_has(s->q->in_flight, name))
			continue;
		/* What may come back is bounded all the same. */
		if (!is_gone(e) && kept++ < SLACK_MAX)
			continue;
		s->gone++;
		ledger_entry_free(map_del(&s->ledger.entries, e->instance));
	}
}

/* ---- the answer ----------------------------------------------------------------------
 */

/*
 * It is the file that was found.  Who has it open may write once more and close it after
 * it was looked at, and before it is asked who has it open: then it is a new file, and
 * young.
 */
static bool
is_as_found(const struct stale_file *f)
{
	char *path = unit_name_path_unescape(f->instance);
	struct stat st;
	bool same = path != NULL && lstat(path, &st) == 0 && st.st_dev == f->dev &&
		    st.st_ino == f->inode && (uint64_t)st.st_size == f->size &&
		    mtime_ns_of(&st) == f->mtime_ns;

	free(path);
	return same;
}

static void
write_starts(struct scan *s, struct jw *w)
{
	uint32_t max = s->q->conf->max_new;
	size_t n;

	if (max == 0 || max > STALE_STARTS_MAX)
		max = STALE_STARTS_MAX;
	n = s->failed ? 0 : stale_choose(s->q->conf, s->v, s->n, max);
	jw_kv_arr(w, "start");
	for (size_t i = 0; i < n; i++) {
		struct ledger_entry e;

		if (!is_as_found(&s->v[i]))
			continue;
		stale_begin(&s->v[i], s->v[i].tried_run, s->q->now_wall_us, &e);
		jw_obj(w);
		ledger_entry_write(&e, NULL, w);
		jw_kv_u64(w, "tried_us", s->v[i].tried_wall_us);
		jw_end(w);
	}
	jw_end(w);
}

static void
write_unsettled(struct scan *s, struct jw *w)
{
	const char *name;
	size_t it = 0, n = 0;
	void *value;

	jw_kv_arr(w, "unsettled");
	while (map_next(&s->ledger.entries, &it, &name, &value)) {
		const struct ledger_entry *e = value;

		if (e->result != LEDGER_STARTED || map_has(s->q->in_flight, name) ||
		    n++ >= UNSETTLED_MAX)
			continue;
		jw_obj(w);
		ledger_entry_write(e, NULL, w);
		jw_end(w);
	}
	jw_end(w);
	jw_kv_bool(w, "more", n > UNSETTLED_MAX);
}

static void
write_answer(struct scan *s, struct buf *out)
{
	const struct stale_counts *c = &s->counts;
	struct jw *w = jw_new(JW_COMPACT);

	jw_obj(w);
	jw_kv_u64(w, "found", c->found);
	jw_kv_u64(w, "stale", c->stale);
	jw_kv_u64(w, "open", c->open);
	jw_kv_u64(w, "unknown", c->unknown);
	jw_kv_u64(w, "done", c->done);
	jw_kv_u64(w, "waits", c->waits);
	jw_kv_u64(w, "quarantined", c->quarantined);
	jw_kv_u64(w, "gone", s->gone);
	if (s->due_wall_us <= INT64_MAX)
		jw_kv_u64(w, "due", s->due_wall_us);
	jw_kv_str(w, "problem", s->problem.len > 0 ? buf_str(&s->problem) : NULL);
	jw_kv_bool(w, "failed", s->failed);
	write_unsettled(s, w);
	write_starts(s, w);
	jw_end(w);
	jw_take(w, out);
	jw_free(w);
}

static void
scan_files(struct scan *s)
{
	const struct path_conf *c = s->q->conf;

	for (size_t i = 0; i < c->watch.n && !s->failed; i++)
		walk(s, "", c->watch.v[i].path, 0);
	if (!c->require_closed)
		return;
	stale_open_ask(s->v, s->n);
	for (size_t i = 0; i < s->n; i++) {
		s->counts.open += s->v[i].open == STALE_OPEN;
		s->counts.unknown += s->v[i].open == STALE_UNKNOWN;
	}
}

void
stale_scan_work(const void *question, struct buf *out)
{
	const struct stale_question *q = question;
	struct scan s = { .q = q, .due_wall_us = UINT64_MAX };
	int root = open(q->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root == -1 || ledger_file_load(root, q->unit, &s.ledger) == -1) {
		char *folder = xasprintf("%s/state/ledger/%s", q->root, q->unit);

		fail(&s, folder, strerror(errno));
		free(folder);
	}
	if (!s.failed)
		scan_files(&s);
	if (!s.failed) {
		drop_gone(&s);
		if (q->merge && ledger_file_merge(root, q->unit, &s.ledger) == -1)
			note_problem(&s, "its ledger", strerror(errno));
		else if (q->merge)
			s.gone = 0;
	}
	write_answer(&s, out);
	/* (The process ends.) */
	for (size_t i = 0; i < s.n; i++)
		free(s.v[i].instance);
	free(s.v);
	map_clear(&s.seen, NULL);
	ledger_clear(&s.ledger);
	buf_free(&s.problem);
	fd_close(&root);
}

void
stale_sync_work(const void *question, struct buf *out)
{
	const char *root_path = question, *unit = root_path + strlen(root_path) + 1;
	int root = open(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root != -1 && ledger_file_sync(root, unit) == 0)
		buf_addc(out, 'K');
	fd_close(&root);
}

/* ---- in the manager ------------------------------------------------------------------
 */

static void
read_starts(const struct jv *list, struct stale_answer *out)
{
	size_t n = jv_count(list);

	out->start = xcalloc(n + 1, sizeof(out->start[0]));
	for (size_t i = 0; i < n && i < STALE_STARTS_MAX; i++) {
		struct ledger_entry *e = ledger_entry_read(jv_at(list, i));

		if (e == NULL)
			continue;
		out->start[out->n_start++] = (struct stale_file){
			.instance = xstrdup(e->instance),
			.dev = e->dev,
			.inode = e->inode,
			.size = e->size,
			.folder_dev = e->folder_dev,
			.mtime_ns = e->mtime_ns,
			.tries = e->tries > 0 ? e->tries - 1 : 0,
			.tried_wall_us = jv_u64(jv_get(jv_at(list, i), "tried_us")),
		};
		strlcpy(out->start[out->n_start - 1].tried_run, e->run,
		    sizeof(out->start[0].tried_run));
		ledger_entry_free(e);
	}
}

static void
read_unsettled(const struct jv *list, struct stale_answer *out)
{
	size_t n = jv_count(list);

	out->unsettled = xcalloc(n + 1, sizeof(struct ledger_entry *));
	for (size_t i = 0; i < n; i++) {
		struct ledger_entry *e = ledger_entry_read(jv_at(list, i));

		if (e != NULL)
			out->unsettled[out->n_unsettled++] = e;
	}
}

int
stale_answer_read(const struct buf *text, struct stale_answer *out)
{
	struct jv *v = jv_parse(buf_str(text), text->len, NULL);
	const struct jv *due = jv_get(v, "due");

	*out = (struct stale_answer){ .due_wall_us = UINT64_MAX };
	if (jv_type(v) != JV_OBJECT) {
		jv_free(v);
		return -1;
	}
	out->counts = (struct stale_counts){
		.found = jv_u64(jv_get(v, "found")),
		.stale = jv_u64(jv_get(v, "stale")),
		.open = jv_u64(jv_get(v, "open")),
		.unknown = jv_u64(jv_get(v, "unknown")),
		.done = jv_u64(jv_get(v, "done")),
		.waits = jv_u64(jv_get(v, "waits")),
		.quarantined = jv_u64(jv_get(v, "quarantined")),
	};
	out->gone = jv_u64(jv_get(v, "gone"));
	if (jv_type(due) == JV_INT)
		out->due_wall_us = jv_u64(due);
	out->problem = xstrdup_opt(jv_str(jv_get(v, "problem"), NULL));
	out->failed = jv_bool(jv_get(v, "failed"), true);
	out->more_unsettled = jv_bool(jv_get(v, "more"), false);
	read_starts(jv_get(v, "start"), out);
	read_unsettled(jv_get(v, "unsettled"), out);
	jv_free(v);
	return 0;
}

void
stale_answer_clear(struct stale_answer *a)
{
	for (size_t i = 0; i < a->n_start; i++)
		free(a->start[i].instance);
	for (size_t i = 0; i < a->n_unsettled; i++)
		ledger_entry_free(a->unsettled[i]);
	free(a->start);
	free(a->unsettled);
	free(a->problem);
}
