#include "budget.h"

#include <stdbool.h>
#include <string.h>

#include "ctl.h"

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"

static bool
is_up(const struct jv *limit)
{
	return strcmp(jv_str(jv_get(limit, "state"), ""), "exceeded") == 0;
}

void
budget_end_words(const struct jv *budget, struct buf *out)
{
	const char *end = jv_str(jv_get(budget, "end"), NULL);
	char text[CLOCK_TEXT_MAX];

	if (end != NULL)
		buf_addf(out, "until %s", ctl_time(text, sizeof(text), end));
	else if (jv_type(jv_get(budget, "begin")) == JV_NULL)
		buf_adds(out, "not begun");
	else
		buf_adds(out, "for ever");
}

void
budget_words(const struct jv *budget, struct buf *out)
{
	const struct jv *limits = jv_get(budget, "limits");

	for (size_t i = 0; i < jv_count(limits); i++) {
		const struct jv *l = jv_at(limits, i);

		buf_addf(out, "%s%s %s of %s (%lld%%)", i == 0 ? "" : ", ",
		    jv_str(jv_get(l, "limit"), "?"), jv_str(jv_get(l, "used_text"), "?"),
		    jv_str(jv_get(l, "allowed_text"), "?"),
		    (long long)jv_i64(jv_get(l, "percent"), 0));
	}
	buf_adds(out, "; ");
	budget_end_words(budget, out);
}

void
budget_next_step(const struct jv *budget, const char *unit, struct buf *out)
{
	const char *action = jv_str(jv_get(budget, "on_exceed"), "");
	const struct jv *limits = jv_get(budget, "limits");
	const char *limit = NULL;

	for (size_t i = 0; limit == NULL && i < jv_count(limits); i++)
		if (is_up(jv_at(limits, i)))
			limit = jv_str(jv_get(jv_at(limits, i), "limit"), "?");
	if (limit == NULL)
		return;
	if (strcmp(action, "hold") == 0)
		buf_addf(out,
		    "%s is used up; `supctl release %s' allows as much again, or raise "
		    "%s= in its file",
		    limit, unit, limit);
	else if (strcmp(action, "stop") == 0)
		buf_addf(out, "%s is used up; `supctl start %s' allows as much again",
		    limit, unit);
	else
		buf_addf(out, "%s is used up; it runs on (OnExceed=notify)", limit);
}
