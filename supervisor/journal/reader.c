/*
 * reader: see the header.
 *
 * A chain is one log name with its files in order.  Each chain has at most one line in
 * hand; the oldest of all is the next.  With n, the last lines are collected backwards
 * first (saved), so that the end of a large log costs what is shown, not what is there.
 */
#include "journal/reader.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/layout.h"
#include "journal/lines.h"
#include "journal/watch.h"
#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"

enum {
	KEEP_OPEN = 3,            /* newest files of a chain, when following */
	SEEK_LEAST = 1024 * 1024, /* smaller files are read, not searched */
	SEEK_PIECE = 256 * 1024,
	KEPT_ROOM = 1024,
};

struct file {
	char day[LAYOUT_DAY_LEN + 1];
	char name[LAYOUT_FILE_MAX];
	struct layout_file lf;
	struct lines *lines; /* NULL: not open */
	bool failed;         /* cannot be read, or was read to its end */
};

struct saved {
	uint64_t wall_us;
	size_t file;
	enum line_stream stream;
	enum line_mark mark;
	char *text;
	size_t text_len;
	char *name;
};

struct chain {
	char *name;
	bool exact; /* lines of others in the same files are skipped */
	struct file *files;
	size_t nfiles, cur;
	size_t known; /* before the scan that goes on */
	struct line_parser parser;
	uint64_t last_us; /* of the last line with a time */
	char line_name[LAYOUT_NAME_MAX + 1];
	struct saved *saved; /* newest first */
	size_t nsaved, left; /* of them still to be shown */
	bool has_head;
	struct reader_entry head;
};

struct reader {
	int root_fd;
	struct strv names;
	bool globs; /* some name is a glob, or there are none */
	char *ref, *day;
	regex_t re;
	bool has_re;
	struct reader_query q;
	struct chain **chains;
	size_t nchains;
	struct map by_name;
	struct watch *watch;
	bool watches_journal, watches_links;
	bool rescans; /* files that a chain has already may be met again */
};

/* ---- which files ---- */

static bool
is_glob(const char *s)
{
	return strpbrk(s, "*?[") != NULL;
}

static struct chain *
chain_get(struct reader *r, const char *name, bool exact)
{
	struct chain *c = map_get(&r->by_name, name);

	if (c != NULL)
		return c;
	c = xcalloc(1, sizeof(*c));
	c->name = xstrdup(name);
	c->exact = exact;
	map_set(&r->by_name, name, c);
	r->chains = xreallocarray(r->chains, r->nchains + 1, sizeof(struct chain *));
	r->chains[r->nchains++] = c;
	return c;
}

static bool
chain_has(const struct chain *c, const char *day, const struct layout_file *lf)
{
	for (size_t i = c->nfiles; i-- > 0;)
		if (strcmp(c->files[i].day, day) == 0 &&
		    strcmp(c->files[i].lf.ref, lf->ref) == 0)
			return true; /* compressed since is not new */
	return false;
}

static void
chain_add(struct reader *r, struct chain *c, const char *day, const char *file,
    const struct layout_file *lf)
{
	struct file *f;

	if (r->ref != NULL && strcmp(r->ref, lf->ref) != 0)
		return;
	if (r->rescans && chain_has(c, day, lf))
		return;
	c->files = xreallocarray(c->files, c->nfiles + 1, sizeof(*c->files));
	f = &c->files[c->nfiles++];
	memset(f, 0, sizeof(*f));
	strlcpy(f->day, day, sizeof(f->day));
	strlcpy(f->name, file, sizeof(f->name));
	f->lf = *lf;
}

