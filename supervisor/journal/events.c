/*
 * events: see the header.
 *
 * seq only grows, over all days in the order of their first events, so the place to begin
 * is found without reading what is before it: the day by the first line of each, the line
 * by halving.
 */
#include "journal/events.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/layout.h"
#include "journal/lines.h"
#include "journal/watch.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/xalloc.h"

enum { SEEK_PIECE = 64 * 1024 };

struct saved {
	char *json;
	size_t len;
};

struct events {
	int root_fd;
	struct events_query q;
	struct strv units, kinds;
	struct strv days;           /* in the order of their events */
	char newest[CLOCK_DAY_MAX]; /* day that is known; later ones are looked for */
	size_t day;                 /* the one that is read */
	struct lines *lines;
	struct jv *tree; /* of the last entry */
	uint64_t damaged;
	struct saved *saved; /* newest first */
	size_t nsaved;
	char *last_json; /* of the last entry, when it was saved */
	struct watch *watch;
	bool watches_journal, watches_top;
};

/* ---- files ---- */

static struct lines *
open_day(struct events *e, const char *day)
{
	char path[LAYOUT_PATH_MAX];
	int fd = open_at(e->root_fd, layout_events_path(path, sizeof(path), day),
	    O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (fd == -1)
		return NULL;
	if (e->watch != NULL)
		watch_file(e->watch, fd);
	return lines_new_take_fd(fd, false);
}

static uint64_t first_seq(struct events *e, const char *day);

struct first {
	uint64_t seq;
	const char *day;
};

static int
compare_first(const void *a, const void *b)
{
	const struct first *x = a, *y = b;

	return x->seq != y->seq ? (x->seq < y->seq ? -1 : 1) : strcmp(x->day, y->day);
}

/*
 * Adds what was found, sorted by name.  A clock that was set back makes a file of an
 * earlier day come later.  Of a day without events only the newest counts: it may get
 * some.
 */
static void
add_days(struct events *e, const struct strv *found)
{
	struct first *v = xcalloc(found->n + 1, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < found->n; i++) {
		v[n] = (struct first){ first_seq(e, found->v[i]), found->v[i] };
		if (v[n].seq == 0 && i + 1 == found->n)
			v[n].seq = UINT64_MAX;
		if (v[n].seq != 0)
			n++;
	}
	qsort(v, n, sizeof(*v), compare_first);
	for (size_t i = 0; i < n; i++)
		strv_add(&e->days, v[i].day);
	free(v);
	if (found->n > 0)
		strlcpy(e->newest, found->v[found->n - 1], sizeof(e->newest));
}

/* Adds the days that are there and newer than all that are known. */
static int
list_days(struct events *e)
{
	DIR *dir = dir_open_at(e->root_fd, "journal");
	struct strv found = { 0 };
	struct dirent *de;

	if (dir == NULL)
		return errno == ENOENT ? 0 : -1;
	while ((de = readdir(dir)) != NULL)
		if (layout_day_is_valid(de->d_name) && strcmp(de->d_name, e->newest) > 0)
			strv_add(&found, de->d_name);
	closedir(dir);
	strv_sort(&found);
	add_days(e, &found);
	strv_free(&found);
	return 0;
}

/* ---- one line ---- */

/* The seq of a line without parsing all of it; 0: it is no event.  The logger writes seq
 * first. */
static uint64_t
seq_of(const char *s, size_t n)
{
	static const char start[] = "{\"seq\":";
	uint64_t seq = 0;

	if (n < sizeof(start) || memcmp(s, start, sizeof(start) - 1) != 0)
		return 0;
	for (size_t i = sizeof(start) - 1; i < n && s[i] >= '0' && s[i] <= '9'; i++)
		seq = seq * 10 + (uint64_t)(s[i] - '0');
	return seq;
}

static bool
any_matches(const struct strv *globs, const char *s)
{
	if (globs->n == 0)
		return true;
	for (size_t i = 0; i < globs->n; i++)
		if (fnmatch(globs->v[i], s, FNM_NOESCAPE) == 0)
			return true;
	return false;
}

/* Parses a line; false: damaged, or not asked for. */
static bool
take(struct events *e, const char *s, size_t n, struct events_entry *ev)
{
	uint64_t seq = seq_of(s, n);
	int64_t parsed;

	if (seq != 0 && seq <= e->q.after_seq)
		return false;
	/* Most lines are of other runs, and are not taken apart for that. */
	if (e->q.run != NULL && memmem(s, n, e->q.run, strlen(e->q.run)) == NULL)
		return false;
	jv_free(e->tree);
	e->tree = jv_parse(s, n, NULL);
	parsed = jv_i64(jv_get(e->tree, "seq"), 0);
	if (parsed <= 0 || jv_str(jv_get(e->tree, "event"), NULL) == NULL) {
		e->damaged++;
		return false;
	}
	*ev = (struct events_entry){ .seq = (uint64_t)parsed,
		.event = jv_str(jv_get(e->tree, "event"), ""),
		.unit = jv_str(jv_get(e->tree, "unit"), ""),
		.tree = e->tree,
		.json = s,
		.json_len = n };
	if (clock_parse(jv_str(jv_get(e->tree, "ts"), ""), &ev->wall_us) == -1)
		ev->wall_us = 0;
	return ev->seq > e->q.after_seq && any_matches(&e->units, ev->unit) &&
	       any_matches(&e->kinds, ev->event) &&
	       (e->q.run == NULL ||
		   strcmp(jv_str(jv_get(e->tree, "run"), ""), e->q.run) == 0) &&
	       (e->q.since_us == 0 || ev->wall_us >= e->q.since_us) &&
	       (e->q.until_us == 0 || ev->wall_us <= e->q.until_us) &&
	       (e->q.wanted == NULL || e->q.wanted(e->tree));
}

/* ---- where to begin ---- */

/* The first seq of a day, 0 if it has none. */
static uint64_t
first_seq(struct events *e, const char *day)
{
	struct lines *f = open_day(e, day);
	uint64_t seq = 0;
	const char *s;
	size_t n;

	while (f != NULL && seq == 0 && lines_next(f, false, &s, &n) == 1)
		seq = seq_of(s, n);
	lines_free(f);
	return seq;
}

/* Close before the first event after after_seq, by halving. */
static void
seek_after(struct events *e)
{
	off_t lo = 0, hi = lines_size(e->lines);
	const char *s;
	size_t n;

	while (hi - lo > SEEK_PIECE) {
		off_t mid = lo + (hi - lo) / 2;
		uint64_t seq = 0;

		lines_seek(e->lines, mid);
		while (seq == 0 && lines_next(e->lines, false, &s, &n) == 1)
			seq = seq_of(s, n);
		if (seq == 0 || seq > e->q.after_seq)
			hi = mid;
		else
			lo = mid;
	}
	lines_seek(e->lines, lo);
}

static void
begin_after(struct events *e)
{
	e->day = 0;
	if (e->q.after_seq == 0)
		return;
	for (size_t i = e->days.n; i-- > 0;) {
		uint64_t first = first_seq(e, e->days.v[i]);

		if (first == 0 || first > e->q.after_seq)
			continue;
		e->day = i;
		e->lines = open_day(e, e->days.v[i]);
		if (e->lines != NULL)
			seek_after(e);
		return;
	}
}

static void
save(struct events *e, const struct events_entry *ev)
{
	if (e->nsaved % 64 == 0)
		e->saved = xreallocarray(e->saved, e->nsaved + 64, sizeof(*e->saved));
	e->saved[e->nsaved++] =
	    (struct saved){ xstrndup(ev->json, ev->json_len), ev->json_len };
}

/* The last n, from the end. */
static void
begin_last(struct events *e, size_t max)
{
	struct events_entry ev;
	const char *s;
	size_t n;

	e->day = e->days.n;
	for (size_t i = e->days.n; i-- > 0;) {
		struct lines *f = open_day(e, e->days.v[i]);

		if (f == NULL)
			continue;
		while (lines_prev(f, &s, &n) == 1) {
			uint64_t seq = seq_of(s, n);

			if (e->nsaved >= max || (seq != 0 && seq <= e->q.after_seq))
				break;
			if (take(e, s, n, &ev))
				save(e, &ev);
		}
		/* Following goes on behind the newest day's last line. */
		if (e->lines == NULL && e->q.follow) {
			lines_to_end(f);
			e->lines = f;
			e->day = i;
		} else {
			lines_free(f);
		}
		if (e->nsaved >= max)
			break;
	}
}

/* ---- reading ---- */

static bool
next_saved(struct events *e, struct events_entry *ev)
{
	struct saved *s;
	bool ok;

	while (e->nsaved > 0) {
		s = &e->saved[--e->nsaved];
		/* It matched when it was saved; the tree is made again. */
		ok = take(e, s->json, s->len, ev);
		free(e->last_json);
		e->last_json = s->json;
		if (ok)
			return true;
	}
	return false;
}

static int
next_line(struct events *e, struct events_entry *ev)
{
	const char *s;
	size_t n;

	while (e->day < e->days.n) {
		int r = 0;

		if (e->lines == NULL)
			e->lines = open_day(e, e->days.v[e->day]);
		while (e->lines != NULL && (r = lines_next(e->lines, false, &s, &n)) == 1)
			if (take(e, s, n, ev))
				return 1;
		if (r == -1)
			return -1;
		/* The newest day may grow, when somebody waits for it. */
		if (e->q.follow && e->day + 1 == e->days.n)
			return 0;
		lines_free(e->lines);
		e->lines = NULL;
		e->day++;
	}
	return 0;
}

static void
watch_folders(struct events *e)
{
	if (!e->watches_journal)
		e->watches_journal = watch_dir(e->watch, e->root_fd, "journal");
	if (!e->watches_journal && !e->watches_top)
		e->watches_top = watch_dir(e->watch, e->root_fd, ".");
}

int
events_next(struct events *e, struct events_entry *ev)
{
	int r;

	if (next_saved(e, ev))
		return 1;
	r = next_line(e, ev);
	if (r != 0 || e->watch == NULL || !watch_drain(e->watch))
		return r;
	watch_folders(e);
	if (list_days(e) == -1)
		return -1;
	return next_line(e, ev);
}

int
events_fd(const struct events *e)
{
	return e->watch != NULL ? watch_fd(e->watch) : -1;
}

uint64_t
events_damaged(const struct events *e)
{
	return e->damaged;
}

/* ---- open and close ---- */

struct events *
events_open(int root_fd, const struct events_query *q)
{
	struct events *e = xcalloc(1, sizeof(*e));

	e->root_fd = root_fd;
	e->q = *q;
	for (size_t i = 0; q->units != NULL && q->units[i] != NULL; i++)
		strv_add(&e->units, q->units[i]);
	for (size_t i = 0; q->kinds != NULL && q->kinds[i] != NULL; i++)
		strv_add(&e->kinds, q->kinds[i]);
	if (q->follow) {
		e->watch = watch_new();
		if (e->watch == NULL)
			goto bad;
		watch_folders(e);
	}
	if (list_days(e) == -1)
		goto bad;
	if (q->n >= 0)
		begin_last(e, (size_t)q->n);
	else
		begin_after(e);
	return e;
bad:
	events_free(e);
	return NULL;
}

void
events_free(struct events *e)
{
	int err = errno;

	if (e == NULL)
		return;
	for (size_t i = 0; i < e->nsaved; i++)
		free(e->saved[i].json);
	free(e->saved);
	free(e->last_json);
	jv_free(e->tree);
	lines_free(e->lines);
	watch_free(e->watch);
	strv_free(&e->units);
	strv_free(&e->kinds);
	strv_free(&e->days);
	free(e);
	errno = err;
}

uint64_t
events_last_seq(int root_fd)
{
	struct events_query q = { .n = 1 };
	struct events *e = events_open(root_fd, &q);
	struct events_entry ev;
	uint64_t seq = 0;

	if (e != NULL && events_next(e, &ev) == 1)
		seq = ev.seq;
	events_free(e);
	return seq;
}
