#include "trigger_list.h"

#include <getopt.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"

/* The units that are shown, in their order. */
struct shown {
	const struct jv **v;
	size_t n;
};

void
trigger_put_time(struct columns *t, const char *utc)
{
	char text[CLOCK_TEXT_MAX];

	columns_cell(
	    t, STYLE_NONE, utc == NULL ? "-" : ctl_time(text, sizeof(text), utc));
}

void
trigger_write_object(struct jw *w, const struct jv *unit, const char *const *keys,
    size_t n, const struct jv *part)
{
	jw_obj(w);
	for (size_t i = 0; i < n; i++)
		jw_kv_str(w, keys[i], jv_str(jv_get(unit, keys[i]), NULL));
	for (size_t i = 0; i < jv_count(part); i++) {
		jw_key(w, jv_key_at(part, i));
		jv_write(jv_at(part, i), w);
	}
}

static struct shown
shown_of(const struct trigger_list *l, const struct jv *units, bool all)
{
	struct shown s = { xcalloc(jv_count(units) + 1, sizeof(*s.v)), 0 };

	for (size_t i = 0; i < jv_count(units); i++)
		if (l->is_shown(jv_at(units, i), all))
			s.v[s.n++] = jv_at(units, i);
	if (l->compare != NULL)
		qsort(s.v, s.n, sizeof(*s.v), l->compare);
	return s;
}

static void
show_json(struct ctl *ctl, const struct trigger_list *l, const struct shown *s)
{
	struct jw *w = ctl_json_new(ctl);

	jw_arr(w);
	for (size_t i = 0; i < s->n; i++)
		l->write(w, s->v[i]);
	jw_end(w);
	ctl_json_take(ctl, w);
}

static void
show_table(struct ctl *ctl, const struct trigger_list *l, const struct shown *s)
{
	struct columns *t = columns_new();

	for (const struct trigger_column *c = l->columns; c->head != NULL; c++)
		columns_add(t, c->head, c->flags);
	for (size_t i = 0; i < s->n; i++)
		l->add(t, s->v[i]);
	ctl_columns(ctl, t, !ctl->quiet);
	columns_free(t);
}

int
trigger_list_run(struct ctl *ctl, int argc, char **argv, const struct trigger_list *list)
{
	struct reply r = { 0 };
	struct shown s;
	struct jw *w;
	bool all = false;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id != 'a')
			return CTL_USAGE;
		all = true;
	}
	w = ctl_params();
	jw_kv_arr(w, "patterns");
	for (int i = optind; i < argc; i++)
		jw_str(w, argv[i]);
	if (optind == argc)
		jw_str(w, list->pattern);
	jw_end(w);
	code = ctl_call(ctl, "io.supd.Unit.List", w, &r);
	if (code != 0)
		return code;
	all = all || optind < argc;
	s = shown_of(list, jv_get(r.params, "units"), all);
	if (ctl->json)
		show_json(ctl, list, &s);
	else if (s.n > 0)
		show_table(ctl, list, &s);
	else
		ctl_say(ctl, "%s", all ? list->none : list->none_active);
	free(s.v);
	reply_clear(&r);
	return code;
}
