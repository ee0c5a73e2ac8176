/*
 * Alert.List and Reset.
 */
#include "lib/json.h"
#include "lib/strv.h"
#include "manager/alerts.h"
#include "manager/control/control_int.h"

void
method_alert_list(struct call *call, void *arg)
{
	struct control *c = arg;
	struct jw *w = call_begin(call);

	jw_kv_arr(w, "alerts");
	alerts_render(c->m, w);
	jw_end(w);
	call_reply(call);
}

void
method_alert_reset(struct call *call, void *arg)
{
	const struct jv *list = jv_get(call_params(call), "alerts");
	struct control *c = arg;
	struct strv names = { 0 };
	struct jw *w;

	for (size_t i = 0; i < jv_count(list); i++) {
		const char *name = jv_str(jv_at(list, i), "");

		if (alerts_has(c->m, name)) {
			strv_add(&names, name);
			continue;
		}
		jw_kv_str(call_begin(call), "alert", name);
		call_fail(call, "io.supd.Alert.NoSuchAlert",
		    "supctl alerts shows those that there are", "there is no alert %s",
		    name);
		strv_free(&names);
		return;
	}
	if (jv_type(list) != JV_ARRAY)
		alerts_names(c->m, &names);
	w = call_begin(call);
	jw_kv_arr(w, "reset");
	for (size_t i = 0; i < names.n; i++)
		if (alerts_reset(c->m, names.v[i]))
			jw_str(w, names.v[i]);
	jw_end(w);
	strv_free(&names);
	call_reply(call);
}