static void
consider(struct reader *r, const char *day, const char *file)
{
	struct layout_file lf;

	for (size_t i = 0; i < r->names.n; i++)
		if (!is_glob(r->names.v[i]) &&
		    layout_file_is_of(file, r->names.v[i], &lf))
			chain_add(r, chain_get(r, r->names.v[i], true), day, file, &lf);
	if (!r->globs || !layout_parse_file(file, &lf) ||
	    strv_contains(&r->names, lf.name))
		return;
	if (r->names.n == 0) {
		chain_add(r, chain_get(r, lf.name, false), day, file, &lf);
		return;
	}
	for (size_t i = 0; i < r->names.n; i++)
		if (is_glob(r->names.v[i]) && fnmatch(r->names.v[i], lf.name, 0) == 0) {
			chain_add(r, chain_get(r, lf.name, false), day, file, &lf);
			return;
		}
}

static void
scan_day(struct reader *r, const char *day)
{
	char path[LAYOUT_PATH_MAX];
	int fd = open_dir_at(r->root_fd, layout_day_dir(path, sizeof(path), day));
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (dir == NULL) {
		fd_close(&fd);
		return;
	}
	while ((de = readdir(dir)) != NULL)
		if (de->d_type == DT_REG || de->d_type == DT_UNKNOWN)
			consider(r, day, de->d_name);
	closedir(dir);
}

static void
list_days(int root_fd, struct strv *days)
{
	int fd = open_dir_at(root_fd, "journal");
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (dir == NULL) {
		fd_close(&fd);
		return;
	}
	while ((de = readdir(dir)) != NULL)
		if (strlen(de->d_name) == LAYOUT_DAY_LEN &&
		    layout_day_is_valid(de->d_name))
			strv_add(days, de->d_name);
	closedir(dir);
	strv_sort(days);
}

static int
file_cmp(const void *a, const void *b)
{
	const struct file *x = a, *y = b;
	int r = strcmp(x->day, y->day);

	if (r == 0)
		r = layout_ref_cmp(x->lf.ref, y->lf.ref);
	return r != 0 ? r : (int)x->lf.compressed - (int)y->lf.compressed;
}

/* A file that was being compressed when the power went is there twice: the plain one is
 * whole. */
static void
drop_twins(struct chain *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->nfiles; i++) {
		if (n > 0 && strcmp(c->files[n - 1].day, c->files[i].day) == 0 &&
		    strcmp(c->files[n - 1].lf.ref, c->files[i].lf.ref) == 0)
			continue;
		c->files[n++] = c->files[i];
	}
	c->nfiles = n;
}

static void
scan(struct reader *r)
{
	struct strv days = { 0 };

	list_days(r->root_fd, &days);
	for (size_t i = 0; i < days.n; i++)
		if (r->day == NULL || strcmp(r->day, days.v[i]) == 0)
			scan_day(r, days.v[i]);
	strv_free(&days);
}

/* ---- one line ---- */

