#include "unit_ends.h"

#include "ctl.h"
#include "field.h"

#include "lib/clock.h"
#include "lib/json.h"

/* What ended it, or was to. */
static void
put_signal(struct ctl *ctl, const struct jv *x)
{
	const char *at = field_text(x, "at");

	if (jv_type(x) != JV_OBJECT)
		return;
	field_begin(ctl, "Signal");
	ctl_put(ctl, jv_str(jv_get(x, "signal"), "?"));
	ctl_printf(ctl, " for ");
	ctl_put(ctl, jv_str(jv_get(x, "who"), "?"));
	if (at != NULL) {
		ctl_printf(ctl, ", ");
		field_ago(ctl, ctl_age_us(at));
	}
	ctl_printf(ctl, ": ");
	ctl_put(ctl, jv_str(jv_get(x, "why"), "?"));
	ctl_printf(ctl, "\n");
}

static void
put_restarts(struct ctl *ctl, const struct jv *u)
{
	int64_t restarts = jv_i64(jv_get(u, "restarts"), 0);
	const struct jv *retry = jv_get(u, "retry");
	int64_t used = jv_i64(jv_get(retry, "used"), 0);
	bool next = jv_type(jv_get(u, "next_restart_ms")) == JV_INT;
	char text[CLOCK_TEXT_MAX];

	if (restarts == 0 && !next)
		return;
	field_begin(ctl, "Restarts");
	ctl_printf(ctl, "%lld", (long long)restarts);
	if (used > 0)
		ctl_printf(ctl, ", retry %lld/%lld", (long long)used,
		    (long long)jv_i64(jv_get(retry, "of"), 0));
	if (next)
		ctl_printf(ctl, ", the next one in %s",
		    clock_format_duration(
			text, sizeof(text), field_us(u, "next_restart_ms")));
	ctl_printf(ctl, "\n");
}

static void
put_use(struct ctl *ctl, const struct jv *u)
{
	const struct jv *memory = jv_get(u, "memory_bytes");
	const struct jv *cpu = jv_get(u, "cpu_us");
	char text[CLOCK_TEXT_MAX];
	bool has_cpu = jv_type(cpu) == JV_INT && jv_i64(cpu, 0) >= 0;

	if (jv_type(memory) != JV_INT && !has_cpu)
		return;
	field_begin(ctl, "Uses");
	if (jv_type(memory) == JV_INT)
		ctl_printf(ctl, "memory %s%s",
		    ctl_bytes(text, sizeof(text), jv_i64(memory, 0)),
		    has_cpu ? ", " : "");
	if (has_cpu)
		ctl_printf(ctl, "cpu %s",
		    clock_format_duration(text, sizeof(text), (uint64_t)jv_i64(cpu, 0)));
	ctl_printf(ctl, "\n");
}

static void
put_exit(struct ctl *ctl, const struct jv *e)
{
	char text[CLOCK_TEXT_MAX];
	int64_t code = jv_i64(jv_get(e, "exit_code"), -1);

	if (jv_type(e) != JV_OBJECT)
		return;
	field_begin(ctl, "Last exit");
	ctl_style(ctl, code == 0 ? STYLE_NONE : STYLE_YELLOW,
	    jv_str(jv_get(e, "text"), jv_str(jv_get(e, "how"), "?")));
	if (jv_type(jv_get(e, "duration_ms")) == JV_INT)
		ctl_printf(ctl, " after %s",
		    clock_format_duration(
			text, sizeof(text), field_us(e, "duration_ms")));
	if (field_text(e, "at") != NULL) {
		ctl_printf(ctl, ", ");
		field_ago(ctl, ctl_age_us(field_text(e, "at")));
	}
	ctl_printf(ctl, "\n");
}

void
unit_ends_put(struct ctl *ctl, const struct jv *u)
{
	put_use(ctl, u);
	put_restarts(ctl, u);
	put_exit(ctl, jv_get(u, "main_exit"));
	put_signal(ctl, jv_get(u, "last_signal"));
}
