/*
 * reader: see the header.
 *
 * A chain is one log name with its files in order (reader_scan.c).  Each chain has at
 * most one line in hand; the oldest of all is the next.  With n, the last lines are
 * picked backwards first (saved), so that the ends of many large logs cost what is shown,
 * not what is there.
 */
#include "journal/reader.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/layout.h"
#include "journal/lines.h"
#include "journal/reader_int.h"
#include "journal/watch.h"
#include "lib/fdio.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"

enum {
	SEEK_LEAST = 1024 * 1024, /* smaller files are read, not searched */
	SEEK_PIECE = 256 * 1024,
	KEPT_ROOM = 1024,
	PIECE_LINES = 64, /* of a chain at a time, for the last n */
};

/* ---- one line ---- */

static int
file_open(struct reader *r, struct file *f)
{
	char path[LAYOUT_PATH_MAX + LAYOUT_FILE_MAX];
	struct stat st;
	int fd;

	reader_file_path(path, sizeof(path), f);
	fd = open_at(r->root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd == -1 || fstat(fd, &st) == -1)
		goto bad;
	if (!r->q.follow && r->q.since_us > 0 &&
	    (uint64_t)st.st_mtim.tv_sec + 1 < r->q.since_us / 1000000)
		goto bad; /* nothing in it is new enough */
	if (r->watch != NULL)
		watch_file(r->watch, fd);
	f->lines = lines_new_take_fd(fd, f->lf.compressed);
	if (f->lines != NULL)
		return 0;
	fd = -1;
bad:
	fd_close(&fd);
	f->failed = true;
	return -1;
}

static void
file_close(struct file *f)
{
	lines_free(f->lines);
	f->lines = NULL;
	f->failed = true;
}

/* Whether the line is asked for; *e is the line when it is. */
static bool
take(struct reader *r, struct chain *c, size_t file, const char *s, size_t n,
    struct reader_entry *e)
{
	struct file *f = &c->files[file];
	regmatch_t at = { .rm_so = 0 };
	struct line l;

	line_parse(&c->parser, s, n, &l);
	if (l.wall_us != 0)
		c->last_us = l.wall_us;
	if (c->exact && l.wall_us != 0 &&
	    (strlen(c->name) != l.name_len || memcmp(c->name, l.name, l.name_len) != 0))
		return false;
	if (r->q.streams != 0 && (r->q.streams & 1U << l.stream) == 0)
		return false;
	if ((r->q.since_us != 0 && c->last_us < r->q.since_us) ||
	    (r->q.until_us != 0 && c->last_us > r->q.until_us))
		return false;
	at.rm_eo = (regoff_t)l.text_len;
	if (r->has_re && regexec(&r->re, l.text, 1, &at, REG_STARTEND) != 0)
		return false;
	snprintf(c->line_name, sizeof(c->line_name), "%.*s",
	    (int)(l.wall_us != 0 ? l.name_len : strlen(f->lf.name)),
	    l.wall_us != 0 ? l.name : f->lf.name);
	*e = (struct reader_entry){ .wall_us = c->last_us,
		.ref = f->lf.ref,
		.name = c->line_name,
		.day = f->day,
		.stream = l.stream,
		.mark = l.mark,
		.text = l.text,
		.text_len = l.text_len };
	return true;
}

/* ---- the last n ---- */

static void
save(struct chain *c, size_t file, const struct reader_entry *e)
{
	struct saved *s;

	if (c->nsaved % 64 == 0)
		c->saved = xreallocarray(c->saved, c->nsaved + 64, sizeof(*c->saved));
	s = &c->saved[c->nsaved++];
	*s = (struct saved){ .wall_us = e->wall_us,
		.file = file,
		.stream = e->stream,
		.mark = e->mark,
		.text = xmemdup(e->text, e->text_len > 0 ? e->text_len : 1),
		.text_len = e->text_len,
		.name = xstrdup(e->name) };
}

static void
saved_clear(struct saved *s)
{
	free(s->text);
	free(s->name);
}

