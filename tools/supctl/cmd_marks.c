/* marks: sets of keys, for what must be done or shown once. */
#include <getopt.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "trigger_list.h"

#include "lib/clock.h"
#include "lib/json.h"

enum { CALL_KEYS_MAX = 100 }; /* of one call */

static void
put_duration(struct columns *t, const struct jv *us)
{
	char text[CLOCK_TEXT_MAX];

	if (jv_type(us) != JV_INT)
		columns_cell(t, STYLE_NONE, "-");
	else
		columns_cell(
		    t, STYLE_NONE, clock_format_duration(text, sizeof(text), jv_u64(us)));
}

static void
put_number(struct columns *t, const struct jv *n)
{
	columns_cellf(t, STYLE_NONE, "%" PRIu64, jv_u64(n));
}

/* ---- what there is ---- */

static void
show_sets(struct ctl *ctl, const struct jv *sets)
{
	struct columns *t = columns_new();

	columns_add(t, "SET", COL_SHRINK);
	columns_add(t, "KEYS", COL_RIGHT);
	columns_add(t, "MAX", COL_RIGHT);
	columns_add(t, "EXPIRE", 0);
	columns_add(t, "EXPIRE-EVENT", 0);
	columns_add(t, "OLDEST", 0);
	columns_add(t, "DECLARED", 0);
	for (size_t i = 0; i < jv_count(sets); i++) {
		const struct jv *s = jv_at(sets, i);

		columns_row(t);
		columns_cell(t, STYLE_BOLD, jv_str(jv_get(s, "name"), "?"));
		put_number(t, jv_get(s, "keys"));
		put_number(t, jv_get(s, "max"));
		put_duration(t, jv_get(s, "expire_us"));
		put_duration(t, jv_get(s, "expire_event_us"));
		trigger_put_time(t, jv_str(jv_get(s, "oldest"), NULL));
		columns_cell(
		    t, STYLE_NONE, jv_bool(jv_get(s, "declared"), false) ? "yes" : "no");
	}
	ctl_columns(ctl, t, !ctl->quiet);
	columns_free(t);
}

static int
list_sets(struct ctl *ctl)
{
	struct reply r = { 0 };
	int code = ctl_call(ctl, "io.supd.Marks.List", NULL, &r);

	if (code != 0)
		return code;
	if (ctl->json)
		ctl_json(ctl, r.params);
	else if (jv_count(jv_get(r.params, "sets")) == 0)
		ctl_say(ctl, "there are no marks; supctl marks add SET KEY sets one");
	else
		show_sets(ctl, jv_get(r.params, "sets"));
	reply_clear(&r);
	return CTL_OK;
}

static void
show_keys(struct ctl *ctl, const struct jv *keys)
{
	struct columns *t = columns_new();

	columns_add(t, "SET AT", 0);
	columns_add(t, "AGE", COL_RIGHT);
	columns_add(t, "KEY", COL_SHRINK);
	for (size_t i = 0; i < jv_count(keys); i++) {
		const struct jv *k = jv_at(keys, i);

		columns_row(t);
		trigger_put_time(t, jv_str(jv_get(k, "at"), NULL));
		put_duration(t, jv_get(k, "age_us"));
		columns_cell(t, STYLE_BOLD, jv_str(jv_get(k, "key"), "?"));
	}
	ctl_columns(ctl, t, !ctl->quiet);
	columns_free(t);
}

static int
list_keys(struct ctl *ctl, const char *set)
{
	struct reply r = { 0 };
	struct jw *w = ctl_params();
	uint64_t total;
	int code;

	jw_kv_str(w, "set", set);
	code = ctl_call(ctl, "io.supd.Marks.Keys", w, &r);
	if (code != 0)
		return code;
	total = jv_u64(jv_get(r.params, "total"));
	if (ctl->json) {
		ctl_json(ctl, r.params);
	} else if (total > 0) {
		show_keys(ctl, jv_get(r.params, "keys"));
		if (total > jv_count(jv_get(r.params, "keys")))
			ctl_say(ctl, "%zu of %" PRIu64 " are shown",
			    jv_count(jv_get(r.params, "keys")), total);
	} else {
		ctl_say(ctl, "%s has no keys%s", set,
		    jv_bool(jv_get(r.params, "declared"), false)
			? ""
			: ", and is not declared; supctl marks shows the sets");
	}
	reply_clear(&r);
	return CTL_OK;
}

/* ---- deeds ---- */

static void
warn_late(struct ctl *ctl, const struct jv *params)
{
	if (!jv_bool(jv_get(params, "durable"), true))
		ctl_warn(ctl, "the disk did not take this in time: it holds unless the "
			      "machine goes down before it does");
}

static const char *const own_verbs[] = { "add", "has", "consume", "remove", "clear",
	"prune", "list" };

