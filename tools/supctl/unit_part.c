#include "unit_part.h"

#include <inttypes.h>

#include "ctl.h"
#include "field.h"

#include "lib/clock.h"
#include "lib/json.h"

static void
put_socket(struct ctl *ctl, const struct jv *s)
{
	const struct jv *listen = jv_get(s, "listen");
	size_t i;

	for (i = 0; i < jv_count(listen); i++) {
		field_begin(ctl, i == 0 ? "Listen" : "");
		ctl_put(ctl, jv_str(jv_get(jv_at(listen, i), "address"), "?"));
		ctl_printf(ctl, " (");
		ctl_put(ctl, jv_str(jv_get(jv_at(listen, i), "type"), "?"));
		ctl_printf(ctl, ")\n");
	}
	if (jv_type(jv_get(s, "triggers")) == JV_STRING)
		field_put(ctl, "Triggers", STYLE_NONE, jv_str(jv_get(s, "triggers"), ""));
	if (!jv_bool(jv_get(s, "accept"), false))
		return;
	field_begin(ctl, "Accepted");
	ctl_printf(ctl, "%lld; connected: %lld; refused: %lld\n",
	    (long long)jv_i64(jv_get(s, "accepted"), 0),
	    (long long)jv_i64(jv_get(s, "connections"), 0),
	    (long long)jv_i64(jv_get(s, "refused"), 0));
}

static void
put_pool(struct ctl *ctl, const struct jv *p)
{
	if (jv_type(p) != JV_OBJECT)
		return;
	field_begin(ctl, "Slots");
	ctl_printf(ctl, "%" PRIu64 " of %" PRIu64 " taken, %" PRIu64 " queued\n",
	    jv_u64(jv_get(p, "taken")), jv_u64(jv_get(p, "slots")),
	    jv_u64(jv_get(p, "queued")));
}

/* "2026-11-21 10:30:45 (in 3min)" */
static void
put_timer(struct ctl *ctl, const struct jv *t)
{
	const char *next = field_text(t, "next"), *last = field_text(t, "last");
	int64_t skipped = jv_i64(jv_get(t, "skipped"), 0);
	uint64_t at_us, now_us = clock_wall_us();
	char text[CLOCK_TEXT_MAX];

	if (jv_type(t) != JV_OBJECT)
		return;
	field_begin(ctl, "Next");
	if (next != NULL && clock_parse(next, &at_us) == 0) {
		ctl_put(ctl, ctl_time(text, sizeof(text), next));
		ctl_printf(ctl, " (in %s)",
		    clock_format_duration(
			text, sizeof(text), at_us > now_us ? at_us - now_us : 0));
	} else {
		ctl_printf(ctl, "none");
	}
	ctl_printf(ctl, "%s\n",
	    jv_bool(jv_get(t, "waits"), false) ? ", waits for the end of a run" : "");
	if (last != NULL) {
		field_begin(ctl, "Last");
		ctl_put(ctl, ctl_time(text, sizeof(text), last));
		ctl_printf(ctl, " (");
		field_ago(ctl, ctl_age_us(last));
		ctl_printf(
		    ctl, "), %lld in all", (long long)jv_i64(jv_get(t, "runs"), 0));
		if (field_text(t, "result") != NULL) {
			ctl_printf(ctl, ": ");
			ctl_put(ctl, field_text(t, "result"));
		}
		ctl_printf(ctl, "\n");
	}
	if (skipped > 0) {
		field_begin(ctl, "Skipped");
		ctl_printf(ctl, "%lld, the last time: ", (long long)skipped);
		ctl_put(ctl, jv_str(jv_get(t, "skipped_why"), "?"));
		ctl_printf(ctl, "\n");
	}
}

static void
put_count(struct ctl *ctl, const struct jv *files, const char *key, const char *words)
{
	int64_t n = jv_i64(jv_get(files, key), 0);

	if (n > 0)
		ctl_printf(ctl, ", %lld %s", (long long)n, words);
}

/* Of a watcher: "4 seen 12.3s ago, 1 open, 3 done" */
static void
put_files(struct ctl *ctl, const struct jv *files)
{
	const char *scanned = field_text(files, "scanned");

	if (jv_type(files) != JV_OBJECT)
		return;
	field_begin(ctl, "Files");
	if (scanned == NULL) {
		ctl_printf(ctl, "not looked at yet\n");
		return;
	}
	ctl_printf(ctl, "%lld seen ", (long long)jv_i64(jv_get(files, "found"), 0));
	field_ago(ctl, ctl_age_us(scanned));
	put_count(ctl, files, "running", "under way");
	put_count(ctl, files, "open", "open");
	put_count(ctl, files, "unknown", "perhaps open");
	put_count(ctl, files, "waiting", "to be tried again");
	put_count(ctl, files, "quarantined", "in quarantine");
	put_count(ctl, files, "done", "done");
	ctl_printf(ctl, "\n");
}

static void
put_path(struct ctl *ctl, const struct jv *p)
{
	const struct jv *watches = jv_get(p, "watches");
	const char *last = field_text(p, "last"), *path = field_text(p, "last_path");
	char text[CLOCK_TEXT_MAX];

	if (jv_type(p) != JV_OBJECT)
		return;
	for (size_t i = 0; i < jv_count(watches); i++) {
		field_begin(ctl, i == 0 ? "Watches" : "");
		ctl_put(ctl, jv_str(jv_get(jv_at(watches, i), "condition"), "?"));
		ctl_printf(ctl, "=");
		ctl_put(ctl, jv_str(jv_get(jv_at(watches, i), "path"), "?"));
		ctl_printf(ctl, "\n");
	}
	put_files(ctl, jv_get(p, "files"));
	if (last != NULL) {
		field_begin(ctl, "Last");
		ctl_put(ctl, ctl_time(text, sizeof(text), last));
		ctl_printf(ctl, " (");
		field_ago(ctl, ctl_age_us(last));
		ctl_printf(
		    ctl, "), %lld in all", (long long)jv_i64(jv_get(p, "triggers"), 0));
		if (path != NULL) {
			ctl_printf(ctl, ": ");
			ctl_put(ctl, path);
		}
		ctl_printf(ctl, "\n");
	}
	if (field_text(p, "refused") != NULL)
		field_put(ctl, "Refused", STYLE_YELLOW, field_text(p, "refused"));
	if (field_text(p, "problem") != NULL)
		field_put(ctl, "Problem", STYLE_YELLOW, field_text(p, "problem"));
	field_put(ctl, "Triggers", STYLE_NONE, jv_str(jv_get(p, "activates"), "?"));
}

static void
put_names(struct ctl *ctl, const char *field, const struct jv *list)
{
	if (jv_count(list) == 0)
		return;
	field_begin(ctl, field);
	for (size_t i = 0; i < jv_count(list); i++) {
		ctl_printf(ctl, "%s", i > 0 ? " " : "");
		ctl_put(ctl, jv_str(jv_at(list, i), "?"));
	}
	ctl_printf(ctl, "\n");
}

void
unit_part_put_state(struct ctl *ctl, const struct jv *u)
{
	put_socket(ctl, jv_get(u, "socket"));
	put_pool(ctl, jv_get(u, "pool"));
}

void
unit_part_put_when(struct ctl *ctl, const struct jv *u)
{
	const struct jv *timer = jv_get(u, "timer");

	put_timer(ctl, timer);
	put_path(ctl, jv_get(u, "path"));
	put_names(ctl, "Triggers", jv_get(timer, "activates"));
	put_names(ctl, "Triggered by", jv_get(u, "triggered_by"));
}