/* A compressed file can only be read forwards: its last lines, newest first. */
static void
save_gzip(struct reader *r, struct chain *c, size_t i, size_t max)
{
	struct chain part = { .name = c->name, .exact = c->exact, .files = c->files };
	struct reader_entry e;
	const char *s;
	size_t n, first = 0;

	while (lines_next(c->files[i].lines, true, &s, &n) == 1) {
		if (!take(r, &part, i, s, n, &e))
			continue;
		save(&part, i, &e);
		if (part.nsaved - first > max)
			saved_clear(&part.saved[first++]);
		/* What was let go does not add up to the length of the file. */
		if (first > KEPT_ROOM && first >= max) {
			part.nsaved -= first;
			memmove(part.saved, part.saved + first,
			    part.nsaved * sizeof(*part.saved));
			first = 0;
		}
	}
	for (size_t k = part.nsaved; k-- > first;) {
		e = (struct reader_entry){ .wall_us = part.saved[k].wall_us,
			.stream = part.saved[k].stream,
			.mark = part.saved[k].mark,
			.name = part.saved[k].name,
			.text = part.saved[k].text,
			.text_len = part.saved[k].text_len };
		save(c, i, &e);
		saved_clear(&part.saved[k]);
	}
	free(part.saved);
	line_parser_clear(&part.parser);
}

/* A few more lines of the end of an open file.  False: those were all. */
static bool
save_piece(struct reader *r, struct chain *c, size_t i, size_t max)
{
	struct file *f = &c->files[i];
	size_t end = c->nsaved + (max < PIECE_LINES ? max : PIECE_LINES);
	struct reader_entry e;
	const char *s;
	size_t n;

	if (f->lf.compressed) {
		save_gzip(r, c, i, max);
		return false;
	}
	while (c->nsaved < end) {
		if (lines_prev(f->lines, &s, &n) != 1)
			return false;
		c->last_us = 0;
		if (take(r, c, i, s, n, &e))
			save(c, i, &e);
	}
	return true;
}

/* More of the last lines of a chain, before those that it has.  False: there are none. */
static bool
save_more(struct reader *r, struct chain *c, size_t max)
{
	size_t had = c->nsaved;

	while (c->nsaved == had && c->back > 0) {
		size_t i = c->back - 1;

		if ((c->files[i].lines == NULL && file_open(r, &c->files[i]) == -1) ||
		    !save_piece(r, c, i, max))
			c->back--;
		if (c->back == i && !reader_keeps_open(r, c, i))
			file_close(&c->files[i]);
	}
	return c->nsaved > had;
}

/* The time of the next line to pick, for comparing: a line without one has that of the
 * line before it.  False: the chain has no more. */
static bool
next_time(struct reader *r, struct chain *c, size_t max)
{
	if (c->left == c->nsaved && !save_more(r, c, max))
		return false;
	if (c->left < c->timed)
		return true;
	c->next_us = 0;
	/* A log of raw lines only has none at all: not looked for to its start. */
	for (c->timed = c->left; c->timed - c->left < max + PIECE_LINES; c->timed++) {
		if (c->timed == c->nsaved && !save_more(r, c, max))
			break;
		c->next_us = c->saved[c->timed].wall_us;
		if (c->next_us != 0) {
			c->timed++;
			break;
		}
	}
	return true;
}

/* Of all chains, the last lines.  Each gives them a few at a time, so that many logs cost
 * little more than one. */
static void
pick_last(struct reader *r, size_t max)
{
	for (size_t n = 0; n < max; n++) {
		struct chain *newest = NULL;

		for (size_t i = 0; i < r->nchains; i++) {
			struct chain *c = r->chains[i];

			if (next_time(r, c, max - n) &&
			    (newest == NULL || c->next_us >= newest->next_us))
				newest = c;
		}
		if (newest == NULL)
			return;
		newest->left++;
	}
}

/* Following begins at the ends that the files have now, whatever of them is picked. */
static void
mark_ends(struct reader *r, struct chain *c)
{
	for (size_t i = c->nfiles; i-- > 0 && reader_keeps_open(r, c, i);)
		if (file_open(r, &c->files[i]) == 0 && !c->files[i].lf.compressed)
			lines_from_end(c->files[i].lines);
}

