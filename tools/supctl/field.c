/* field: see the header. */
#include "field.h"

#include "ctl.h"

#include "lib/clock.h"
#include "lib/json.h"

void
field_begin(struct ctl *ctl, const char *name)
{
	ctl_printf(ctl, "%*s%s ", FIELD_NAME_WIDTH, name, *name == '\0' ? " " : ":");
}

void
field_put(struct ctl *ctl, const char *name, enum style style, const char *text)
{
	field_begin(ctl, name);
	ctl_style(ctl, style, text);
	ctl_printf(ctl, "\n");
}

void
field_ago(struct ctl *ctl, uint64_t us)
{
	char text[CLOCK_TEXT_MAX];

	ctl_printf(ctl, "%s ago", clock_format_duration(text, sizeof(text), us));
}

void
field_since(struct ctl *ctl, const char *since)
{
	char text[CLOCK_TEXT_MAX];

	if (since == NULL)
		return;
	ctl_printf(ctl, " since ");
	ctl_put(ctl, ctl_time(text, sizeof(text), since));
	ctl_printf(ctl, " (");
	field_ago(ctl, ctl_age_us(since));
	ctl_printf(ctl, ")");
}

const char *
field_text(const struct jv *o, const char *key)
{
	return jv_str(jv_get(o, key), NULL);
}

uint64_t
field_us(const struct jv *o, const char *key)
{
	int64_t ms = jv_i64(jv_get(o, key), 0);

	return ms < 0 ? 0 : (uint64_t)ms * USEC_PER_MSEC;
}
