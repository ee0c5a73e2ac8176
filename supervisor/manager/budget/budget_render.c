/*
 * budget_render: what a budget is, for those who ask.
 */
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/budget/budgets_int.h"
#include "manager/manager.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "unit/load.h"

/* used of most in percent, as far as that can be said; overflow is far away. */
static uint64_t
percent(uint64_t used, uint64_t most)
{
	if (most == 0)
		return used > 0 ? 100 : 0;
	return used <= UINT64_MAX / 100 ? used * 100 / most : used / (most / 100 + 1);
}

static void
put_time(struct jw *w, const char *key, uint64_t wall_us)
{
	char text[CLOCK_TEXT_MAX];

	if (wall_us == 0 || wall_us == UNIT_INFINITY)
		jw_kv_null(w, key);
	else
		jw_kv_str(w, key, clock_format_utc(text, sizeof(text), wall_us));
}

static uint64_t
number(uint64_t n)
{
	return n < BUDGET_COUNT_MAX ? n : BUDGET_COUNT_MAX;
}

static void
put_limit(struct jw *w, enum budget_kind k, const struct budget_use *use)
{
	char text[CLOCK_TEXT_MAX];

	jw_obj(w);
	jw_kv_str(w, "limit", budget_kind_name(k));
	jw_kv_u64(w, "used", number(use->used));
	jw_kv_u64(w, "of", number(use->limit));
	jw_kv_u64(w, "allowed", number(use->allowed));
	jw_kv_str(w, "used_text", budget_format(text, sizeof(text), k, use->used));
	jw_kv_str(w, "of_text", budget_format(text, sizeof(text), k, use->limit));
	jw_kv_str(w, "allowed_text", budget_format(text, sizeof(text), k, use->allowed));
	jw_kv_u64(w, "percent", percent(use->used, use->allowed));
	jw_kv_str(w, "state", use->up ? "exceeded" : use->warned ? "low" : "ok");
	jw_end(w);
}

void
budget_render(struct unit *u, struct jw *w)
{
	struct unit_budget *ub = budget_get(u);
	struct budget_view v;
	struct buf period = { 0 };

	if (!budget_of_unit(u, &v))
		return;
	budget_period_show(&ub->conf->period, &period);
	jw_kv_str(w, "period", buf_str(&period));
	buf_free(&period);
	put_time(w, "begin", v.begin_us);
	put_time(w, "end", v.end_us);
	jw_kv_str(w, "on_exceed", budget_action_name(ub->conf->on_exceed));
	jw_kv_bool(w, "held", budget_holds(u));
	jw_kv_arr(w, "limits");
	for (int k = 0; k < BUDGET_NKINDS; k++)
		if (v.use[k].limit != UNIT_INFINITY)
			put_limit(w, (enum budget_kind)k, &v.use[k]);
	jw_end(w);
	jw_kv_str(w, "source_error", ub->source_error);
}

void
budget_render_status(struct unit *u, struct jw *w)
{
	if (budget_get(u) == NULL) {
		jw_kv_null(w, "budget");
		return;
	}
	jw_kv_obj(w, "budget");
	budget_render(u, w);
	jw_end(w);
}
