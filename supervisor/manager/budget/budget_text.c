/*
 * budget_text: what rules capture of that which agents say of their use.
 */
#include <regex.h>
#include <stddef.h>
#include <string.h>

#include "lib/buf.h"
#include "manager/budget/budgets_int.h"
#include "manager/service/service.h"
#include "manager/session/budget.h"
#include "manager/session/usage.h"
#include "manager/units.h"
#include "proto/msg.h"
#include "unit/conf.h"

/* (On a character.) */
enum { MATCH_CUT_MIN = sizeof(((struct msg_match *)NULL)->text) - 3 };

/* On a screen an older row may be the last again, when it was cleared or has scrolled
 * back: it shows what was counted already. */
static void
count_group(struct unit_budget *ub, const struct budget_source *s, bool screen,
    enum budget_counted what, const char *text, const regmatch_t *at)
{
	enum budget_kind kind = budget_kind_of(what);
	struct buf name = { 0 };
	uint64_t n;

	/* A number at the end of a line that was cut may be half of one. */
	if (at->rm_so != -1 && text[at->rm_eo] == '\0' && at->rm_eo >= MATCH_CUT_MIN)
		return;
	budget_counter_name(s, what, &name);
	if (at->rm_so != -1 &&
	    usage_parse(what, text + at->rm_so, (size_t)(at->rm_eo - at->rm_so), &n) ==
		0 &&
	    (!screen || n > budget_counter_last(ub->account, buf_str(&name), kind)))
		budget_counter(ub->account, buf_str(&name), kind, n, true, false);
	buf_free(&name);
}

static void
count_text(struct unit_budget *ub, size_t i, const struct rule_conf *r, const char *text)
{
	const struct budget_source *s = &ub->conf->sources[i];
	struct budget_pattern *p = &ub->pattern[i];
	regmatch_t at[10];
	bool named = s->capture[0] != 0 || s->capture[1] != 0;
	bool screen = r->source == RULE_SCREEN;

	if (!p->compiled && !p->bad) {
		p->compiled = regcomp(&p->re, r->pattern, REG_EXTENDED) == 0;
		p->bad = !p->compiled;
	}
	if (p->bad || regexec(&p->re, text, 10, at, 0) != 0)
		return;
	for (int what = 0; named && what < BUDGET_NCOUNTED; what++)
		if (s->capture[what] != 0)
			count_group(ub, s, screen, (enum budget_counted)what, text,
			    &at[s->capture[what]]);
	if (!named)
		count_group(ub, s, screen,
		    ub->conf->limit[BUDGET_TOKENS] != UNIT_INFINITY
			? BUDGET_COUNTED_TOKENS
			: BUDGET_COUNTED_COST,
		    text, &at[1]);
}

void
budgets_on_text(struct unit *u, size_t rule, const char *text)
{
	const struct rule_list *rules = &svc_conf(u->svc)->session->rules;
	struct unit_budget *ub = budget_get(u);

	if (ub == NULL || rule >= rules->n || rules->v[rule].pattern == NULL)
		return;
	for (size_t i = 0; i < ub->conf->n_sources; i++)
		if (ub->conf->sources[i].kind == BUDGET_FROM_RULE &&
		    strcmp(ub->conf->sources[i].arg, rules->v[rule].name) == 0)
			count_text(ub, i, &rules->v[rule], text);
}

void
budget_text_forget(struct unit_budget *ub)
{
	for (size_t i = 0; i < BUDGET_SOURCES_MAX; i++) {
		if (ub->pattern[i].compiled)
			regfree(&ub->pattern[i].re);
		ub->pattern[i] = (struct budget_pattern){ 0 };
	}
}
