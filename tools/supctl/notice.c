#include "notice.h"

#include "ctl.h"

#include "lib/clock.h"
#include "lib/json.h"

static const char *
deed(const char *how)
{
	return how[0] == 'f' ? "frozen" : how[0] == 's' ? "stopped" : "killed";
}

static void
put_one(struct ctl *ctl, const struct jv *e)
{
	const char *group = jv_str(jv_get(e, "group"), NULL);
	const char *since = jv_str(jv_get(e, "since"), NULL);
	const char *reason = jv_str(jv_get(e, "reason"), NULL);
	char text[CLOCK_TEXT_MAX];

	ctl_style(ctl, STYLE_RED, "EMERGENCY STOP");
	ctl_printf(ctl, " of ");
	ctl_put(ctl, group == NULL ? "all units" : "group ");
	ctl_put(ctl, group == NULL ? "" : group);
	ctl_printf(ctl, " (%s) by ", deed(jv_str(jv_get(e, "how"), "freeze")));
	ctl_put(ctl, jv_str(jv_get(e, "who"), "somebody"));
	if (since != NULL) {
		ctl_printf(ctl, " since ");
		ctl_put(ctl, ctl_time(text, sizeof(text), since));
	}
	if (reason != NULL) {
		ctl_printf(ctl, ": ");
		ctl_put(ctl, reason);
	}
	ctl_printf(ctl, "; nothing starts; undo: ");
	ctl_put(ctl, jv_str(jv_get(e, "undo"), "supctl resume"));
	ctl_printf(ctl, "\n");
}

void
notice_emergencies(struct ctl *ctl, const struct jv *params)
{
	const struct jv *list = jv_get(params, "emergencies");

	for (size_t i = 0; !ctl->json && !ctl->quiet && i < jv_count(list); i++)
		put_one(ctl, jv_at(list, i));
}
