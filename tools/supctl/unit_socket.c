#include "unit_socket.h"

#include "ctl.h"
#include "field.h"

#include "lib/json.h"

void
unit_socket_put(struct ctl *ctl, const struct jv *s)
{
	const struct jv *listen = jv_get(s, "listen");
	size_t i;

	for (i = 0; i < jv_count(listen); i++) {
		field_begin(ctl, i == 0 ? "Listen" : "");
		ctl_put(ctl, jv_str(jv_get(jv_at(listen, i), "address"), "?"));
		ctl_printf(ctl, " (");
		ctl_put(ctl, jv_str(jv_get(jv_at(listen, i), "type"), "?"));
		ctl_printf(ctl, ")\n");
	}
	if (jv_type(jv_get(s, "triggers")) == JV_STRING)
		field_put(ctl, "Triggers", STYLE_NONE, jv_str(jv_get(s, "triggers"), ""));
	if (!jv_bool(jv_get(s, "accept"), false))
		return;
	field_begin(ctl, "Accepted");
	ctl_printf(ctl, "%lld; connected: %lld; refused: %lld\n",
	    (long long)jv_i64(jv_get(s, "accepted"), 0),
	    (long long)jv_i64(jv_get(s, "connections"), 0),
	    (long long)jv_i64(jv_get(s, "refused"), 0));
}
