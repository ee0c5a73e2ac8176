/* ledger: what became of each file of a watcher, and a file that is as new. */
#include <getopt.h>
#include <stdint.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "trigger_list.h"

#include "lib/json.h"

enum { OPT_FORGET = OPT_LONG };

static const struct opt opts[] = {
	{ "forget", OPT_FORGET, NULL, "of UNIT, the file of that PATH is as new" },
	{ NULL, 0, NULL, NULL },
};

static enum style
style_of(const char *result)
{
	if (strcmp(result, "quarantined") == 0)
		return STYLE_RED;
	return strcmp(result, "done") == 0 ? STYLE_NONE : STYLE_YELLOW;
}

static void
show_table(struct ctl *ctl, const struct jv *entries)
{
	struct columns *t = columns_new();

	columns_add(t, "RESULT", 0);
	columns_add(t, "TRIES", COL_RIGHT);
	columns_add(t, "AT", 0);
	columns_add(t, "NEXT", 0);
	columns_add(t, "UNIT", COL_SHRINK);
	columns_add(t, "PATH", COL_SHRINK);
	for (size_t i = 0; i < jv_count(entries); i++) {
		const struct jv *e = jv_at(entries, i);
		const char *result = jv_str(jv_get(e, "result"), "?");

		columns_row(t);
		columns_cell(t, style_of(result), result);
		columns_cellf(
		    t, STYLE_NONE, "%lld", (long long)jv_i64(jv_get(e, "tries"), 0));
		trigger_put_time(t, jv_str(jv_get(e, "at"), NULL));
		trigger_put_time(t, jv_str(jv_get(e, "next"), NULL));
		columns_cell(t, STYLE_NONE, jv_str(jv_get(e, "unit"), "?"));
		columns_cell(t, STYLE_BOLD, jv_str(jv_get(e, "path"), "?"));
	}
	ctl_columns(ctl, t, !ctl->quiet);
	columns_free(t);
}

static int
list(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	struct jw *w = ctl_params();
	const struct jv *entries;
	uint64_t total;
	int code;

	if (optind < argc) {
		jw_kv_arr(w, "units");
		for (int i = optind; i < argc; i++)
			jw_str(w, argv[i]);
		jw_end(w);
	}
	/* For programs, as many as there can be. */
	if (ctl->json)
		jw_kv_u64(w, "limit", UINT32_MAX);
	code = ctl_call(ctl, "io.supd.Ledger.List", w, &r);
	if (code != 0)
		return code;
	entries = jv_get(r.params, "entries");
	total = jv_u64(jv_get(r.params, "total"));
	if (ctl->json) {
		struct jw *out = ctl_json_new(ctl);

		jv_write(r.params, out);
		ctl_json_take(ctl, out);
	} else if (jv_count(entries) == 0) {
		ctl_say(ctl, "no watcher has done anything");
	} else {
		show_table(ctl, entries);
		if (total > jv_count(entries))
			ctl_say(ctl, "%zu of %llu are shown", jv_count(entries),
			    (unsigned long long)total);
	}
	reply_clear(&r);
	return code;
}

static int
forget(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	struct jw *w;
	int code;

	if (argc - optind != 2)
		return ctl_usage(ctl, "--forget needs a watcher and a path");
	w = ctl_params();
	jw_kv_str(w, "unit", argv[optind]);
	jw_kv_str(w, "path", argv[optind + 1]);
	code = ctl_call(ctl, "io.supd.Ledger.Forget", w, &r);
	if (code == 0)
		ctl_say(ctl, "%s: %s is as new", argv[optind], argv[optind + 1]);
	reply_clear(&r);
	return code;
}

static int
run_ledger(struct ctl *ctl, int argc, char **argv)
{
	bool forgets = false;
	int c;

	while ((c = ctl_getopt(ctl, argc, argv)) != -1) {
		if (c != OPT_FORGET)
			return CTL_USAGE;
		forgets = true;
	}
	return forgets ? forget(ctl, argc, argv) : list(ctl, argc, argv);
}

const struct command cmd_ledger = {
	.name = "ledger",
	.words_usage = "[UNIT...] | --forget UNIT PATH",
	.summary = "What became of each file of a watcher; a file that is as new",
	.words = WORDS_UNITS,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_ledger,
};
