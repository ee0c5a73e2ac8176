/*
 * budget_ledger: what all units have used, in state/budgets.json, which the logger
 * writes some time after a change, for the next boot.  The file is taken for hostile.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/memfd.h"
#include "manager/budget/budgets_int.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/record/aside.h"
#include "manager/record/event.h"
#include "manager/units.h"
#include "proto/version.h"

#define BUDGETS_FILE "state/budgets.json"
/* SNAPSHOT_DONE names no kind: these ids are ours alone. */
#define BUDGET_IDS (UINT64_C(1) << 62)

enum {
	FILE_MAX = 64 * 1024 * 1024,
	FILE_NODES_MAX = 4 * 1024 * 1024,
};

/* ---- in ---- */

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
		budget_row_add(bs, jv_key_at(units, i), jv_at(units, i), false);
	return NULL;
}

/* What is there is set aside when it cannot be used. */
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
		budget_tell_damaged(
		    m, BUDGETS_FILE, why, kept_as[0] != '\0' ? kept_as : NULL);
	}
	jv_free(v);
	buf_free(&text);
}

/* ---- out ---- */

void
budget_ledger_later(struct budgets *bs)
{
	bs->dirty = true;
	if (bs->restored && !bs->writing && !loop_timer_is_armed(bs->timer))
		loop_timer_in(bs->timer, bs->m->conf->snapshot_interval_us);
}

void
budget_ledger_key(struct buf *text, const char *unit)
{
	if (text->data[text->len - 1] == '}')
		buf_addc(text, ',');
	buf_addc(text, '"');
	json_escape(text, unit, strlen(unit));
	buf_adds(text, "\":");
}

static void
write_one(struct unit *u, void *arg)
{
	struct buf *text = arg;
	struct jw *w;

	if (u->budget == NULL)
		return;
	budget_ledger_key(text, u->name);
	w = jw_new(JW_COMPACT);
	jw_obj(w);
	budget_write(u->budget, w);
	jw_end(w);
	jw_take(w, text);
	jw_free(w);
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
	int fd;

	if (bs == NULL)
		return;
	units_look(m, save_changed, NULL);
	/* What a newer supd left must not be replaced by us; and before all units are
	 * known no row is one that nobody wants. */
	if (bs->newer || !bs->dirty || !bs->restored)
		return;
	loop_timer_stop(bs->timer);
	buf_addf(&text, "{\"version\":%d,\"readable_by\":%d,\"units\":{", BUDGETS_VERSION,
	    BUDGETS_READABLE_BY);
	budget_rows_write(bs, &text);
	units_look(m, write_one, &text);
	buf_adds(&text, "}}\n");
	fd = memfd_sealed("supd-budgets", &text);
	if (fd == -1)
		log_warn("what units have used cannot be written");
	bs->writing = fd != -1 && link_snapshot_take_fd(m->link, ++bs->id,
				      SNAPSHOT_BUDGETS, fd, text.len) == 0;
	bs->dirty = !bs->writing;
	if (bs->dirty)
		budget_ledger_later(bs);
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
		budget_ledger_later(bs);
	return true;
}

void
budget_ledger_open(struct budgets *bs)
{
	bs->id = BUDGET_IDS;
	bs->timer = loop_timer_new(bs->m->loop, "budgets", on_timer, bs);
	read_ledger(bs);
}
