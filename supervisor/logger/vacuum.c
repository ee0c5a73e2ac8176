/*
 * vacuum: see the header.
 *
 * One pass looks at journal/YYYYMMDD/health/ once, and deletes oldest first until all
 * bounds hold.  What it does not recognise it leaves, and counts for nothing.
 */
#include "logger/vacuum.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/line.h"
#include "journal/lines.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "logger/cast.h"
#include "logger/channel.h"
#include "logger/compress.h"
#include "logger/sink.h"
#include "logger/state.h"

enum {
	SOON_US = 60 * 1000 * 1000,
};

struct old_file {
	char day[LAYOUT_DAY_LEN + 1];
	char file[LAYOUT_FILE_MAX];
	struct layout_file lf;
	uint64_t size, mtime_us, dev, ino;
	bool keep; /* newest of its unit, or open */
	bool gone;
};

/* The state beside the tables: when it ran. */
struct vacuum {
	struct logger *lg;
	struct loop_timer *timer;
	uint64_t ran_us; /* monotonic, 0: never */
};

struct pass {
	struct logger *lg;
	struct old_file *files; /* oldest first */
	size_t n;
	struct strv days;
	uint64_t total;
	uint64_t freed, deleted;
	int err;
};

/* ---- what is there ---- */

static bool
is_open(struct logger *lg, uint64_t dev, uint64_t ino)
{
	for (uint32_t i = 0; i < table_used(lg->t); i++) {
		const struct logslot *ls = lg->slots[i];

		if (ls != NULL && ls->sink.fd != -1 && ls->sink.dev == dev &&
		    ls->sink.ino == ino)
			return true;
	}
	return cast_has(lg, dev, ino);
}

/* A slot whose file is not open now writes to it again with its next line. */
static bool
is_of_slot(struct logger *lg, const char *day, const char *file)
{
	struct layout_file lf;

	for (uint32_t i = 0; i < table_used(lg->t); i++) {
		const struct logslot *ls = lg->slots[i];
		size_t n = ls != NULL ? strlen(ls->ref) : 0;

		if (ls != NULL && strcmp(ls->ts->log.day, day) == 0 &&
		    layout_file_is_of(file, ls->name, &lf) &&
		    strncmp(ls->ref, lf.ref, n) == 0 &&
		    (lf.ref[n] == '\0' || lf.ref[n] == '.'))
			return true;
	}
	return false;
}

/* Made by supd: milliseconds since 1970, of any time from 2001 to 2286. */
static bool
is_own_ref(const char *ref)
{
	size_t n = strspn(ref, "0123456789");

	return n == 13 && (ref[n] == '\0' || ref[n] == '.');
}

/* A caller's ref may hold an underscore: then the file's name does not say where that of
 * the log begins, but its lines do. */