/* From here on forwards: what is kept open, at its end; nothing else. */
static void
leave_ends(struct reader *r, struct chain *c)
{
	for (size_t i = 0; i < c->nfiles; i++) {
		struct file *f = &c->files[i];

		if (f->lines == NULL)
			continue;
		if (reader_keeps_open(r, c, i) && !f->lf.compressed)
			lines_to_end(f->lines);
		else
			file_close(f);
	}
	c->cur = c->nfiles;
}

static void
collect(struct reader *r, size_t max)
{
	for (size_t i = 0; i < r->nchains; i++) {
		r->chains[i]->back = r->chains[i]->nfiles;
		mark_ends(r, r->chains[i]);
	}
	pick_last(r, max);
	for (size_t i = 0; i < r->nchains; i++)
		leave_ends(r, r->chains[i]);
}

/* ---- forwards ---- */

/* The first line that may be new enough, found by halving: time runs forwards. */
static void
seek_since(struct reader *r, struct chain *c, struct file *f)
{
	off_t lo = 0, hi = lines_size(f->lines);
	struct line l;
	const char *s;
	size_t n;

	if (r->q.since_us == 0 || f->lf.compressed || hi < SEEK_LEAST)
		return;
	while (hi - lo > SEEK_PIECE) {
		off_t mid = lo + (hi - lo) / 2;

		lines_seek(f->lines, mid);
		if (lines_next(f->lines, false, &s, &n) != 1)
			break;
		line_parse(&c->parser, s, n, &l);
		if (l.wall_us == 0 || l.wall_us >= r->q.since_us)
			hi = mid;
		else
			lo = mid;
	}
	lines_seek(f->lines, lo);
}

static bool
pull_file(struct reader *r, struct chain *c, size_t i)
{
	struct file *f = &c->files[i];
	const char *s;
	size_t n;

	if (f->failed)
		return false;
	do {
		if (f->lines == NULL) {
			if (file_open(r, f) == -1)
				return false;
			seek_since(r, c, f);
		}
		while (lines_next(f->lines, !r->q.follow || f->replaced, &s, &n) == 1)
			if (take(r, c, i, s, n, &c->head))
				return true;
	} while (reader_file_goes_on(r, f));
	return false;
}

static bool
pull_saved(struct chain *c)
{
	const struct saved *s;

	if (c->left == 0)
		return false;
	s = &c->saved[--c->left];
	c->head = (struct reader_entry){ .wall_us = s->wall_us,
		.ref = c->files[s->file].lf.ref,
		.name = s->name,
		.day = c->files[s->file].day,
		.stream = s->stream,
		.mark = s->mark,
		.text = s->text,
		.text_len = s->text_len };
	return true;
}

static bool
pull(struct reader *r, struct chain *c)
{
	if (pull_saved(c))
		return true;
	while (c->cur < c->nfiles) {
		if (pull_file(r, c, c->cur))
			return true;
		if (!reader_keeps_open(r, c, c->cur))
			file_close(&c->files[c->cur]);
		c->cur++;
	}
	if (!r->q.follow)
		return false;
	for (size_t i = c->nfiles > READER_KEEP_OPEN ? c->nfiles - READER_KEEP_OPEN : 0;
	     i < c->nfiles; i++)
		if (pull_file(r, c, i))
			return true;
	return false;
}

/* ---- all chains ---- */

/* Of lines of the same moment, as stamps have it, those of the earlier invocation go
 * first (a REF of milliseconds; of others the order is any, and always the same). */
static bool
is_before(const struct reader_entry *a, const struct reader_entry *b)
{
	size_t na, nb;

	if (a->wall_us != b->wall_us)
		return a->wall_us < b->wall_us;
	na = strlen(a->ref);
	nb = strlen(b->ref);
	return na != nb ? na < nb : strcmp(a->ref, b->ref) < 0;
}

static struct chain *
oldest_head(struct reader *r)
{
	struct chain *best = NULL;

	for (size_t i = 0; i < r->nchains; i++) {
		struct chain *c = r->chains[i];

		if (!c->has_head)
			c->has_head = pull(r, c);
		if (c->has_head && (best == NULL || is_before(&c->head, &best->head)))
			best = c;
	}
	return best;
}

