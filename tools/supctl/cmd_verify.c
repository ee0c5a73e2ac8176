/* verify: read unit files as supd would, and say what becomes of each of their lines.
 * Needs no supd.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "verify.h"

#include "lib/json.h"
#include "lib/map.h"
#include "lib/xalloc.h"
#include "unit/conf.h"
#include "unit/load.h"

enum { OPT_STRICT = OPT_LONG, OPT_LINES };

static const struct opt opts[] = {
	{ "strict", OPT_STRICT, NULL, "warnings count as errors" },
	{ "lines", OPT_LINES, NULL, "name every line and what becomes of it" },
	{ NULL, 0, NULL, NULL },
};

struct tally {
	size_t errors, warnings;
	size_t missing; /* names of nothing; no error of a file */
	struct map told;
};

static void
write_diag(struct jw *w, const struct diag *g)
{
	jw_obj(w);
	jw_kv_str(w, "level", g->level == DIAG_ERROR ? "error" : "warning");
	jw_kv_str(w, "file", g->file);
	jw_kv_u64(w, "line", g->line);
	jw_kv_u64(w, "column", g->col);
	jw_kv_str(w, "text", g->text);
	jw_kv_str(w, "hint", g->hint);
	jw_end(w);
}

/* A file that several units have says it once. */
static void
put_diags(struct ctl *ctl, const struct verify_unit *u, struct jw *w, struct tally *t)
{
	for (size_t i = 0; i < u->diags.n; i++) {
		const struct diag *g = &u->diags.v[i];
		char *text = diag_format(g);

		if (!map_has(&t->told, text)) {
			map_set(&t->told, text, t);
			if (u->missing)
				t->missing++;
			else if (g->level == DIAG_ERROR)
				t->errors++;
			else
				t->warnings++;
			if (w != NULL)
				write_diag(w, g);
			else
				ctl_note(ctl, "", text);
		}
		free(text);
	}
	if (u->diags.n_dropped > 0 && w == NULL) {
		char *text = xasprintf("%s: and %zu more", u->name, u->diags.n_dropped);

		ctl_note(ctl, "", text);
		free(text);
	}
}

static void
put_lines(struct ctl *ctl, const struct verify_unit *u)
{
	for (size_t i = 0; i < u->n_lines; i++) {
		const struct verify_line *l = &u->lines[i];
		char *text = xasprintf("%s:%u:%u: %s=: %s", l->file, l->line, l->col,
		    l->key, line_answer_name(l->answer));

		ctl_put(ctl, text);
		ctl_printf(ctl, "\n");
		free(text);
	}
}

static void
write_lines(struct jw *w, const struct verify *v)
{
	jw_kv_arr(w, "lines");
	for (size_t i = 0; i < v->n; i++)
		for (size_t k = 0; k < v->v[i]->n_lines; k++) {
			const struct verify_line *l = &v->v[i]->lines[k];

			jw_obj(w);
			jw_kv_str(w, "file", l->file);
			jw_kv_u64(w, "line", l->line);
			jw_kv_u64(w, "column", l->col);
			jw_kv_str(w, "key", l->key);
			jw_kv_str(w, "answer", line_answer_name(l->answer));
			jw_end(w);
		}
	jw_end(w);
}

/* ---- the summary ---- */

struct shares {
	size_t all, honoured, warned, refused;
};

/* Three of the answers: what it does, what it does not, and what forbids the unit. */
static struct shares
shares_of(const struct verify *v)
{
	struct shares s = { 0 };

	for (int a = 0; a < LINE_NANSWERS; a++) {
		s.all += v->uses[a];
		if (a == LINE_HONOURED || a == LINE_NOTE || a == LINE_DOUBTED)
			s.honoured += v->uses[a];
		else if (a == LINE_REFUSED)
			s.refused += v->uses[a];
		else
			s.warned += v->uses[a];
	}
	return s;
}

static double
percent(size_t part, size_t all)
{
	return all == 0 ? 0 : 100.0 * (double)part / (double)all;
}

