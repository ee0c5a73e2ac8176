/*
 * budget_store: what the units have used, to run/budget/UNIT and state/budgets.json, and
 * back.  Each file is taken for hostile.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/memfd.h"
#include "lib/xalloc.h"
#include "manager/budgets_int.h"
#include "manager/link.h"
#include "manager/manager.h"
#include "manager/record/aside.h"
#include "manager/record/event.h"
#include "manager/record/store.h"
#include "manager/units.h"
#include "proto/version.h"
#include "unit/name.h"

#define BUDGETS_FILE "state/budgets.json"
#define BUDGETS_FOLDER "budget"
/* SNAPSHOT_DONE names no kind: these ids are ours alone. */
#define BUDGET_IDS (UINT64_C(1) << 62)

enum {
	ROW_MAX = 256 * 1024,
	FILE_MAX = 64 * 1024 * 1024,
	FILE_NODES_MAX = 4 * 1024 * 1024,
	ROWS_MAX = 100 * 1000,
};

static void
row_free(void *p)
{
	struct budget_row *r = p;

	if (r == NULL)
		return;
	free(r->text);
	free(r);
}

/* ---- one unit ---- */

static void
write_unit(const struct unit_budget *ub, struct jw *w)
{
	jw_kv_u64(w, "rev", ub->rev);
	jw_kv_str(w, "boot", ub->unit->manager->table->boot_id);
	if (ub->low != 0 || ub->up != 0) {
		jw_kv_u64(w, "low", ub->low);
		jw_kv_u64(w, "up", ub->up);
		jw_kv_u64(w, "telling", ub->telling);
	}
	jw_kv_obj(w, "account");
	budget_save(ub->account, w);
	jw_end(w);
}

static void
text_of(const struct unit_budget *ub, struct buf *text)
{
	struct jw *w = jw_new(JW_COMPACT);

	jw_obj(w);
	write_unit(ub, w);
	jw_end(w);
	jw_take(w, text);
	jw_free(w);
}

static void
path_of(const char *unit, char *path, size_t size)
{
	snprintf(path, size, BUDGETS_FOLDER "/%s", unit);
}

static void
mark_dirty(struct budgets *bs)
{
	bs->dirty = true;
	if (bs->restored && !bs->writing && !loop_timer_is_armed(bs->timer))
		loop_timer_in(bs->timer, bs->m->conf->snapshot_interval_us);
}

void
budget_store_save(struct unit_budget *ub)
{
	struct manager *m = ub->unit->manager;
	char path[PROTO_UNIT_MAX + 16];
	struct buf text = { 0 };
	int err = 0;

	ub->dirty = false;
	ub->rev++;
	text_of(ub, &text);
	path_of(ub->unit->name, path, sizeof(path));
	if (file_write_atomic(m->run_fd, path, text.data, text.len, 0600, false) == -1)
		err = errno;
	if (err != 0 && err != ub->save_err)
		log_warn("%s: what it has used cannot be noted", ub->unit->name);
	ub->save_err = err;
	buf_free(&text);
	mark_dirty(m->budgets);
}

/* What was crossed and not told; of those that were being told the first ones are in the
 * journal, or in the ring. */
static void
take_untold(struct unit_budget *ub, const struct jv *v)
{
	uint64_t newest = store_report(ub->unit->manager->store)->seq;
	uint64_t telling = (uint64_t)jv_i64(jv_get(v, "telling"), 0);
	uint64_t told = telling != 0 && newest >= telling ? newest - telling + 1 : 0;

	ub->low = (uint32_t)jv_i64(jv_get(v, "low"), 0);
	ub->up = (uint32_t)jv_i64(jv_get(v, "up"), 0);
	for (int k = 0; k < BUDGET_NKINDS && told > 0; k++) {
		uint32_t bit = 1U << k;

		told -= ((ub->low | ub->up) & bit) != 0;
		ub->low &= ~bit;
		ub->up &= ~bit;
	}
}

/* A unit's memory, from text of anywhere; false: it is none. */
static bool
take_text(struct unit_budget *ub, const char *text, size_t len, bool noted,
    struct json_err *err)
{
	struct jv *v = jv_parse(text, len, err);
	const char *boot = jv_str(jv_get(v, "boot"), "");
	bool same_boot = noted && strcmp(boot, ub->unit->manager->table->boot_id) == 0;
	bool good = v != NULL && budget_restore(ub->account, jv_get(v, "account"),
				     same_boot, err) == 0;

	if (good) {
		ub->rev = (uint64_t)jv_i64(jv_get(v, "rev"), 0);
		take_untold(ub, v);
	}
	jv_free(v);
	return good;
}

static void
tell_damaged(struct manager *m, const char *file, const char *why, const char *kept_as)
{
	log_warnx("%s cannot be used: %s%s", file, why,
	    kept_as != NULL ? "; it was set aside" : "");
	event_begin(m->events, EVENT_STATE_DAMAGED, NULL, NULL);
	event_str(m->events, "file", file);
	event_str(m->events, "error", why);
	event_str(m->events, "kept_as", kept_as);
	event_end(m->events);
}

