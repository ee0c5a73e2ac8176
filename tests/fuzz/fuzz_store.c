/*
 * The state files: the input is a snapshot, then, behind the first NUL, lines of events.
 * What was read must be written again, and read the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "manager/record/event.h"
#include "manager/record/history.h"
#include "manager/record/metrics.h"
#include "manager/record/store.h"

#include "fuzz.h"

static void
no_log(enum log_level level, const char *text, void *arg)
{
	(void)level;
	(void)text;
	(void)arg;
}

struct world {
	struct loop *loop;
	struct metrics *metrics;
	struct history *history;
	struct emitter *ev;
	struct store *st;
	struct store *from; /* whose memories collect writes */
};

static void
write_one(void *arg, const char *unit)
{
	void **v = arg;
	struct world *w = v[0];
	bool same_boot;
	struct jv *memory = store_memory(w->from, unit, &same_boot);

	if (jv_type(memory) != JV_OBJECT)
		abort();
	jw_key(v[1], unit);
	jv_write(memory, v[1]);
	jv_free(memory);
}

static void
collect(void *arg, struct jw *jw)
{
	struct world *w = arg;
	void *v[2] = { w, jw };

	store_each_memory(w->from, write_one, v);
}

static int
no_send(void *arg, uint64_t id, int fd, uint64_t size)
{
	(void)arg;
	(void)id;
	(void)size;
	close(fd);
	return 0;
}

static void
open_world(struct world *w)
{
	const struct store_ops ops = { .collect = collect, .send = no_send, .arg = w };

	w->loop = loop_new();
	w->metrics = metrics_new();
	w->history = history_new();
	w->ev = emitter_new(NULL, NULL, -1, -1, w->metrics);
	w->st = store_new(w->loop, w->ev, w->history, "boot", &ops);
	w->from = w->st;
}

static void
close_world(struct world *w)
{
	store_free(w->st);
	emitter_free(w->ev);
	history_free(w->history);
	metrics_free(w->metrics);
	loop_free(w->loop);
}

/* The text of w's memory is read by another one without complaint. */
static void
check_round_trip(struct world *w)
{
	struct buf text = { 0 };
	struct world other;
	char err[320];

	open_world(&other);
	store_write_snapshot(w->st, &text);
	if (store_read_snapshot(other.st, text.data, text.len, err, sizeof(err)) == -1)
		abort();
	close_world(&other);
	buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w;
	const uint8_t *nul = memchr(data, 0, size);
	size_t n = nul == NULL ? size : (size_t)(nul - data);
	const char *p, *end = (const char *)data + size;
	char err[320];

	log_set_sink(no_log, NULL);
	open_world(&w);
	(void)store_read_snapshot(w.st, (const char *)data, n, err, sizeof(err));
	for (p = (const char *)data + n + (nul != NULL); p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = nl == NULL ? (size_t)(end - p) : (size_t)(nl - p);

		(void)store_read_event(w.st, p, len);
		p += len + (nl != NULL);
	}
	check_round_trip(&w);
	close_world(&w);
	return 0;
}
