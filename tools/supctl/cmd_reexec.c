/* reexec: let supd go on as the program that is on the disk now. */
#include <getopt.h>
#include <poll.h>

#include "commands.h"
#include "ctl.h"

#include "lib/clock.h"
#include "lib/json.h"

#define COME_BACK_US (30 * USEC_PER_SEC)

/* The reply comes before the deed: wait until a manager answers on a new connection. */
static int
wait_for_next(struct ctl *ctl)
{
	uint64_t deadline =
	    clock_mono_us() + (ctl->timeout_us == 0 ? COME_BACK_US : ctl->timeout_us);
	struct reply r = { 0 };
	struct buf why = { 0 };
	enum client_result res;
	int code = CTL_OK;

	/* The old manager closes the connection when it goes, or says why it does not. */
	res = client_receive(ctl->client, &r, deadline, &why);
	if (res == CLIENT_OK && r.error != NULL) {
		code = ctl_error_reply(ctl, &r);
		reply_clear(&r);
		buf_free(&why);
		return code;
	}
	reply_clear(&r);
	ctl_disconnect(ctl);
	while (res != CLIENT_TIMEOUT) {
		buf_clear(&why);
		res = ctl_call_quietly(
		    ctl, "io.supd.Manager.Version", NULL, false, deadline, &r, &why);
		if (res == CLIENT_OK || clock_mono_us() >= deadline)
			break;
		poll(NULL, 0, 20);
	}
	if (res == CLIENT_OK && ctl->json)
		ctl_json(ctl, r.params);
	else if (res == CLIENT_OK)
		ctl_say(
		    ctl, "supd %s carries on", jv_str(jv_get(r.params, "version"), "?"));
	else
		code = ctl_client_failed(ctl, res, buf_str(&why));
	reply_clear(&r);
	buf_free(&why);
	return code;
}

static int
run_reexec(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	struct buf why = { 0 };
	enum client_result res;
	int code = ctl_no_opts(ctl, argc, argv);

	if (code == 0)
		code = ctl_instance(ctl);
	if (code != 0)
		return code;
	/* With more: the connection stays, and tells how it went. */
	res = ctl_call_quietly(ctl, "io.supd.Manager.Reexec", NULL, true,
	    ctl_deadline(ctl, false), &r, &why);
	if (res != CLIENT_OK)
		code = ctl_client_failed(ctl, res, buf_str(&why));
	else if (r.error != NULL)
		code = ctl_error_reply(ctl, &r);
	else
		code = wait_for_next(ctl);
	reply_clear(&r);
	buf_free(&why);
	return code;
}

const struct command cmd_reexec = {
	.name = "reexec",
	.alias = "daemon-reexec",
	.words_usage = "",
	.summary = "Replace supd by the program on the disk; services keep running",
	.max = 0,
	.run = run_reexec,
};