bool
budget_store_take(struct unit_budget *ub)
{
	struct budgets *bs = ub->unit->manager->budgets;
	struct budget_row *row = map_del(&bs->rows, ub->unit->name);
	struct json_err err;
	bool good;

	if (row == NULL)
		return false;
	good = take_text(ub, row->text, strlen(row->text), row->noted, &err);
	if (!good) {
		log_warnx("%s: what it had used: %s", ub->unit->name, err.text);
		ub->rev = row->rev;
	}
	row_free(row);
	return good;
}

void
budget_store_give(struct unit_budget *ub)
{
	struct budgets *bs = ub->unit->manager->budgets;
	struct budget_row *row = xcalloc(1, sizeof(*row));
	struct buf text = { 0 };

	if (ub->dirty)
		budget_store_save(ub);
	text_of(ub, &text);
	row->text = xstrdup(buf_str(&text));
	row->rev = ub->rev;
	row->noted = true;
	buf_free(&text);
	row_free(map_set(&bs->rows, ub->unit->name, row));
}

/* ---- in ---- */

/* v is what write_unit wrote, or anything else. */
static void
add_row(struct budgets *bs, const char *unit, const struct jv *v, bool noted)
{
	struct budget_row *have = map_get(&bs->rows, unit), *row;
	int64_t rev = jv_i64(jv_get(v, "rev"), -1);
	struct jw *w;
	struct buf text = { 0 };

	if (rev < 0 || jv_type(jv_get(v, "account")) != JV_OBJECT ||
	    !unit_name_is_valid(unit) || bs->rows.n >= ROWS_MAX)
		return;
	if (have != NULL && have->rev >= (uint64_t)rev) {
		have->noted = have->noted || (noted && have->rev == (uint64_t)rev);
		return;
	}
	/* What is noted and not in the ledger is still to be written there. */
	bs->dirty = bs->dirty || noted;
	w = jw_new(JW_COMPACT);
	jv_write(v, w);
	jw_take(w, &text);
	jw_free(w);
	row = xcalloc(1, sizeof(*row));
	row->rev = (uint64_t)rev;
	row->noted = noted;
	row->text = xstrdup(buf_str(&text));
	buf_free(&text);
	row_free(map_set(&bs->rows, unit, row));
}

/* NULL, or why it cannot be used. */
static const char *
take_ledger(struct budgets *bs, const struct jv *v)
{
	int64_t version = jv_i64(jv_get(v, "version"), -1);
	int64_t readable_by = jv_i64(jv_get(v, "readable_by"), 0);
	const struct jv *units = jv_get(v, "units");

	if (version < 1 || version > UINT32_MAX || readable_by < 0 ||
	    readable_by > UINT32_MAX)
		return "no version in it";
	if (!version_fits((uint32_t)version, (uint32_t)readable_by, BUDGETS_VERSION,
		BUDGETS_READS_FROM)) {
		bs->newer = version > BUDGETS_VERSION;
		return bs->newer ? "written by a newer supd"
				 : "written by a much older supd";
	}
	if (jv_type(units) != JV_OBJECT)
		return "no units in it";
	for (size_t i = 0; i < jv_count(units); i++)
		add_row(bs, jv_key_at(units, i), jv_at(units, i), false);
	return NULL;
}

static void
read_ledger(struct budgets *bs)
{
	static const struct json_limits limits = { .max_bytes = FILE_MAX,
		.max_nodes = FILE_NODES_MAX,
		.max_depth = JSON_DEPTH_MAX };
	struct manager *m = bs->m;
	struct json_err err = { .text = "" };
	struct buf text = { 0 };
	char kept_as[64] = "";
	const char *why = NULL;
	struct jv *v = NULL;

	if (file_read_at(m->root_fd, BUDGETS_FILE, FILE_MAX, &text) == -1) {
		if (errno == ENOENT)
			return;
		why = strerror(errno);
	} else {
		v = jv_parse_limits(buf_str(&text), text.len, &limits, &err);
		why = v == NULL ? err.text : take_ledger(bs, v);
	}
	if (why != NULL) {
		if (!bs->newer)
			(void)file_set_aside(
			    m->root_fd, BUDGETS_FILE, kept_as, sizeof(kept_as));
		tell_damaged(m, BUDGETS_FILE, why, kept_as[0] != '\0' ? kept_as : NULL);
	}
	jv_free(v);
	buf_free(&text);
}

/* What the last manager of this boot noted. */
static void
read_notes(struct budgets *bs)
{
	DIR *d = dir_open_at(bs->m->run_fd, BUDGETS_FOLDER);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char path[PROTO_UNIT_MAX + 16];
		struct json_err err = { .text = "" };
		struct buf text = { 0 };
		struct jv *v = NULL;

		if (strlen(e->d_name) >= PROTO_UNIT_MAX)
			continue;
		path_of(e->d_name, path, sizeof(path));
		if (file_is_temp(e->d_name))
			(void)unlinkat(bs->m->run_fd, path, 0);
		if (e->d_name[0] == '.')
			continue;
		if (file_read_at(bs->m->run_fd, path, ROW_MAX, &text) == 0)
			v = jv_parse(buf_str(&text), text.len, &err);
		else
			snprintf(err.text, sizeof(err.text), "%s", strerror(errno));
		if (v != NULL)
			add_row(bs, e->d_name, v, true);
		else
			tell_damaged(bs->m, path, err.text, NULL);
		jv_free(v);
		buf_free(&text);
	}
	if (d != NULL)
		closedir(d);
}

