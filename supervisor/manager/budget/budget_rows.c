/*
 * budget_rows: what is remembered of units that are not there now.
 *
 * One that comes back within the same period finds what it had used.  So a row is kept
 * until its period is over; one whose period has no end, until its unit has had no file
 * for a day.  Instances have the file of their template: of them, and of all, there are
 * so many, and those that left first go first.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/budget/budgets_int.h"
#include "manager/manager.h"
#include "unit/load.h"

enum {
	ROW_MAX = 256 * 1024,
	ROWS_READ_MAX = 100 * 1000, /* those of units that are there among them */
	ROWS_MAX = 10 * 1000,
	ROWS_BYTES_MAX = 16 * 1024 * 1024,
	LOOKS_MAX = 16, /* for files, at one writing */
};

#define GONE_US USEC_PER_DAY

static void
row_free(void *p)
{
	struct budget_row *r = p;

	if (r == NULL)
		return;
	free(r->text);
	free(r);
}

struct budget_row *
budget_row_take(struct budgets *bs, const char *unit)
{
	return map_del(&bs->rows, unit);
}

void
budget_row_free(struct budget_row *r)
{
	row_free(r);
}

/* All of it but what is of the row. */
static char *
text_of(const struct jv *v)
{
	struct jw *w = jw_new(JW_COMPACT);
	struct buf text = { 0 };

	jw_obj(w);
	for (size_t i = 0; i < jv_count(v); i++) {
		if (strcmp(jv_key_at(v, i), "left_us") == 0)
			continue;
		jw_key(w, jv_key_at(v, i));
		jv_write(jv_at(v, i), w);
	}
	jw_end(w);
	jw_take(w, &text);
	jw_free(w);
	return buf_take(&text);
}

/* 0: no period has begun; INFINITY: it has no end. */
static uint64_t
end_of(const struct jv *v)
{
	int64_t end = jv_i64(jv_get(jv_get(v, "account"), "end_us"), INT64_MAX);

	return end == INT64_MAX ? UNIT_INFINITY : end < 0 ? 0 : (uint64_t)end;
}

void
budget_row_add(struct budgets *bs, const char *unit, const struct jv *v, bool noted)
{
	struct budget_row *have = map_get(&bs->rows, unit), *row;
	int64_t rev = jv_i64(jv_get(v, "rev"), -1), left;
	uint64_t now = clock_wall_us();

	if (rev < 0 || rev > INT64_MAX / 2 ||
	    jv_type(jv_get(v, "account")) != JV_OBJECT || !unit_name_is_valid(unit) ||
	    (have == NULL && bs->rows.n >= ROWS_READ_MAX))
		return;
	if (have != NULL && have->rev >= (uint64_t)rev) {
		have->noted = have->noted || (noted && have->rev == (uint64_t)rev);
		return;
	}
	/* What is noted and not in the ledger is still to be written there. */
	bs->dirty = bs->dirty || noted;
	left = jv_i64(jv_get(v, "left_us"), -1);
	row = xcalloc(1, sizeof(*row));
	row->rev = (uint64_t)rev;
	row->noted = noted;
	row->end_us = end_of(v);
	row->left_us = left < 0 || (uint64_t)left > now ? now : (uint64_t)left;
	row->text = text_of(v);
	if (strlen(row->text) > ROW_MAX)
		row_free(row);
	else
		row_free(map_set(&bs->rows, unit, row));
}

/* ---- what is not kept ---- */

static void
drop(struct budgets *bs, const char *unit)
{
	char path[BUDGET_PATH_MAX];

	budget_note_path(unit, path);
	if (unlinkat(bs->m->run_fd, path, 0) == -1 && errno != ENOENT)
		log_warn("%s", path);
	row_free(map_del(&bs->rows, unit));
}

/* Whether it has a file, as far as that can be told. */
static bool
is_there(struct manager *m, const char *unit)
{
	struct unit_conf *conf;
	struct diags d;
	bool there;

	diags_init(&d);
	conf = unit_load(m->paths, m->conf, unit, &d);
	there = conf->load_state != UNIT_NOT_FOUND || unit_paths_unanswered(m->paths);
	unit_conf_free(conf);
	diags_clear(&d);
	return there;
}

static bool
is_over(struct budgets *bs, const char *unit, struct budget_row *row, int *looks)
{
	uint64_t now = clock_wall_us();

	if (row->end_us != UNIT_INFINITY)
		return row->end_us <= now;
	if (row->left_us > now)
		row->left_us = now;
	if (now - row->left_us < GONE_US || *looks == 0)
		return false;
	(*looks)--;
	if (!is_there(bs->m, unit))
		return true;
	row->left_us = now;
	return false;
}

struct leaver {
	const char *unit;
	const struct budget_row *row;
};

static int
by_time(const void *a, const void *b)
{
	const struct leaver *x = a, *y = b;

	return (x->row->left_us > y->row->left_us) - (x->row->left_us < y->row->left_us);
}

/* Down to nine tenths of what there may be, so that it is not for each one. */
static void
drop_first(struct budgets *bs, size_t bytes)
{
	struct leaver *v = xcalloc(bs->rows.n, sizeof(v[0]));
	size_t n = 0, it = 0, left = bs->rows.n, i = 0;
	struct strv names = { 0 };
	const char *unit;
	void *value;

	while (map_next(&bs->rows, &it, &unit, &value))
		v[n++] = (struct leaver){ .unit = unit, .row = value };
	qsort(v, n, sizeof(v[0]), by_time);
	for (; i < n && (left > ROWS_MAX / 10 * 9 || bytes > ROWS_BYTES_MAX / 10 * 9);
	     i++) {
		bytes -= strlen(v[i].row->text);
		left--;
		strv_add(&names, v[i].unit);
	}
	free(v);
	log_warnx("what %u units that are not there have used is forgotten: there are "
		  "too many",
	    names.n);
	for (i = 0; i < names.n; i++)
		drop(bs, names.v[i]);
	strv_clear(&names);
}

static void
prune(struct budgets *bs)
{
	struct strv over = { 0 };
	size_t it = 0, bytes = 0;
	int looks = LOOKS_MAX;
	const char *unit;
	void *value;

	while (map_next(&bs->rows, &it, &unit, &value)) {
		if (is_over(bs, unit, value, &looks))
			strv_add(&over, unit);
		else
			bytes += strlen(((struct budget_row *)value)->text);
	}
	for (size_t i = 0; i < over.n; i++)
		drop(bs, over.v[i]);
	strv_clear(&over);
	if (bs->rows.n > ROWS_MAX || bytes > ROWS_BYTES_MAX)
		drop_first(bs, bytes);
}

/* ---- out ---- */

void
budget_rows_write(struct budgets *bs, struct buf *text)
{
	const char *unit;
	size_t it = 0;
	void *value;

	prune(bs);
	while (map_next(&bs->rows, &it, &unit, &value)) {
		const struct budget_row *row = value;

		/* (A text is an object that is not empty.) */
		budget_ledger_key(text, unit);
		buf_addf(text, "{\"left_us\":%llu,%s", (unsigned long long)row->left_us,
		    row->text + 1);
	}
}
