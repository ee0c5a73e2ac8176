/*
 * Request files: whatever a unit writes into its folder, and whatever it calls it.
 *
 * Up to the first NUL a name, behind it the text.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/wish/request_text.h"

#include "fuzz.h"

static void
check_name(const char *name)
{
	if (!request_text_is_name(name))
		return;
	check(strlen(name) <= REQUEST_FILE_NAME_MAX && name[0] != '.');
	for (const char *p = name; *p != '\0'; p++)
		check(*p > ' ' && *p < 0x7f && strchr("/\\\"'`$%<>|&;*?", *p) == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct request_text none = { .wall_us = 77 };
	struct request_text t = none;
	const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
	size_t n = nul != NULL ? (size_t)(nul - data) : 0;
	char *name = xstrndup((const char *)data, n);
	struct jv *v = NULL;
	const char *why;

	check_name(name);
	if (nul != NULL)
		v = jv_parse((const char *)nul + 1, size - n - 1, NULL);
	why = request_text_read(v, &t);
	if (why == NULL) {
		check(jv_type(v) == JV_OBJECT && t.action < REQUEST_NACTIONS);
		check(t.reason == NULL || strlen(t.reason) <= REQUEST_REASON_MAX);
		check(t.message == NULL || strlen(t.message) <= REQUEST_MESSAGE_MAX);
		check(t.wall_us == USEC_INFINITY || jv_get(v, "time") != NULL);
	} else {
		check(why[0] != '\0' && memcmp(&t, &none, sizeof(t)) == 0);
	}
	jv_free(v);
	free(name);
	return 0;
}