/* How many keys, all calls together, in the member of the replies; an exit status. */
static int
for_keys(struct ctl *ctl, const char *method, const char *member, const char *said,
    int argc, char **argv)
{
	uint64_t n = 0;
	bool durable = true;

	for (int i = 1; i < argc; i += CALL_KEYS_MAX) {
		struct reply r = { 0 };
		struct jw *w = ctl_params();
		int code;

		jw_kv_str(w, "set", argv[0]);
		jw_kv_arr(w, "keys");
		for (int k = i; k < argc && k < i + CALL_KEYS_MAX; k++)
			jw_str(w, argv[k]);
		jw_end(w);
		code = ctl_call_again(ctl, method, w, &r);
		if (code != 0)
			return code;
		n += jv_u64(jv_get(r.params, member));
		durable = durable && jv_bool(jv_get(r.params, "durable"), true);
		if (!ctl->json)
			warn_late(ctl, r.params);
		reply_clear(&r);
	}
	if (ctl->json) {
		struct jw *out = ctl_json_new(ctl);

		jw_obj(out);
		jw_kv_u64(out, member, n);
		jw_kv_bool(out, "durable", durable);
		jw_end(out);
		ctl_json_take(ctl, out);
	} else {
		ctl_say(ctl, "%s: %" PRIu64 " %s", argv[0], n, said);
	}
	return CTL_OK;
}

/* One call about one key, or about a set: its reply as JSON, or the number in it. */
static int
for_set(struct ctl *ctl, const char *method, const char *set)
{
	struct reply r = { 0 };
	struct jw *w = ctl_params();
	int code;

	if (set != NULL)
		jw_kv_str(w, "set", set);
	code = ctl_call_again(ctl, method, w, &r);
	if (code != 0)
		return code;
	if (ctl->json)
		ctl_json(ctl, r.params);
	else
		ctl_say(ctl, "%s%s%" PRIu64 " removed", set == NULL ? "" : set,
		    set == NULL ? "" : ": ", jv_u64(jv_get(r.params, "removed")));
	warn_late(ctl, r.params);
	reply_clear(&r);
	return CTL_OK;
}

/* A question with yes or no: the exit status is the answer. */
static int
ask(struct ctl *ctl, const char *method, const char *member, char **argv)
{
	bool consumes = strcmp(member, "consumed") == 0;
	struct reply r = { 0 };
	struct jw *w = ctl_params();
	char token[40];
	bool yes;
	int code;

	jw_kv_str(w, "set", argv[0]);
	jw_kv_str(w, "key", argv[1]);
	if (consumes) {
		/* By which a second call is known to be this one. */
		snprintf(token, sizeof(token), "%08x%08x%08x%08x", arc4random(),
		    arc4random(), arc4random(), arc4random());
		jw_kv_str(w, "token", token);
	}
	code = ctl_call_again(ctl, method, w, &r);
	if (code != 0)
		return code;
	yes = jv_bool(jv_get(r.params, member), false);
	if (ctl->json)
		ctl_json(ctl, r.params);
	else
		ctl_say(ctl, "%s: %s", argv[1],
		    consumes
			? (yes ? "consumed" : "was not there, or is consumed already")
			: (yes ? "is there" : "is not there"));
	if (yes)
		warn_late(ctl, r.params);
	reply_clear(&r);
	return yes ? CTL_OK : CTL_FAILED;
}

/* argv: the words behind the verb. */
static int
run_verb(struct ctl *ctl, const char *verb, int argc, char **argv)
{
	if (strcmp(verb, "add") == 0 && argc >= 2)
		return for_keys(ctl, "io.supd.Marks.Add", "added", "set", argc, argv);
	if (strcmp(verb, "remove") == 0 && argc >= 2)
		return for_keys(
		    ctl, "io.supd.Marks.Remove", "removed", "removed", argc, argv);
	if (strcmp(verb, "has") == 0 && argc == 2)
		return ask(ctl, "io.supd.Marks.Has", "has", argv);
	if (strcmp(verb, "consume") == 0 && argc == 2)
		return ask(ctl, "io.supd.Marks.Consume", "consumed", argv);
	if (strcmp(verb, "clear") == 0 && argc == 1)
		return for_set(ctl, "io.supd.Marks.Clear", argv[0]);
	if (strcmp(verb, "prune") == 0 && argc <= 1)
		return for_set(ctl, "io.supd.Marks.Prune", argc == 1 ? argv[0] : NULL);
	if (strcmp(verb, "list") == 0 && argc == 1)
		return list_keys(ctl, argv[0]);
	return ctl_usage(ctl, "%s needs %s", verb,
	    strcmp(verb, "add") == 0 || strcmp(verb, "remove") == 0
		? "a set and at least one key"
	    : strcmp(verb, "has") == 0 || strcmp(verb, "consume") == 0 ? "a set and a key"
	    : strcmp(verb, "prune") == 0 ? "one set, or none"
					 : "a set");
}

static int
run_marks(struct ctl *ctl, int argc, char **argv)
{
	const char *verb;

	if (ctl_no_opts(ctl, argc, argv) != 0)
		return CTL_USAGE;
	if (optind == argc)
		return list_sets(ctl);
	verb = argv[optind];
	for (size_t i = 0; i < sizeof(own_verbs) / sizeof(own_verbs[0]); i++)
		if (strcmp(verb, own_verbs[i]) == 0)
			return run_verb(ctl, verb, argc - optind - 1, argv + optind + 1);
	if (argc - optind > 1)
		return ctl_usage(ctl,
		    "%s: expected add, has, consume, remove, clear, prune or list", verb);
	return list_keys(ctl, verb);
}

const struct command cmd_marks = {
	.name = "marks",
	.words_usage =
	    "[[list] SET] | add|remove SET KEY... | has|consume SET KEY | clear "
	    "SET | prune [SET]",
	.summary = "Sets of keys with a time each, for what must be done once",
	.words = WORDS_NONE,
	.max = SIZE_MAX,
	.run = run_marks,
};
