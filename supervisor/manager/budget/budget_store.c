/*
 * budget_store: what a unit has used, in run/budget/UNIT with each change, for the next
 * manager.  Each file is taken for hostile.
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
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/budget/budgets_int.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/record/store.h"
#include "manager/units.h"
#include "proto/version.h"
#include "unit/name.h"

#define FOLDER "budget"

enum { NOTE_MAX = 256 * 1024, ALL_KINDS = (1 << BUDGET_NKINDS) - 1 };

/* ---- one unit ---- */

void
budget_write(const struct unit_budget *ub, struct jw *w)
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
	budget_write(ub, w);
	jw_end(w);
	jw_take(w, text);
	jw_free(w);
}

void
budget_note_path(const char *unit, char path[BUDGET_PATH_MAX])
{
	snprintf(path, BUDGET_PATH_MAX, FOLDER "/%s", unit);
}

void
budget_store_save(struct unit_budget *ub)
{
	struct manager *m = ub->unit->manager;
	char path[BUDGET_PATH_MAX];
	struct buf text = { 0 };
	int err = 0;

	ub->dirty = false;
	ub->rev++;
	text_of(ub, &text);
	budget_note_path(ub->unit->name, path);
	if (file_write_atomic(m->run_fd, path, text.data, text.len, 0600, false) == -1)
		err = errno;
	if (err != 0 && err != ub->save_err)
		log_warn("%s: what it has used cannot be noted", ub->unit->name);
	ub->save_err = err;
	buf_free(&text);
	budget_ledger_later(m->budgets);
}

/* What was crossed and not told, by kind; of those that were being told the first ones
 * are in the journal, or in the ring. */
static void
read_untold(
    const struct manager *m, const struct jv *v, uint32_t *low_out, uint32_t *up_out)
{
	uint64_t newest = store_report(m->store)->seq;
	uint64_t telling = (uint64_t)jv_i64(jv_get(v, "telling"), 0);
	uint64_t told = telling != 0 && newest >= telling ? newest - telling + 1 : 0;
	uint32_t low = (uint32_t)jv_i64(jv_get(v, "low"), 0) & ALL_KINDS;
	uint32_t up = (uint32_t)jv_i64(jv_get(v, "up"), 0) & ALL_KINDS;

	for (int k = 0; k < BUDGET_NKINDS && told > 0; k++) {
		uint32_t bit = 1U << k;

		told -= ((low | up) & bit) != 0;
		low &= ~bit;
		up &= ~bit;
	}
	*low_out = low;
	*up_out = up;
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
		read_untold(ub->unit->manager, v, &ub->low, &ub->up);
	}
	jv_free(v);
	return good;
}

void
budget_tell_damaged(
    struct manager *m, const char *file, const char *why, const char *kept_as)
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
	struct budget_row *row = budget_row_take(bs, ub->unit->name);
	struct json_err err;
	bool good;

	if (row == NULL)
		return false;
	good = take_text(ub, row->text, strlen(row->text), row->noted, &err);
	if (!good) {
		log_warnx("%s: what it had used: %s", ub->unit->name, err.text);
		ub->rev = row->rev;
	}
	budget_row_free(row);
	/* Their numbers are given to other events now. */
	if (ub->low != 0 || ub->up != 0)
		budget_store_save(ub);
	return good;
}

void
budget_store_give(struct unit_budget *ub)
{
	struct budgets *bs = ub->unit->manager->budgets;
	struct buf text = { 0 };
	struct jv *v;

	if (ub->dirty)
		budget_store_save(ub);
	text_of(ub, &text);
	v = jv_parse(buf_str(&text), text.len, NULL);
	budget_row_add(bs, ub->unit->name, v, true);
	budget_ledger_later(bs);
	jv_free(v);
	buf_free(&text);
}

/* ---- in ---- */

/* What the last manager of this boot noted. */
static void
read_notes(struct budgets *bs)
{
	DIR *d = dir_open_at(bs->m->run_fd, FOLDER);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char path[BUDGET_PATH_MAX];
		struct json_err err = { .text = "" };
		struct buf text = { 0 };
		struct jv *v = NULL;

		if (strlen(e->d_name) >= PROTO_UNIT_MAX)
			continue;
		budget_note_path(e->d_name, path);
		if (file_is_temp(e->d_name))
			(void)unlinkat(bs->m->run_fd, path, 0);
		if (e->d_name[0] == '.')
			continue;
		if (file_read_at(bs->m->run_fd, path, NOTE_MAX, &text) == 0)
			v = jv_parse(buf_str(&text), text.len, &err);
		else
			snprintf(err.text, sizeof(err.text), "%s", strerror(errno));
		if (v != NULL)
			budget_row_add(bs, e->d_name, v, true);
		else
			budget_tell_damaged(bs->m, path, err.text, NULL);
		jv_free(v);
		buf_free(&text);
	}
	if (d != NULL)
		closedir(d);
}

/* v with what of it is untold, and no number for that. */
static void
write_untold(const struct manager *m, const struct jv *v, struct buf *text)
{
	struct jw *w = jw_new(JW_COMPACT);
	uint32_t low, up;

	read_untold(m, v, &low, &up);
	jw_obj(w);
	jw_kv_i64(w, "rev", jv_i64(jv_get(v, "rev"), 0) + 1);
	jw_kv_u64(w, "low", low);
	jw_kv_u64(w, "up", up);
	jw_kv_str(w, "boot", jv_str(jv_get(v, "boot"), ""));
	jw_key(w, "account");
	jv_write(jv_get(v, "account"), w);
	jw_end(w);
	jw_take(w, text);
	jw_free(w);
}

static void
settle_row(struct budgets *bs, const char *unit, const struct budget_row *row)
{
	struct jv *v = jv_parse(row->text, strlen(row->text), NULL), *now;
	struct buf text = { 0 };
	char path[BUDGET_PATH_MAX];

	if (jv_i64(jv_get(v, "telling"), 0) != 0) {
		write_untold(bs->m, v, &text);
		budget_note_path(unit, path);
		if (file_write_atomic(
			bs->m->run_fd, path, text.data, text.len, 0600, false) == -1)
			log_warn("run/%s", path);
		now = jv_parse(buf_str(&text), text.len, NULL);
		budget_row_add(bs, unit, now, true);
		jv_free(now);
	}
	jv_free(v);
	buf_free(&text);
}

/* The numbers that events were to have go to others from now on: what they say of what
 * was told is noted before that, also for units that nobody asks for. */
static void
settle_untold(struct budgets *bs)
{
	struct strv units = { 0 };

	map_keys(&bs->rows, &units);
	for (size_t i = 0; i < units.n; i++) {
		const struct budget_row *row = map_get(&bs->rows, units.v[i]);

		if (strstr(row->text, "\"telling\"") != NULL)
			settle_row(bs, units.v[i], row);
	}
	strv_free(&units);
}

void
budget_store_open(struct budgets *bs)
{
	if (mkdir_p_at(bs->m->run_fd, FOLDER, 0700) == -1)
		log_warn("run/" FOLDER);
	budget_ledger_open(bs);
	read_notes(bs);
	settle_untold(bs);
}