/* ---- out ---- */

/* Of a unit that is not there now it is kept until its period is over, if one has begun:
 * its file may come back. */
static bool
is_over(const struct jv *row)
{
	int64_t end = jv_i64(jv_get(jv_get(row, "account"), "end_us"), INT64_MAX);

	return end <= 0 || (uint64_t)end <= clock_wall_us();
}

static void
drop_row(struct budgets *bs, const char *unit)
{
	char path[PROTO_UNIT_MAX + 16];

	path_of(unit, path, sizeof(path));
	if (unlinkat(bs->m->run_fd, path, 0) == -1 && errno != ENOENT)
		log_warn("%s", path);
	row_free(map_del(&bs->rows, unit));
}

static void
write_rows(struct budgets *bs, struct jw *w)
{
	struct strv over = { 0 };
	const char *unit;
	size_t it = 0;
	void *value;

	while (map_next(&bs->rows, &it, &unit, &value)) {
		const struct budget_row *row = value;
		struct jv *v = jv_parse(row->text, strlen(row->text), NULL);

		if (v == NULL || is_over(v)) {
			strv_add(&over, unit);
		} else {
			jw_key(w, unit);
			jv_write(v, w);
		}
		jv_free(v);
	}
	for (size_t i = 0; i < over.n; i++)
		drop_row(bs, over.v[i]);
	strv_clear(&over);
}

static void
write_one(struct unit *u, void *arg)
{
	if (u->budget == NULL)
		return;
	jw_kv_obj(arg, u->name);
	write_unit(u->budget, arg);
	jw_end(arg);
}

static void
save_changed(struct unit *u, void *arg)
{
	(void)arg;
	if (u->budget != NULL && u->budget->dirty)
		budget_store_save(u->budget);
}

void
budgets_write_now(struct manager *m)
{
	struct budgets *bs = m->budgets;
	struct buf text = { 0 };
	struct jw *w;
	int fd;

	if (bs == NULL)
		return;
	units_look(m, save_changed, NULL);
	/* What a newer supd left must not be replaced by us; and before all units are
	 * known no row is one that nobody wants. */
	if (bs->newer || !bs->dirty || !bs->restored)
		return;
	loop_timer_stop(bs->timer);
	w = jw_new(JW_COMPACT);
	jw_obj(w);
	jw_kv_i64(w, "version", BUDGETS_VERSION);
	jw_kv_i64(w, "readable_by", BUDGETS_READABLE_BY);
	jw_kv_obj(w, "units");
	write_rows(bs, w);
	units_look(m, write_one, w);
	jw_end(w);
	jw_end(w);
	jw_take(w, &text);
	jw_free(w);
	buf_addc(&text, '\n');
	fd = memfd_sealed("supd-budgets", &text);
	if (fd == -1)
		log_warn("what units have used cannot be written");
	bs->writing = fd != -1 && link_snapshot_take_fd(m->link, ++bs->id,
				      SNAPSHOT_BUDGETS, fd, text.len) == 0;
	bs->dirty = !bs->writing;
	if (bs->dirty)
		mark_dirty(bs);
	buf_free(&text);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct budgets *bs = arg;

	(void)t;
	/* One at a time: the answer arms the timer again if something is left. */
	if (!bs->writing)
		budgets_write_now(bs->m);
}

bool
budgets_on_done(struct manager *m, uint64_t id, int err)
{
	struct budgets *bs = m->budgets;

	if ((id & BUDGET_IDS) == 0 || (id & UINT64_C(1) << 63) != 0)
		return false;
	if (bs == NULL || id != bs->id)
		return true;
	bs->writing = false;
	if (err != 0 && err != bs->err) {
		event_begin(m->events, EVENT_SNAPSHOT_FAILED, NULL, NULL);
		event_str(m->events, "file", BUDGETS_FILE);
		event_str(m->events, "error", strerror(err));
		event_end(m->events);
	}
	bs->err = err;
	/* It is tried again, also when nothing is used any more. */
	if (err != 0 || bs->dirty)
		mark_dirty(bs);
	return true;
}

void
budget_store_open(struct budgets *bs)
{
	bs->id = BUDGET_IDS;
	bs->timer = loop_timer_new(bs->m->loop, "budgets", on_timer, bs);
	if (mkdir_p_at(bs->m->run_fd, BUDGETS_FOLDER, 0700) == -1)
		log_warn("run/" BUDGETS_FOLDER);
	read_ledger(bs);
	read_notes(bs);
}
