/* job_view: see the header. */
#include "job_view.h"

#include <stdlib.h>
#include <string.h>

#include "columns.h"
#include "ctl.h"

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "unit/name.h"

/* Adds the detail; false: the event is no entry after all. */
typedef bool detail_fn(const struct jv *ev, struct job_entry *e);

static const char *
text_of(const struct jv *ev, const char *key)
{
	return jv_str(jv_get(ev, key), "");
}

static long long
number_of(const struct jv *ev, const char *key)
{
	return (long long)jv_i64(jv_get(ev, key), 0);
}

/* "12.3s"; of an event without one nothing. */
static void
add_duration(struct buf *out, const struct jv *ev, const char *key)
{
	char text[CLOCK_TEXT_MAX];

	if (jv_type(jv_get(ev, key)) == JV_INT)
		buf_adds(out, clock_format_duration(text, sizeof(text),
				  jv_u64(jv_get(ev, key)) * USEC_PER_MSEC));
}

/* The file for which a watcher started an instance that is named after it.  The name
 * alone says nothing: that of a day, "2026-11-30", would be a path as well. */
static bool
add_path(struct buf *out, const struct jv *ev, const char *unit)
{
	const char *at = strchr(unit, '@'), *dot = strrchr(unit, '.');
	char *name, *path;
	struct buf text = { 0 };
	bool is = false;

	if (at == NULL || dot == NULL || dot <= at + 1 || *text_of(ev, "path") == '\0')
		return false;
	name = xstrndup(at + 1, (size_t)(dot - at - 1));
	path = unit_name_path_unescape(name);
	if (path != NULL) {
		/* As the journal has it. */
		utf8_clean(&text, path, strlen(path));
		is = strcmp(buf_str(&text), text_of(ev, "path")) == 0;
	}
	if (is)
		buf_adds(out, buf_str(&text));
	buf_free(&text);
	free(path);
	free(name);
	return is;
}

static bool
is_main(const struct jv *ev, struct job_entry *e)
{
	add_path(&e->detail, ev, e->job);
	return strcmp(text_of(ev, "kind"), "main") == 0;
}

/* It was to begin, or to be tried again, and somebody has ended that: what had `queued'
 * or `retry' for its last word would wait for ever. */
static bool
gave_up_waiting(const struct jv *ev)
{
	static const char *const waits[] = { "queued", "held", "auto-restart" };

	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		if (strcmp(text_of(ev, "from"), waits[i]) == 0)
			return strcmp(text_of(ev, "state"), "inactive") == 0;
	return false;
}

/* A unit came to rest, and had worked or was to. */
static bool
is_over(const struct jv *ev, struct job_entry *e)
{
	bool exited = strcmp(text_of(ev, "substate"), "exited") == 0;

	if (gave_up_waiting(ev)) {
		e->event = "stopped";
		buf_adds(&e->detail, text_of(ev, "why"));
		return true;
	}
	if (jv_type(jv_get(ev, "run_ms")) != JV_INT ||
	    strcmp(text_of(ev, "result"), "success") != 0 ||
	    (!exited && strcmp(text_of(ev, "state"), "inactive") != 0))
		return false;
	if (jv_bool(jv_get(ev, "asked"), false))
		e->event = "stopped";
	add_duration(&e->detail, ev, "run_ms");
	return true;
}

static bool
why_failed(const struct jv *ev, struct job_entry *e)
{
	const char *tail = text_of(ev, "stderr_tail");
	size_t n = strlen(tail), from;

	add_duration(&e->detail, ev, "run_ms");
	if (e->detail.len > 0)
		buf_adds(&e->detail, ": ");
	buf_adds(&e->detail, text_of(ev, "why"));
	while (n > 0 && strchr(" \t\r\n", tail[n - 1]) != NULL)
		n--;
	if (n == 0)
		return true;
	from = utf8_tail(tail, n, JOB_STDERR_MAX);
	buf_adds(&e->detail, ": ");
	buf_append(&e->detail, tail + from, n - from);
	return true;
}

static bool
why(const struct jv *ev, struct job_entry *e)
{
	buf_adds(&e->detail, text_of(ev, "why"));
	return true;
}

static bool
in_pool(const struct jv *ev, struct job_entry *e)
{
	const char *dot = strrchr(text_of(ev, "pool"), '.');

	if (!add_path(&e->detail, ev, e->job))
		buf_addf(&e->detail, "%lld of %lld in %.*s", number_of(ev, "place"),
		    number_of(ev, "queued"),
		    dot == NULL ? 0 : (int)(dot - text_of(ev, "pool")),
		    text_of(ev, "pool"));
	return true;
}

static bool
scanned(const struct jv *ev, struct job_entry *e)
{
	static const char *const counts[] = { "stale", "done", "open", "waiting",
		"quarantined", "started" };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		buf_addf(&e->detail, "%s%lld %s", i == 0 ? "" : ", ",
		    number_of(ev, counts[i]), counts[i]);
	return true;
}

static bool
triggered(const struct jv *ev, struct job_entry *e)
{
	buf_adds(&e->detail, text_of(ev, "starts"));
	if (*text_of(ev, "for") != '\0')
		buf_addf(&e->detail, " for %s", text_of(ev, "for"));
	else if (*text_of(ev, "path") != '\0')
		buf_addf(&e->detail, " for %s", text_of(ev, "path"));
	return true;
}

