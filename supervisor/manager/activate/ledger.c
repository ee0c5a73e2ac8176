#include "manager/activate/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/xalloc.h"

enum {
	LINE_MAX_BYTES = 16384, /* a path of 4096 bytes, escaped */
	LINE_NODES_MAX = 64,
};

static const char *const names[LEDGER_NRESULTS] = {
	[LEDGER_STARTED] = "started",
	[LEDGER_DONE] = "done",
	[LEDGER_FAILED] = "failed",
	[LEDGER_WAITING] = "waiting",
	[LEDGER_QUARANTINED] = "quarantined",
	[LEDGER_FORGOTTEN] = "forgotten",
};

const char *
ledger_result_name(enum ledger_result r)
{
	return names[r];
}

void
ledger_entry_free(struct ledger_entry *e)
{
	if (e == NULL)
		return;
	free(e->instance);
	free(e);
}

struct ledger_entry *
ledger_entry_dup(const struct ledger_entry *e)
{
	struct ledger_entry *x = xmemdup(e, sizeof(*e));

	x->instance = xstrdup(e->instance);
	return x;
}

static void
free_entry(void *value)
{
	ledger_entry_free(value);
}

void
ledger_clear(struct ledger *l)
{
	map_clear(&l->entries, free_entry);
	l->lines = l->bad = 0;
}

const struct ledger_entry *
ledger_find(const struct ledger *l, const char *instance)
{
	return map_get(&l->entries, instance);
}

/* ---- text ---------------------------------------------------------------------------
 */

void
ledger_entry_write(const struct ledger_entry *e, const char *path, struct jw *w)
{
	jw_kv_str(w, "instance", e->instance);
	if (path != NULL)
		jw_kv_str(w, "path", path);
	jw_kv_str(w, "result", names[e->result]);
	jw_kv_u64(w, "dev", e->dev);
	/* Some file systems use all bits, and JSON has a sign. */
	jw_kv_i64(w, "inode", (int64_t)e->inode);
	jw_kv_u64(w, "folder_dev", e->folder_dev);
	jw_kv_u64(w, "size", e->size);
	jw_kv_i64(w, "mtime_ns", e->mtime_ns);
	if (e->run[0] != '\0')
		jw_kv_str(w, "run", e->run);
	jw_kv_u64(w, "tries", e->tries);
	jw_kv_u64(w, "at_us", e->at_wall_us);
	if (e->next_wall_us != 0)
		jw_kv_u64(w, "next_us", e->next_wall_us);
}

static int
find_result(const char *name)
{
	for (int r = 0; r < LEDGER_NRESULTS; r++)
		if (strcmp(names[r], name) == 0)
			return r;
	return -1;
}

struct ledger_entry *
ledger_entry_read(const struct jv *v)
{
	const char *instance = jv_str(jv_get(v, "instance"), "");
	const char *run = jv_str(jv_get(v, "run"), NULL);
	int result = find_result(jv_str(jv_get(v, "result"), ""));
	uint64_t tries = jv_u64(jv_get(v, "tries"));
	struct ledger_entry *e;

	if (*instance == '\0' || result == -1 || tries > UINT32_MAX)
		return NULL;
	e = xcalloc(1, sizeof(*e));
	*e = (struct ledger_entry){
		.instance = xstrdup(instance),
		.result = (enum ledger_result)result,
		.dev = jv_u64(jv_get(v, "dev")),
		.inode = (uint64_t)jv_i64(jv_get(v, "inode"), 0),
		.folder_dev = jv_u64(jv_get(v, "folder_dev")),
		.size = jv_u64(jv_get(v, "size")),
		.mtime_ns = jv_i64(jv_get(v, "mtime_ns"), 0),
		.tries = (uint32_t)tries,
		.at_wall_us = jv_u64(jv_get(v, "at_us")),
		.next_wall_us = jv_u64(jv_get(v, "next_us")),
	};
	if (run_id_is(run))
		strlcpy(e->run, run, sizeof(e->run));
	return e;
}

void
ledger_put_line(const struct ledger_entry *e, const char *path, struct buf *out)
{
	struct jw *w = jw_new(JW_COMPACT);

	jw_obj(w);
	ledger_entry_write(e, path, w);
	jw_end(w);
	jw_take(w, out);
	jw_free(w);
	buf_addc(out, '\n');
}

static void
read_line(struct ledger *l, const char *line, size_t len)
{
	static const struct json_limits limits = {
		.max_bytes = LINE_MAX_BYTES, .max_nodes = LINE_NODES_MAX, .max_depth = 2
	};
	struct jv *v = jv_parse_limits(line, len, &limits, NULL);
	struct ledger_entry *e = ledger_entry_read(v);

	l->lines++;
	if (e == NULL) {
		l->bad++;
	} else if (e->result == LEDGER_FORGOTTEN) {
		ledger_entry_free(map_del(&l->entries, e->instance));
		ledger_entry_free(e);
	} else {
		ledger_entry_free(map_set(&l->entries, e->instance, e));
	}
	jv_free(v);
}

void
ledger_read(struct ledger *l, const char *text, size_t len)
{
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t n = end != NULL ? (size_t)(end - text) : len;

		if (n > 0)
			read_line(l, text, n);
		n += end != NULL;
		text += n;
		len -= n;
	}
}
