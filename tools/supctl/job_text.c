#include "job_text.h"

#include <stdio.h>
#include <string.h>

#include "lib/json.h"

const char *
job_text(const struct jv *job, char *dst, size_t size)
{
	const struct jv *pool = jv_get(job, "pool"), *retry = jv_get(job, "retry");
	const char *sub = jv_str(jv_get(job, "substate"), NULL);
	size_t n;

	if (jv_type(pool) == JV_OBJECT)
		snprintf(dst, size, "queued in %s (%lld of %lld)",
		    jv_str(jv_get(pool, "name"), "?"),
		    (long long)jv_i64(jv_get(pool, "place"), 0),
		    (long long)jv_i64(jv_get(pool, "queued"), 0));
	else
		strlcpy(dst, sub != NULL ? sub : jv_str(jv_get(job, "state"), "?"), size);
	n = strlen(dst);
	if (jv_i64(jv_get(retry, "used"), 0) > 0)
		snprintf(dst + n, size - n, ", retry %lld/%lld",
		    (long long)jv_i64(jv_get(retry, "used"), 0),
		    (long long)jv_i64(jv_get(retry, "of"), 0));
	return dst;
}