static int
file_open(struct reader *r, struct file *f)
{
	char path[LAYOUT_PATH_MAX], full[LAYOUT_PATH_MAX + LAYOUT_FILE_MAX];
	struct stat st;
	int fd;

	layout_day_dir(path, sizeof(path), f->day);
	snprintf(full, sizeof(full), "%s/%s", path, f->name);
	fd = open_at(r->root_fd, full, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
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

static void
save_file(struct reader *r, struct chain *c, size_t i, size_t max)
{
	struct file *f = &c->files[i];
	struct reader_entry e;
	const char *s;
	size_t n;

	if (file_open(r, f) == -1)
		return;
	if (f->lf.compressed) {
		save_gzip(r, c, i, max - c->nsaved);
		return;
	}
	/* Even for none: this is what sets the place where following begins. */
	while (lines_prev(f->lines, &s, &n) == 1 && c->nsaved < max) {
		c->last_us = 0;
		if (take(r, c, i, s, n, &e))
			save(c, i, &e);
	}
	lines_to_end(f->lines);
}

static void
collect(struct reader *r, struct chain *c, size_t max)
{
	for (size_t i = c->nfiles; i-- > 0;) {
		if (c->nsaved >= max && (!r->q.follow || i + KEEP_OPEN < c->nfiles))
			break;
		save_file(r, c, i, max);
		if (!r->q.follow || i + KEEP_OPEN < c->nfiles)
			file_close(&c->files[i]);
	}
	c->cur = c->nfiles;
	c->left = c->nsaved;
}

/* Of all chains, only the last n are wanted: take the oldest away. */
static void
trim(struct reader *r, size_t max)
{
	size_t total = 0;

	for (size_t i = 0; i < r->nchains; i++)
		total += r->chains[i]->left;
	while (total > max) {
		struct chain *oldest = NULL;

		for (size_t i = 0; i < r->nchains; i++) {
			struct chain *c = r->chains[i];

			if (c->left > 0 &&
			    (oldest == NULL ||
				c->saved[c->left - 1].wall_us <
				    oldest->saved[oldest->left - 1].wall_us))
				oldest = c;
		}
		if (oldest == NULL)
			break;
		oldest->left--;
		total--;
	}
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
	if (f->lines == NULL) {
		if (file_open(r, f) == -1)
			return false;
		seek_since(r, c, f);
	}
	while (lines_next(f->lines, !r->q.follow, &s, &n) == 1)
		if (take(r, c, i, s, n, &c->head))
			return true;
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
		if (!r->q.follow || c->cur + KEEP_OPEN < c->nfiles)
			file_close(&c->files[c->cur]);
		c->cur++;
	}
	if (!r->q.follow)
		return false;
	for (size_t i = c->nfiles > KEEP_OPEN ? c->nfiles - KEEP_OPEN : 0; i < c->nfiles;
	     i++)
		if (pull_file(r, c, i))
			return true;
	return false;
}

/* ---- following ---- */

static void
watch_folders(struct reader *r)
{
	if (!r->watches_journal)
		r->watches_journal = watch_dir(r->watch, r->root_fd, "journal");
	if (!r->watches_links)
		r->watches_links = watch_dir(r->watch, r->root_fd, "journal/health");
	/* Before anything was ever logged: wait for the journal itself. */
	if (!r->watches_journal)
		watch_dir(r->watch, r->root_fd, ".");
}

/* New files since: a new day, or a new invocation. */
static void
rescan(struct reader *r)
{
	watch_folders(r);
	r->rescans = true;
	for (size_t i = 0; i < r->nchains; i++)
		r->chains[i]->known = r->chains[i]->nfiles;
	scan(r);
	for (size_t i = 0; i < r->nchains; i++) {
		struct chain *c = r->chains[i];

		if (c->nfiles > c->known)
			qsort(c->files + c->known, c->nfiles - c->known,
			    sizeof(*c->files), file_cmp);
	}
}

static struct chain *
oldest_head(struct reader *r)
{
	struct chain *best = NULL;

	for (size_t i = 0; i < r->nchains; i++) {
		struct chain *c = r->chains[i];

		if (!c->has_head)
			c->has_head = pull(r, c);
		if (c->has_head && (best == NULL || c->head.wall_us < best->head.wall_us))
			best = c;
	}
	return best;
}

int
reader_next(struct reader *r, struct reader_entry *e)
{
	struct chain *c = oldest_head(r);

	if (c == NULL && r->watch != NULL && watch_drain(r->watch)) {
		rescan(r);
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
		r->globs = r->globs || is_glob(r->names.v[i]);
	if (q->ref != NULL)
		r->ref = xstrdup(q->ref);
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
		watch_folders(r);
	}
	scan(r);
	for (size_t i = 0; i < r->nchains; i++) {
		struct chain *c = r->chains[i];

		qsort(c->files, c->nfiles, sizeof(*c->files), file_cmp);
		drop_twins(c);
		if (q->n >= 0)
			collect(r, c, (size_t)q->n);
	}
	if (q->n >= 0)
		trim(r, (size_t)q->n);
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