static bool
poison(const struct jv *ev, struct job_entry *e)
{
	buf_addf(
	    &e->detail, "%lld tries: %s", number_of(ev, "tries"), text_of(ev, "path"));
	return true;
}

static bool
signalled(const struct jv *ev, struct job_entry *e)
{
	buf_addf(&e->detail, "%s: %s", text_of(ev, "signal"), text_of(ev, "why"));
	return true;
}

static bool
timed_out(const struct jv *ev, struct job_entry *e)
{
	buf_adds(&e->detail, text_of(ev, "what"));
	return true;
}

static bool
began(const struct jv *ev, struct job_entry *e)
{
	buf_addf(&e->detail, "pid %lld", number_of(ev, "pid"));
	return true;
}

static bool
ending(const struct jv *ev, struct job_entry *e)
{
	buf_adds(&e->detail, text_of(ev, "who"));
	return true;
}

static bool
ended(const struct jv *ev, struct job_entry *e)
{
	if (number_of(ev, "left") > 0)
		buf_addf(&e->detail, "%lld left running", number_of(ev, "left"));
	return true;
}

static const struct kind {
	const char *event; /* of the journal */
	const char *shown;
	detail_fn *detail;
} kinds[] = {
	{ "supd-started", "started", began },
	{ "supd-stopping", "stopping", ending },
	{ "supd-stopped", "stopped", ended },
	{ "queued", "queued", in_pool },
	{ "exec", "started", is_main },
	{ "unit-state", "completed", is_over },
	{ "failed", "failed", why_failed },
	{ "retry", "retry", why },
	{ "restart-scheduled", "restart", why },
	{ "timeout", "timeout", timed_out },
	{ "lost", "lost", why },
	{ "skipped", "skipped", why },
	{ "signal-sent", "cancelling", signalled },
	{ "watch-scan", "tick", scanned },
	{ "quarantined", "quarantined", poison },
	{ "timer-elapsed", "trigger", triggered },
	{ "path-triggered", "trigger", triggered },
};

enum { NKINDS = sizeof(kinds) / sizeof(kinds[0]) };

void
job_view_kinds(struct strv *out)
{
	for (size_t i = 0; i < NKINDS; i++)
		strv_add(out, kinds[i].event);
}

bool
job_view(const struct jv *event, struct job_entry *e)
{
	const char *name = text_of(event, "event");

	for (size_t i = 0; i < NKINDS; i++) {
		if (strcmp(kinds[i].event, name) != 0)
			continue;
		*e = (struct job_entry){ .ts = text_of(event, "ts"),
			.job = jv_str(jv_get(event, "unit"), "supd"),
			.event = kinds[i].shown };
		if (kinds[i].detail(event, e))
			return true;
		job_entry_clear(e);
		return false;
	}
	return false;
}

void
job_entry_clear(struct job_entry *e)
{
	buf_free(&e->detail);
}

bool
job_view_has(const struct jv *event)
{
	struct job_entry e;

	if (!job_view(event, &e))
		return false;
	job_entry_clear(&e);
	return true;
}

/* Local time without a zone; the text itself when it is no time. */
static const char *
local_time(char *dst, size_t size, const char *ts)
{
	uint64_t wall_us;

	return clock_parse(ts, &wall_us) == 0 ? clock_format_local(dst, size, wall_us)
					      : ts;
}

static void
put_padded(struct ctl *ctl, enum style style, const char *text, size_t width)
{
	size_t used = text_width(text, strlen(text));

	ctl_style(ctl, style, text);
	ctl_printf(ctl, "%*s", (int)(used < width ? width - used : 0) + 1, "");
}

/* Of a long path what is behind its last slash, of all what there is room for. */
static void
put_detail(struct ctl *ctl, const char *s)
{
	struct buf text = { 0 };
	const char *slash = strrchr(s, '/');
	size_t n;

	if (*s == '/' && text_width(s, strlen(s)) > JOB_DETAIL_WIDTH && slash[1] != '\0')
		s = slash + 1;
	n = text_fit(s, strlen(s), JOB_DETAIL_WIDTH);
	buf_append(&text, s, n);
	ctl_put(ctl, buf_str(&text));
	buf_free(&text);
}

void
job_entry_put(struct ctl *ctl, struct job_entry *e)
{
	char ts[CLOCK_TEXT_MAX];
	const char *time = local_time(ts, sizeof(ts), e->ts), *t = strchr(time, 'T');
	struct jw *w;

	if (ctl->json) {
		w = jw_new(JW_COMPACT);
		jw_obj(w);
		jw_kv_str(w, "ts", time);
		jw_kv_str(w, "job", e->job);
		jw_kv_str(w, "event", e->event);
		if (e->detail.len > 0)
			jw_kv_strn(w, "detail", e->detail.data, e->detail.len);
		jw_end(w);
		ctl_json_take(ctl, w);
		return;
	}
	ctl_style(ctl, STYLE_DIM, t == NULL ? time : t + 1);
	ctl_printf(ctl, " ");
	put_padded(ctl, STYLE_BOLD, e->job, JOB_NAME_WIDTH);
	if (e->detail.len == 0) {
		ctl_put(ctl, e->event);
	} else {
		put_padded(ctl, STYLE_NONE, e->event, JOB_EVENT_WIDTH);
		put_detail(ctl, buf_str(&e->detail));
	}
	ctl_printf(ctl, "\n");
}
