#include "runs.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "ctl.h"

#include "journal/events.h"
#include "journal/layout.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/runid.h"
#include "lib/strv.h"
#include "lib/xalloc.h"

enum { SETTLE_MS = 10 };

/* Nobody waits longer for the disk to learn what happened. */
#define SETTLE_US USEC_PER_SEC

int
ctl_check_run(struct ctl *ctl, const char *text)
{
	if (run_id_is(text))
		return 0;
	ctl_usage(ctl,
	    "--run: \"%s\" is no id of a run; supctl status, supctl jobs and supctl "
	    "history show them, such as r01kbb0mqvz7hk2",
	    text);
	return -1;
}

/* What supd knows and what the journal holds by now; false: nobody answers. */
static bool
ask_position(struct ctl *ctl, uint64_t *seq, uint64_t *stored)
{
	struct buf why = { 0 };
	struct reply r = { 0 };
	bool good;

	good = ctl_call_quietly(ctl, "io.supd.Event.Position", NULL, false,
		   clock_mono_us() + SETTLE_US, &r, &why) == CLIENT_OK &&
	       r.error == NULL;
	*seq = (uint64_t)jv_i64(jv_get(r.params, "seq"), 0);
	*stored = (uint64_t)jv_i64(jv_get(r.params, "stored"), 0);
	reply_clear(&r);
	buf_free(&why);
	return good;
}

void
ctl_await_journal(struct ctl *ctl)
{
	uint64_t deadline = clock_mono_us() + SETTLE_US;
	uint64_t asked_at, seq, stored;

	if (!ask_position(ctl, &asked_at, &stored))
		return;
	while (stored < asked_at && clock_mono_us() < deadline) {
		poll(NULL, 0, SETTLE_MS);
		if (!ask_position(ctl, &seq, &stored))
			return;
	}
	if (stored < asked_at)
		ctl_warn(ctl,
		    "the newest %llu events are not in the journal yet: the logger waits "
		    "for the disk, or hangs; supctl events -f has them",
		    (unsigned long long)(asked_at - stored));
}

static void
add_log(const struct events_entry *ev, struct strv *names, struct strv *logs)
{
	const char *ref = jv_str(jv_get(ev->tree, "ref"), "");
	const char *name = jv_str(jv_get(ev->tree, "name"), "");

	if (!layout_ref_is_valid(ref) || name[0] == '\0')
		return;
	strv_add_unique(names, name);
	strv_take(logs, xasprintf("%s %s", ref, name));
}

int
ctl_run_logs(
    struct ctl *ctl, int root_fd, const char *run, struct strv *names, struct strv *logs)
{
	static const char *const kinds[] = { "exec", NULL };
	struct events_query q = { .kinds = kinds, .run = run, .n = -1 };
	struct events_entry ev;
	struct events *e = events_open(root_fd, &q);
	int n = -1;

	while (e != NULL && (n = events_next(e, &ev)) == 1)
		add_log(&ev, names, logs);
	if (n == -1) {
		n = ctl_fail(ctl, CTL_FAILED, "no-journal", NULL,
		    "the event journal of %s cannot be read: %s", ctl->in.root,
		    strerror(errno));
		events_free(e);
		return n;
	}
	events_free(e);
	if (names->n > 0)
		return CTL_OK;
	return ctl_fail(ctl, CTL_NO_UNIT, "no-run",
	    "supctl events --run ID shows what else is known of it",
	    "the event journal has no stage of the run %s that ran", run);
}
