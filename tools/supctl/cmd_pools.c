/* pools: how many slots each has, who has them, and who waits. */
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/buf.h"
#include "lib/json.h"

/* "a.service b.service", then who is next. */
static void
put_names(struct columns *t, const struct jv *list, const char *key)
{
	struct buf names = { 0 };

	for (size_t i = 0; i < jv_count(list); i++) {
		const struct jv *x = jv_at(list, i);

		buf_addf(&names, "%s%s", i > 0 ? " " : "",
		    jv_str(key == NULL ? x : jv_get(x, key), "?"));
	}
	columns_cell(t, STYLE_NONE, names.len > 0 ? buf_str(&names) : "-");
	buf_free(&names);
}

static void
put_number(struct columns *t, enum style style, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%ju", (uintmax_t)n);
	columns_cell(t, style, text);
}

static bool
has_why(const struct jv *pools)
{
	for (size_t i = 0; i < jv_count(pools); i++)
		if (jv_type(jv_get(jv_at(pools, i), "why")) == JV_STRING)
			return true;
	return false;
}

static void
add_row(struct columns *t, const struct jv *p, bool why)
{
	uint64_t slots = jv_u64(jv_get(p, "slots")), taken = jv_u64(jv_get(p, "taken"));
	uint64_t queued = jv_u64(jv_get(p, "queued"));

	columns_row(t);
	columns_cell(t, STYLE_BOLD, jv_str(jv_get(p, "pool"), "?"));
	put_number(t, STYLE_NONE, slots);
	put_number(t, taken > slots ? STYLE_YELLOW : STYLE_NONE, taken);
	put_number(t, queued > 0 ? STYLE_YELLOW : STYLE_NONE, queued);
	put_names(t, jv_get(p, "running"), NULL);
	put_names(t, jv_get(p, "waiting"), "unit");
	if (why)
		columns_cell(t, STYLE_YELLOW, jv_str(jv_get(p, "why"), ""));
}

static void
show_table(struct ctl *ctl, const struct jv *pools)
{
	struct columns *t = columns_new();
	bool why = has_why(pools);

	columns_add(t, "POOL", 0);
	columns_add(t, "SLOTS", COL_RIGHT);
	columns_add(t, "TAKEN", COL_RIGHT);
	columns_add(t, "QUEUED", COL_RIGHT);
	columns_add(t, "RUNNING", COL_SHRINK);
	columns_add(t, "WAITING", COL_SHRINK);
	if (why)
		columns_add(t, "WHY", COL_SHRINK);
	for (size_t i = 0; i < jv_count(pools); i++)
		add_row(t, jv_at(pools, i), why);
	ctl_columns(ctl, t, !ctl->quiet);
	columns_free(t);
}

static int
run_pools(struct ctl *ctl, int argc, char **argv)
{
	const struct jv *pools;
	struct reply r = { 0 };
	struct jw *w;
	int code;

	if (ctl_getopt(ctl, argc, argv) != -1)
		return CTL_USAGE;
	w = ctl_params();
	if (optind < argc) {
		jw_kv_arr(w, "patterns");
		for (int i = optind; i < argc; i++)
			jw_str(w, argv[i]);
		jw_end(w);
	}
	/* For programs, all of them. */
	if (ctl->json)
		jw_kv_u64(w, "limit", 0);
	code = ctl_call(ctl, "io.supd.Pool.List", w, &r);
	if (code != 0)
		return code;
	pools = jv_get(r.params, "pools");
	if (ctl->json) {
		struct jw *out = ctl_json_new(ctl);

		jv_write(pools, out);
		ctl_json_take(ctl, out);
	} else if (jv_count(pools) == 0) {
		ctl_say(ctl, "there are no pools");
	} else {
		show_table(ctl, pools);
	}
	reply_clear(&r);
	return code;
}

const struct command cmd_pools = {
	.name = "pools",
	.words_usage = "[PATTERN...]",
	.summary = "List pools: their slots, who has them, and who waits",
	.words = WORDS_UNITS,
	.max = SIZE_MAX,
	.run = run_pools,
};