static void
write_units(struct jw *w, const struct verify *v)
{
	jw_kv_arr(w, "units");
	for (size_t i = 0; i < v->n; i++) {
		const struct unit_conf *c = v->v[i]->conf;

		if (!v->v[i]->named || c == NULL || v->v[i]->missing)
			continue;
		jw_obj(w);
		jw_kv_str(w, "unit", c->id);
		jw_kv_str(w, "path", c->fragment);
		jw_kv_str(w, "load_state", unit_load_state_name(c->load_state));
		jw_end(w);
	}
	jw_end(w);
}

static void
write_summary(struct jw *w, const struct verify *v, const struct tally *t)
{
	struct shares s = shares_of(v);

	jw_kv_obj(w, "summary");
	jw_kv_u64(w, "files", v->files);
	jw_kv_u64(w, "errors", t->errors + t->missing);
	jw_kv_u64(w, "warnings", t->warnings);
	jw_kv_u64(w, "lines", s.all);
	jw_kv_u64(w, "honoured", s.honoured);
	jw_kv_u64(w, "warned", s.warned);
	jw_kv_u64(w, "refused", s.refused);
	jw_kv_obj(w, "answers");
	for (int a = 0; a < LINE_NANSWERS; a++)
		jw_kv_u64(w, line_answer_name((enum line_answer)a), v->uses[a]);
	jw_end(w);
	jw_end(w);
}

static void
put_summary(struct ctl *ctl, const struct verify *v, const struct tally *t)
{
	struct shares s = shares_of(v);

	if (ctl->quiet)
		return;
	ctl_printf(ctl, "%zu file%s, %zu error%s, %zu warning%s", v->files,
	    v->files == 1 ? "" : "s", t->errors + t->missing,
	    t->errors + t->missing == 1 ? "" : "s", t->warnings,
	    t->warnings == 1 ? "" : "s");
	if (s.all > 0)
		ctl_printf(ctl,
		    "; of %zu line%s %zu (%.1f%%) honoured, %zu (%.1f%%) warned of, "
		    "%zu (%.1f%%) refused",
		    s.all, s.all == 1 ? "" : "s", s.honoured, percent(s.honoured, s.all),
		    s.warned, percent(s.warned, s.all), s.refused,
		    percent(s.refused, s.all));
	ctl_printf(ctl, "\n");
}

static void
put_all(struct ctl *ctl, const struct verify *v, struct tally *t)
{
	struct jw *w = NULL;

	if (ctl->json) {
		w = ctl_json_new(ctl);
		jw_obj(w);
		jw_kv_arr(w, "diagnostics");
	}
	for (size_t i = 0; i < v->n; i++) {
		if (!v->v[i]->named)
			continue;
		put_diags(ctl, v->v[i], w, t);
		if (w == NULL)
			put_lines(ctl, v->v[i]);
	}
	if (w == NULL) {
		put_summary(ctl, v, t);
		return;
	}
	jw_end(w);
	write_units(w, v);
	if (v->keep_lines)
		write_lines(w, v);
	write_summary(w, v, t);
	jw_end(w);
	ctl_json_take(ctl, w);
}

static int
run_verify(struct ctl *ctl, int argc, char **argv)
{
	struct verify v = { .ctl = ctl };
	struct tally t = { 0 };
	bool strict = false;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == OPT_STRICT)
			strict = true;
		else if (id == OPT_LINES)
			v.keep_lines = true;
		else
			return CTL_USAGE;
	}
	code = verify_load(&v, argc, argv);
	verify_refs(&v);
	for (size_t i = 0; i < v.n; i++)
		if (v.v[i]->named) {
			verify_place(v.v[i]);
			verify_host(v.v[i]);
		}
	put_all(ctl, &v, &t);
	if (t.errors > 0 || (strict && t.warnings > 0))
		code = CTL_FAILED;
	else if (t.missing > 0)
		code = CTL_NO_UNIT;
	map_clear(&t.told, NULL);
	verify_clear(&v);
	return code;
}

const struct command cmd_verify = {
	.name = "verify",
	.words_usage = "[FILE|FOLDER|UNIT...]",
	.summary = "Check unit files, all of the instance without a word",
	.words = WORDS_FILES,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_verify,
};
