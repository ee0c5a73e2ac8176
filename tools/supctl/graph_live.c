#include "graph_live.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl.h"
#include "job_text.h"

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"

enum {
	GATHER_MS = 100, /* what comes so soon behind the first is shown with it */
	AT_ONCE = 4096,  /* events, before it is shown all the same */
};

int
graph_live_ask(struct ctl *ctl, struct map *notes)
{
	struct reply r = { 0 };
	char text[192];
	int code = ctl_call(ctl, "io.supd.Job.List", NULL, &r);
	const struct jv *jobs = jv_get(r.params, "jobs");

	for (size_t i = 0; code == 0 && i < jv_count(jobs); i++) {
		const struct jv *job = jv_at(jobs, i);
		const char *unit = jv_str(jv_get(job, "unit"), "");

		/* The one that counts comes first, the one behind it later. */
		if (unit[0] != '\0' && map_get(notes, unit) == NULL)
			map_set(notes, unit,
			    xasprintf("%s, run %s", job_text(job, text, sizeof(text)),
				jv_str(jv_get(job, "run"), "?")));
	}
	reply_clear(&r);
	return code;
}

void
graph_live_clear(struct map *notes)
{
	map_clear(notes, free);
}

struct client *
graph_live_begin(struct ctl *ctl, int *code)
{
	struct buf why = { 0 };
	struct client *events;
	enum client_result res;

	/* The connection of the other calls is made anew behind this one. */
	ctl_disconnect(ctl);
	res = ctl_try_connect(ctl, &why);
	events = ctl->client;
	ctl->client = NULL;
	if (res == CLIENT_OK)
		res = client_send(events, "io.supd.Event.Subscribe", NULL, true,
		    ctl_deadline(ctl, false), &why);
	if (res != CLIENT_OK) {
		*code = ctl_client_failed(ctl, res, buf_str(&why));
		client_free(events);
		events = NULL;
	}
	buf_free(&why);
	return events;
}

/* 1: there is an event; 0: not within that time; -1: there will be none. */
static int
await(struct client *events, int timeout_ms)
{
	struct pollfd p[2] = {
		{ .fd = client_fd(events), .events = POLLIN },
		{ .fd = STDOUT_FILENO, .events = 0 },
	};
	int n;

	if (client_has_reply(events))
		return 1;
	while ((n = poll(p, 2, timeout_ms)) == -1)
		if (errno != EINTR)
			return -1;
	if ((p[1].revents & (POLLERR | POLLHUP)) != 0)
		return -1;
	return n > 0 ? 1 : 0;
}

bool
graph_live_wait(struct client *events)
{
	struct buf why = { 0 };
	struct reply r = { 0 };
	bool good = true;
	int n, timeout_ms = -1;

	for (int i = 0; good && i < AT_ONCE; i++) {
		n = await(events, timeout_ms);
		if (n == 0)
			break;
		good = n == 1 &&
		       client_receive(events, &r, USEC_INFINITY, &why) == CLIENT_OK &&
		       r.error == NULL;
		reply_clear(&r);
		timeout_ms = GATHER_MS;
	}
	buf_free(&why);
	return good;
}
