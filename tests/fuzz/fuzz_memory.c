/*
 * The memory of a service as a snapshot or an event holds it: what is read is in range,
 * and written again it reads the same.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "manager/service/memory.h"

#include "fuzz.h"

static void
write_text(const struct svc_memory *m, struct buf *out)
{
	struct jw *w = jw_new(JW_COMPACT);

	jw_obj(w);
	svc_memory_write(m, w);
	jw_end(w);
	jw_take(w, out);
	jw_free(w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct svc_memory m, again;
	struct buf one = { 0 }, two = { 0 };
	struct json_err err;
	struct jv *v;

	v = jv_parse((const char *)data, size, &err);
	if (v == NULL)
		return 0;
	if (svc_memory_read(v, &m, &err) == 0) {
		assert((unsigned)m.state < SVC_NSTATES);
		assert((unsigned)m.result < SVC_NRESULTS);
		assert(strlen(m.why) < SVC_WHY_MAX);
		assert(strlen(m.status) < SVC_STATUS_MAX);
		write_text(&m, &one);
		jv_free(v);
		v = jv_parse(one.data, one.len, &err);
		assert(v != NULL);
		assert(svc_memory_read(v, &again, &err) == 0);
		write_text(&again, &two);
		/* A text that was cut inside a character may be cut once more. */
		assert(again.state == m.state && again.slot == m.slot);
		assert(again.main_seq == m.main_seq && again.order == m.order);
		svc_memory_clear(&m);
		svc_memory_clear(&again);
	}
	jv_free(v);
	buf_free(&one);
	buf_free(&two);
	return 0;
}
