#include "manager/recorded.h"

#include "manager/manager.h"
#include "manager/record/digest.h"
#include "manager/record/store.h"
#include "manager/record/tally.h"

/* ---- the digest ---- */

static bool
wants_for_digest(void *arg, enum event_id id, bool past)
{
	(void)arg;
	(void)past;
	return digest_wants(id);
}

static void
event_to_digest(void *arg, enum event_id id, const struct jv *event, bool past)
{
	(void)past;
	digest_event(arg, id, event);
}

static void
write_digest(void *arg, struct jw *w)
{
	digest_write_json(arg, w);
}

static void
read_digest(void *arg, const struct jv *v)
{
	digest_read_json(arg, v);
}

/* ---- the tally: live it is told by who emits the events ---- */

static bool
wants_for_tally(void *arg, enum event_id id, bool past)
{
	(void)arg;
	return past && tally_wants(id);
}

static void
event_to_tally(void *arg, enum event_id id, const struct jv *event, bool past)
{
	(void)past;
	tally_event(arg, id, event);
}

static void
write_tally(void *arg, struct jw *w)
{
	tally_write_json(arg, w);
}

static void
read_tally(void *arg, const struct jv *v)
{
	tally_read_json(arg, v);
}

void
recorded_new(struct manager *m)
{
	m->digest = digest_new();
	m->tally = tally_new();
	store_add_part(m->store, &(struct store_part){
				     .name = "digest",
				     .wants = wants_for_digest,
				     .event = event_to_digest,
				     .write = write_digest,
				     .read = read_digest,
				     .arg = m->digest,
				 });
	store_add_part(m->store, &(struct store_part){
				     .name = "runs",
				     .wants = wants_for_tally,
				     .event = event_to_tally,
				     .write = write_tally,
				     .read = read_tally,
				     .arg = m->tally,
				 });
}