static void
settle_name(int dir, const char *file, struct layout_file *lf)
{
	struct line_parser parser = { 0 };
	char name[LAYOUT_NAME_MAX + 1];
	struct lines *f;
	struct line l;
	const char *s;
	size_t n;
	int fd;

	if (strchr(lf->name, '_') == NULL || is_own_ref(lf->ref))
		return;
	fd = open_at(dir, file, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	f = fd == -1 ? NULL : lines_new_take_fd(fd, lf->compressed);
	if (f != NULL && lines_next(f, true, &s, &n) == 1) {
		line_parse(&parser, s, n, &l);
		if (l.wall_us != 0 && l.name_len < sizeof(name)) {
			memcpy(name, l.name, l.name_len);
			name[l.name_len] = '\0';
			(void)layout_file_is_of(file, name, lf);
		}
	}
	lines_free(f);
	line_parser_clear(&parser);
}

/* The same of a recording, whose first line has the name of its unit. */
static void
settle_cast_name(int dir, const char *file, struct layout_file *lf)
{
	char name[LAYOUT_NAME_MAX + 1];
	struct jv *v = NULL;
	struct lines *f;
	const char *s, *title;
	size_t n;
	int fd;

	if (strchr(lf->name, '_') == NULL || is_own_ref(lf->ref))
		return;
	fd = open_at(dir, file, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	f = fd == -1 ? NULL : lines_new_take_fd(fd, false);
	if (f != NULL && lines_next(f, true, &s, &n) == 1)
		v = jv_parse(s, n, NULL);
	title = jv_str(jv_get(v, "title"), NULL);
	if (title != NULL)
		(void)layout_cast_is_of(
		    file, layout_name_of_unit(name, sizeof(name), title), lf);
	jv_free(v);
	lines_free(f);
}

static void
note_file(struct pass *p, int dir, const char *day, const char *file)
{
	struct layout_file lf;
	struct old_file *f;
	struct stat st;

	if (strlen(file) >= LAYOUT_FILE_MAX ||
	    (!layout_parse_file(file, &lf) && !layout_parse_cast(file, &lf)) ||
	    fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_nlink != 1)
		return;
	if (lf.cast)
		settle_cast_name(dir, file, &lf);
	else
		settle_name(dir, file, &lf);
	if (p->n % 256 == 0)
		p->files = xreallocarray(p->files, p->n + 256, sizeof(*p->files));
	f = &p->files[p->n++];
	*f = (struct old_file){ .lf = lf,
		.size = (uint64_t)st.st_size,
		.mtime_us = (uint64_t)st.st_mtim.tv_sec * USEC_PER_SEC,
		.dev = st.st_dev,
		.ino = st.st_ino };
	strlcpy(f->day, day, sizeof(f->day));
	strlcpy(f->file, file, sizeof(f->file));
	f->keep = is_open(p->lg, f->dev, f->ino) || is_of_slot(p->lg, day, file);
	p->total += f->size;
}

static void
note_day(struct pass *p, const char *day)
{
	char path[LAYOUT_PATH_MAX];
	DIR *dir = dir_open_at(p->lg->root_fd, layout_day_dir(path, sizeof(path), day));
	struct dirent *de;

	if (dir == NULL)
		return;
	while ((de = readdir(dir)) != NULL)
		if (de->d_type == DT_REG || de->d_type == DT_UNKNOWN)
			note_file(p, dirfd(dir), day, de->d_name);
	closedir(dir);
}

/* A link may lead to the days of somebody else. */
static bool
is_folder(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static void
note_days(struct pass *p)
{
	DIR *dir = dir_open_at(p->lg->root_fd, "journal");
	struct dirent *de;

	if (dir == NULL)
		return;
	while ((de = readdir(dir)) != NULL)
		if (layout_day_is_valid(de->d_name) && is_folder(dirfd(dir), de->d_name))
			strv_add(&p->days, de->d_name);
	closedir(dir);
	strv_sort(&p->days);
	for (size_t i = 0; i < p->days.n; i++)
		note_day(p, p->days.v[i]);
}

static int
by_age(const void *a, const void *b)
{
	const struct old_file *x = a, *y = b;
	int r = strcmp(x->day, y->day);

	return r != 0 ? r : layout_ref_cmp(x->lf.ref, y->lf.ref);
}

/* The newest log and recording of each unit stay, whatever the bounds say: the links
 * point there. */
static void
keep_newest(struct pass *p)
{
	struct map seen[2] = { 0 };

	for (size_t i = p->n; i-- > 0;) {
		struct map *of = &seen[p->files[i].lf.cast];

		if (map_has(of, p->files[i].lf.name))
			continue;
		map_set(of, p->files[i].lf.name, p);
		p->files[i].keep = true;
	}
	map_clear(&seen[0], NULL);
	map_clear(&seen[1], NULL);
	/* And what a top-level link says, when invocations are not in the order of days.
	 */
	for (size_t i = 0; i < p->n; i++) {
		char link[LAYOUT_PATH_MAX], target[LAYOUT_PATH_MAX],
		    want[LAYOUT_PATH_MAX];
		ssize_t n;

		if (p->files[i].keep)
			continue;
		(p->files[i].lf.cast ? layout_cast_link_path : layout_link_path)(
		    link, sizeof(link), p->files[i].lf.name);
		n = readlinkat(p->lg->root_fd, link, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		layout_link_target(want, sizeof(want), p->files[i].day, p->files[i].file);
		p->files[i].keep = strcmp(target, want) == 0;
	}
}

/* ---- deleting ---- */

static void delete (struct pass *p, struct old_file *f)
{
	char path[LAYOUT_PATH_MAX + LAYOUT_FILE_MAX], dir[LAYOUT_PATH_MAX];

	if (f->keep || f->gone)
		return;
	layout_day_dir(dir, sizeof(dir), f->day);
	snprintf(path, sizeof(path), "%s/%s", dir, f->file);
	/* Still the same file: a name alone is not enough to delete. */
	if (!path_is_at(p->lg->root_fd, path, f->dev, f->ino))
		return;
	if (unlinkat(p->lg->root_fd, path, 0) == -1) {
		p->err = errno;
		return;
	}
	f->gone = true;
	p->total -= f->size;
	p->freed += f->size;
	p->deleted++;
}

static void
bound_age(struct pass *p, uint64_t max_age_us)
{
	uint64_t now = clock_wall_us();

	for (size_t i = 0; max_age_us > 0 && max_age_us < now && i < p->n; i++)
		if (p->files[i].mtime_us < now - max_age_us)
			delete (p, &p->files[i]);
}

static void
bound_units(struct pass *p, uint64_t max)
{
	struct map sizes = { 0 };

	/* Newest first: what goes beyond the bound is the oldest of its unit. */
	for (size_t i = p->n; max > 0 && i-- > 0;) {
		struct old_file *f = &p->files[i];
		uint64_t *sum = map_get(&sizes, f->lf.name);

		if (f->gone)
			continue;
		if (sum == NULL) {
			sum = xcalloc(1, sizeof(*sum));
			map_set(&sizes, f->lf.name, sum);
		}
		if (*sum + f->size > max)
			delete (p, f);
		if (!f->gone)
			*sum += f->size;
	}
	map_clear(&sizes, free);
}

static void
bound_total(struct pass *p, uint64_t max)
{
	for (size_t i = 0; max > 0 && p->total > max && i < p->n; i++)
		delete (p, &p->files[i]);
}

/* ---- what deleting leaves ---- */

/* The day's link of a unit, when it leads nowhere any more. */
static void
unlink_dangling(int dir, const char *file)
{
	struct stat st;

	if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode) &&
	    fstatat(dir, file, &st, 0) == -1 && errno == ENOENT)
		unlinkat(dir, file, 0);
}

static void
tidy_day(struct pass *p, const char *day)
{
	char path[LAYOUT_PATH_MAX], link[LAYOUT_FILE_MAX];
	int dir;

	layout_day_dir(path, sizeof(path), day);
	dir = open_dir_at(p->lg->root_fd, path);
	if (dir == -1)
		return;
	for (size_t i = 0; i < p->n; i++) {
		const struct layout_file *lf = &p->files[i].lf;

		if (p->files[i].gone && strcmp(p->files[i].day, day) == 0)
			unlink_dangling(
			    dir, (lf->cast ? layout_cast_link_file : layout_link_file)(
				     link, sizeof(link), lf->name));
	}
	fd_close(&dir);
	/* Only empty folders go; a new file makes them again. */
	if (unlinkat(p->lg->root_fd, path, AT_REMOVEDIR) == 0) {
		snprintf(path, sizeof(path), "journal/%s", day);
		unlinkat(p->lg->root_fd, path, AT_REMOVEDIR);
	}
}

/* Events live as long as logs do, yesterday's and today's always. */
static void
tidy_events(struct pass *p, uint64_t max_age_us)
{
	uint64_t now = clock_wall_us();
	char limit[CLOCK_DAY_MAX], path[LAYOUT_PATH_MAX];

	if (max_age_us < 2 * USEC_PER_DAY)
		max_age_us = 2 * USEC_PER_DAY;
	if (max_age_us >= now)
		return;
	clock_day(limit, sizeof(limit), now - max_age_us);
	for (size_t i = 0; i < p->days.n; i++) {
		struct stat st;

		if (strcmp(p->days.v[i], limit) >= 0)
			break;
		layout_events_path(path, sizeof(path), p->days.v[i]);
		if (fstatat(p->lg->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
		    !S_ISREG(st.st_mode) || st.st_ino == p->lg->events_ino ||
		    unlinkat(p->lg->root_fd, path, 0) == -1)
			continue;
		p->freed += (uint64_t)st.st_size;
		p->deleted++;
	}
}

/* ---- a pass ---- */

static bool
wants_compression(const struct old_file *f, const char *limit)
{
	/* (What plays a recording cannot play a compressed one.) */
	return !f->gone && !f->keep && !f->lf.compressed && !f->lf.cast && f->size > 0 &&
	       strcmp(f->day, limit) < 0;
}

static void
compress_old(struct pass *p, uint64_t after_us)
{
	struct compress_file todo[COMPRESS_MAX];
	uint64_t now = clock_wall_us();
	char limit[CLOCK_DAY_MAX];
	size_t n = 0;

	if (after_us == 0 || after_us >= now || compress_runs(p->lg))
		return;
	clock_day(limit, sizeof(limit), now - after_us);
	for (size_t i = 0; i < p->n && n < COMPRESS_MAX; i++) {
		const struct old_file *f = &p->files[i];

		if (wants_compression(f, limit))
			todo[n++] = (struct compress_file){ f->day, f->file, f->lf.name,
				f->dev, f->ino };
	}
	if (n > 0)
		compress_start(p->lg, todo, n);
}

static void
pass_run(struct pass *p, struct vacuum *v, uint64_t unit_max, uint64_t total_max,
    uint64_t max_age_us)
{
	note_days(p);
	if (p->n > 1)
		qsort(p->files, p->n, sizeof(*p->files), by_age);
	keep_newest(p);
	bound_age(p, max_age_us);
	bound_units(p, unit_max);
	bound_total(p, total_max);
	if (max_age_us > 0)
		tidy_events(p, max_age_us);
	for (size_t i = 0; i < p->days.n; i++)
		tidy_day(p, p->days.v[i]);
	compress_old(p, p->lg->t->log_settings.compress_after_us);
	v->ran_us = clock_mono_us();
	free(p->files);
	strv_free(&p->days);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct vacuum *v = arg;
	const struct msg_log_settings *set = &v->lg->t->log_settings;
	struct pass p = { .lg = v->lg };

	(void)t;
	pass_run(&p, v, set->unit_max_bytes, set->total_max_bytes, set->max_age_us);
	if (p.deleted > 0)
		log_info("%llu old logs deleted, %llu bytes",
		    (unsigned long long)p.deleted, (unsigned long long)p.freed);
	if (p.err != 0) {
		errno = p.err;
		log_warn("cannot delete old logs");
	}
}

static struct vacuum *
vacuum_get(struct logger *lg)
{
	if (lg->vacuum == NULL) {
		lg->vacuum = xcalloc(1, sizeof(*lg->vacuum));
		lg->vacuum->lg = lg;
		lg->vacuum->timer =
		    loop_timer_new(lg->loop, "vacuum", on_timer, lg->vacuum);
	}
	return lg->vacuum;
}

void
vacuum_due(struct logger *lg)
{
	const struct msg_log_settings *set = &lg->t->log_settings;
	uint64_t now = clock_mono_us();
	struct vacuum *v;

	if (set->unit_max_bytes == 0 && set->total_max_bytes == 0 &&
	    set->max_age_us == 0 && set->compress_after_us == 0)
		return;
	v = vacuum_get(lg);
	if (loop_timer_is_armed(v->timer))
		return;
	if (v->ran_us == 0 || now - v->ran_us > SOON_US)
		loop_timer_in(v->timer, USEC_PER_SEC);
	else
		loop_timer_at(v->timer, v->ran_us + SOON_US);
}

void
vacuum_run(struct logger *lg, const struct msg_vacuum *req)
{
	const struct msg_log_settings *set = &lg->t->log_settings;
	struct pass p = { .lg = lg };
	struct msg m;

	if (req->max_bytes == 0 && req->max_age_us == 0)
		pass_run(&p, vacuum_get(lg), set->unit_max_bytes, set->total_max_bytes,
		    set->max_age_us);
	else
		pass_run(&p, vacuum_get(lg), 0, req->max_bytes, req->max_age_us);
	msg_init(&m, MSG_VACUUM_DONE);
	m.u.VACUUM_DONE.id = req->id;
	m.u.VACUUM_DONE.freed_bytes = p.freed;
	m.u.VACUUM_DONE.files = p.deleted;
	m.u.VACUUM_DONE.err = p.err;
	channel_answer(lg, &m);
}
