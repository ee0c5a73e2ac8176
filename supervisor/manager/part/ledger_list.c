#include "manager/part/ledger_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/activate/ledger.h"
#include "manager/part/ledger_file.h"
#include "unit/name.h"

enum { ANSWER_BYTES = 3 << 20 }; /* a helper may answer no more than 4M */

/* Texts, each with its NUL; an empty one is the last. */
static void
add_text(struct buf *b, const char *text)
{
	buf_append(b, text, strlen(text) + 1);
}

void
ledger_list_ask(const char *root, const struct strv *units, uint64_t limit,
    const char *instance, struct buf *q)
{
	char *max = xasprintf("%ju", (uintmax_t)limit);

	add_text(q, root);
	add_text(q, max);
	add_text(q, instance != NULL ? instance : "");
	for (size_t i = 0; i < units->n; i++)
		add_text(q, units->v[i]);
	add_text(q, "");
	free(max);
}

struct listing {
	int root;
	uint64_t limit, n, total;
	size_t bytes;
	const char *instance;
	struct jw *w;
	char *error;
};

static void
put_time(struct jw *w, const char *key, uint64_t wall_us)
{
	char text[CLOCK_TEXT_MAX];

	jw_kv_str(
	    w, key, wall_us == 0 ? NULL : clock_format_utc(text, sizeof(text), wall_us));
}

static void
put_entry(struct listing *l, const char *unit, const struct ledger_entry *e)
{
	char *path = unit_name_path_unescape(e->instance);

	l->n++;
	l->bytes += 4 * strlen(e->instance) + strlen(unit) + 300;
	jw_obj(l->w);
	jw_kv_str(l->w, "unit", unit);
	jw_kv_str(l->w, "instance", e->instance);
	jw_kv_str(l->w, "path", path != NULL ? path : e->instance);
	jw_kv_str(l->w, "result", ledger_result_name(e->result));
	jw_kv_u64(l->w, "tries", e->tries);
	put_time(l->w, "at", e->at_wall_us);
	put_time(l->w, "next", e->next_wall_us);
	jw_kv_i64(l->w, "dev", (int64_t)e->dev);
	jw_kv_i64(l->w, "inode", (int64_t)e->inode);
	jw_kv_i64(l->w, "size", (int64_t)e->size);
	jw_kv_i64(l->w, "mtime_ns", e->mtime_ns);
	jw_end(l->w);
	free(path);
}

static void
list_one(struct listing *l, const char *unit)
{
	struct ledger ledger = { 0 };
	struct strv names = { 0 };

	if (ledger_file_load(l->root, unit, &ledger) == -1) {
		free(l->error);
		l->error = xasprintf(
		    "the ledger of %s cannot be read: %s", unit, strerror(errno));
	}
	map_keys(&ledger.entries, &names);
	for (size_t i = 0; i < names.n; i++) {
		if (*l->instance != '\0' && strcmp(names.v[i], l->instance) != 0)
			continue;
		l->total++;
		if (l->n < l->limit && l->bytes < ANSWER_BYTES)
			put_entry(l, unit, ledger_find(&ledger, names.v[i]));
	}
	strv_free(&names);
	ledger_clear(&ledger);
}

static const char *
next(const char *text)
{
	return text + strlen(text) + 1;
}

void
ledger_list_work(const void *question, struct buf *out)
{
	const char *root = question, *limit = next(root), *instance = next(limit);
	struct listing l = { .instance = instance };

	l.root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	l.limit = strtoull(limit, NULL, 10);
	l.w = jw_new(JW_COMPACT);
	jw_obj(l.w);
	jw_kv_arr(l.w, "entries");
	if (l.root == -1)
		l.error = xasprintf("%s: %s", root, strerror(errno));
	for (const char *unit = next(instance); l.root != -1 && *unit != '\0';
	     unit = next(unit))
		list_one(&l, unit);
	jw_end(l.w);
	jw_kv_u64(l.w, "total", l.total);
	if (l.error != NULL)
		jw_kv_str(l.w, "error", l.error);
	jw_end(l.w);
	jw_take(l.w, out);
	jw_free(l.w);
	free(l.error);
	fd_close(&l.root);
}