int
reader_next(struct reader *r, struct reader_entry *e)
{
	struct chain *c = oldest_head(r);

	if (c == NULL && r->watch != NULL && watch_drain(r->watch)) {
		/* New files since: a new day, a new invocation, or one made again. */
		reader_watch_journal(r);
		reader_rescan(r);
		reader_watch_files(r);
		c = oldest_head(r);
	}
	if (c == NULL)
		return 0;
	*e = c->head;
	c->has_head = false;
	return 1;
}

int
reader_fd(const struct reader *r)
{
	return r->watch != NULL ? watch_fd(r->watch) : -1;
}

bool
reader_found_any(const struct reader *r)
{
	for (size_t i = 0; i < r->nchains; i++)
		if (r->chains[i]->nfiles > 0)
			return true;
	return false;
}

/* ---- open and close ---- */

static int
set_query(struct reader *r, const struct reader_query *q, char err[READER_ERR_MAX])
{
	int e;

	r->q = *q;
	r->q.names = NULL;
	for (size_t i = 0; q->names != NULL && q->names[i] != NULL; i++)
		strv_add_unique(&r->names, q->names[i]);
	r->globs = r->names.n == 0;
	for (size_t i = 0; i < r->names.n; i++)
		r->globs = r->globs || reader_is_glob(r->names.v[i]);
	if (q->ref != NULL)
		r->ref = xstrdup(q->ref);
	for (size_t i = 0; q->logs != NULL && q->logs[i] != NULL; i++)
		strv_add(&r->logs, q->logs[i]);
	if (q->day != NULL)
		r->day = xstrdup(q->day);
	if (q->grep == NULL)
		return 0;
	e = regcomp(&r->re, q->grep, REG_EXTENDED | (q->grep_icase ? REG_ICASE : 0));
	if (e != 0) {
		char why[128];

		regerror(e, &r->re, why, sizeof(why));
		snprintf(err, READER_ERR_MAX, "not a regular expression: %.60s: %s",
		    q->grep, why);
		return -1;
	}
	r->has_re = true;
	return 0;
}

struct reader *
reader_open(int root_fd, const struct reader_query *q, char err[READER_ERR_MAX])
{
	struct reader *r = xcalloc(1, sizeof(*r));

	r->root_fd = root_fd;
	err[0] = '\0';
	if (set_query(r, q, err) == -1)
		goto bad;
	if (q->follow) {
		/* Watched before it is read, so that nothing falls in between. */
		r->watch = watch_new();
		if (r->watch == NULL) {
			snprintf(err, READER_ERR_MAX, "cannot watch the journal: %s",
			    strerror(errno));
			goto bad;
		}
		reader_watch_journal(r);
	}
	reader_scan(r);
	if (q->follow)
		reader_watch_files(r);
	if (q->n >= 0)
		collect(r, (size_t)q->n);
	return r;
bad:
	reader_free(r);
	return NULL;
}

static void
chain_free(struct chain *c)
{
	for (size_t i = 0; i < c->nfiles; i++)
		lines_free(c->files[i].lines);
	for (size_t i = 0; i < c->nsaved; i++)
		saved_clear(&c->saved[i]);
	line_parser_clear(&c->parser);
	free(c->saved);
	free(c->files);
	free(c->name);
	free(c);
}

void
reader_free(struct reader *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->nchains; i++)
		chain_free(r->chains[i]);
	free(r->chains);
	map_clear(&r->by_name, NULL);
	strv_free(&r->names);
	strv_free(&r->logs);
	watch_free(r->watch);
	if (r->has_re)
		regfree(&r->re);
	free(r->ref);
	free(r->day);
	free(r);
}

bool
reader_newest_path(int root_fd, const char *name, char *dst, size_t size)
{
	char path[LAYOUT_PATH_MAX], target[PATH_MAX], day[LAYOUT_DAY_LEN + 1];
	char file[LAYOUT_FILE_MAX];
	ssize_t n;

	if (!layout_name_is_valid(name))
		return false;
	n = readlinkat(root_fd, layout_link_path(path, sizeof(path), name), target,
	    sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	if (!layout_parse_target(target, day, file))
		return false;
	return (size_t)snprintf(dst, size, "journal/%s/health/%s", day, file) < size;
}
