#include "manager/wish/request_text.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"

#define SUFFIX ".json"

static bool
fits(const char *text, size_t max)
{
	return text == NULL || strlen(text) <= max;
}

/* A member that is there and no string is no way to say nothing. */
static bool
read_string(const struct jv *v, const char *key, const char **out)
{
	const struct jv *member = jv_get(v, key);

	*out = jv_str(member, NULL);
	return *out != NULL || member == NULL || jv_type(member) == JV_NULL;
}

const char *
request_text_read(const struct jv *v, struct request_text *out)
{
	struct request_text t = { .wall_us = USEC_INFINITY };
	const char *action, *time;

	if (jv_type(v) != JV_OBJECT)
		return "it is no object of JSON";
	if (!read_string(v, "action", &action) || !read_string(v, "unit", &t.unit) ||
	    !read_string(v, "reason", &t.reason) ||
	    !read_string(v, "message", &t.message) || !read_string(v, "time", &time))
		return "a member of it is no string";
	t.action = request_action_find(action != NULL ? action : "");
	if (t.action == REQUEST_NACTIONS)
		return "its action is neither cycle, restart nor shutdown";
	if (!fits(t.reason, REQUEST_REASON_MAX) || !fits(t.message, REQUEST_MESSAGE_MAX))
		return "its reason or message is too long";
	if (time != NULL && clock_parse(time, &t.wall_us) == -1)
		return "its time is none";
	*out = t;
	return NULL;
}

bool
request_text_is_name(const char *name)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(name), suffix = sizeof(SUFFIX) - 1;

	return n > suffix && n <= REQUEST_FILE_NAME_MAX && name[0] != '.' &&
	       strspn(name, chars) == n && strcmp(name + n - suffix, SUFFIX) == 0;
}
