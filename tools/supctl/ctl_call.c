/* ctl_call: the one connection of a command, and how its errors are told (see ctl.h). */
#include "ctl.h"

#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"

/* How long a question waits for its answer. */
#define QUESTION_US (30 * USEC_PER_SEC)
/* A wait without a limit that hears nothing for so long asks whether supd lives, … */
#define SILENCE_US (10 * USEC_PER_SEC)
/* … then after twice as long, but at least so often. */
#define SILENCE_MAX_US (10 * USEC_PER_MINUTE)

int
ctl_instance(struct ctl *ctl)
{
	struct buf why = { 0 };
	int r = 0;

	if (ctl->have_instance)
		return 0;
	if (instance_find(&ctl->in, ctl->dir, true, &why) == -1)
		r = ctl_fail(ctl, CTL_FAILED, "no-instance", NULL, "%s", buf_str(&why));
	else
		ctl->have_instance = true;
	buf_free(&why);
	return r;
}

char *
ctl_path(const struct ctl *ctl, const char *relative)
{
	if (*relative == '/')
		return xstrdup(relative);
	return xasprintf("%s/%s", ctl->in.root, relative);
}

char *
ctl_run_path(const struct ctl *ctl, const char *name)
{
	return xasprintf("%s/%s", ctl->in.run, name);
}

uint64_t
ctl_deadline(const struct ctl *ctl, bool waiting)
{
	if (ctl->timeout_us != 0)
		/* The server keeps the time; this is for when it does not. */
		return clock_add_us(clock_mono_us(),
		    clock_add_us(ctl->timeout_us, waiting ? 5 * USEC_PER_SEC : 0));
	if (waiting)
		return USEC_INFINITY;
	return clock_mono_us() + (ctl->question_us != 0 ? ctl->question_us : QUESTION_US);
}

enum client_result
ctl_try_connect(struct ctl *ctl, struct buf *why)
{
	if (ctl->client != NULL)
		return CLIENT_OK;
	return client_connect(&ctl->client, &ctl->in, ctl_deadline(ctl, false), why);
}

void
ctl_disconnect(struct ctl *ctl)
{
	client_free(ctl->client);
	ctl->client = NULL;
}

int
ctl_client_failed(struct ctl *ctl, enum client_result r, const char *why)
{
	char *next = NULL;
	int code = CTL_FAILED;

	switch (r) {
	case CLIENT_OK:
		return 0;
	case CLIENT_DOWN:
		next = xasprintf("start it with: supd -C %s -d", ctl->in.root);
		code = CTL_DOWN;
		break;
	case CLIENT_DENIED:
		next = xasprintf("run it as root or as the owner of %s, or ask for "
				 "ControlGroup= in its supd.conf",
		    ctl->in.root);
		code = CTL_DENIED;
		break;
	case CLIENT_FOREIGN:
		next = xasprintf("look at who made %s/run; name the instance with -C if "
				 "you trust it",
		    ctl->in.root);
		code = CTL_DENIED;
		break;
	case CLIENT_TIMEOUT:
		next = xstrdup("what goes on in supd is on its stderr; a manager that "
			       "hangs is replaced by itself, so try again");
		code = CTL_TIMEOUT;
		break;
	case CLIENT_CLOSED:
		next = xstrdup("the manager was replaced or cut this connection; try "
			       "again");
		break;
	case CLIENT_PROTOCOL:
		next = xstrdup("compare `supctl version' with the supd that runs");
		break;
	case CLIENT_FAILED:
		break;
	}
	code = ctl_fail(ctl, code, "connection", next, "%s", why);
	free(next);
	return code;
}

int
ctl_error_status(const char *error)
{
	static const struct {
		const char *error;
		int status;
	} table[] = {
		{ "io.supd.Unit.NoSuchUnit", CTL_NO_UNIT },
		{ "io.supd.Unit.BadName", CTL_NO_UNIT },
		{ "io.supd.Unit.BadUnit", CTL_BAD_UNIT },
		{ "io.supd.Unit.Masked", CTL_BAD_UNIT },
		{ "io.supd.Unit.NotRunning", CTL_DOWN },
		{ "io.supd.Unit.WaitTimeout", CTL_TIMEOUT },
		{ "io.supd.Alert.NoSuchAlert", CTL_NO_UNIT },
		{ "io.supd.Digest.Nothing", CTL_NOTHING },
		{ "io.supd.Digest.TooEarly", CTL_EARLY },
		{ "io.supd.Manager.PermissionDenied", CTL_DENIED },
		{ "org.varlink.service.PermissionDenied", CTL_DENIED },
		{ "org.varlink.service.InvalidParameter", CTL_USAGE },
		{ "org.varlink.service.ExpectedMore", CTL_USAGE },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].error, error) == 0)
			return table[i].status;
	return CTL_FAILED;
}

/* but: what was said already; NULL: nothing. */
static void
put_list(struct ctl *ctl, const struct jv *list, const char *head, const char *but)
{
	char *line;
	size_t i;

	for (i = 0; i < jv_count(list); i++) {
		if (but != NULL && strstr(but, jv_str(jv_at(list, i), "")) != NULL)
			continue;
		line = xasprintf("%s%s", head, jv_str(jv_at(list, i), ""));
		ctl_note(ctl, "  ", line);
		free(line);
	}
}

/* The errors that every Varlink service can give carry no sentence of their own. */
static int
protocol_error(struct ctl *ctl, const struct reply *r, const char *name)
{
	if (strcmp(name, "MethodNotFound") == 0 ||
	    strcmp(name, "MethodNotImplemented") == 0 ||
	    strcmp(name, "InterfaceNotFound") == 0)
		return ctl_fail(ctl, CTL_FAILED, r->error,
		    "supctl call org.varlink.service.GetInfo lists what it knows; if it "
		    "is "
		    "older than supctl (supctl version), supctl reexec replaces it",
		    "the running supd does not know %s",
		    jv_str(jv_get(r->params, "method"),
			jv_str(jv_get(r->params, "interface"), "this call")));
	if (strcmp(name, "InvalidParameter") == 0)
		return ctl_fail(ctl, CTL_USAGE, r->error, NULL,
		    "supd does not accept the parameter %s",
		    jv_str(jv_get(r->params, "parameter"), "(unnamed)"));
	if (strcmp(name, "ExpectedMore") == 0)
		return ctl_fail(ctl, CTL_USAGE, r->error, "call it with --more",
		    "this method answers with a stream");
	if (strcmp(name, "PermissionDenied") == 0)
		return ctl_fail(
		    ctl, CTL_DENIED, r->error, NULL, "supd does not allow it");
	return ctl_fail(ctl, CTL_FAILED, r->error, NULL, "supd answered: %s", r->error);
}

int
ctl_error_reply(struct ctl *ctl, const struct reply *r)
{
	static const char varlink[] = "org.varlink.service.";
	const char *message = jv_str(jv_get(r->params, "message"), NULL);
	const char *next = jv_str(jv_get(r->params, "next"), NULL);
	const struct jv *nearest = jv_get(r->params, "nearest");
	char *hint = NULL;
	int code;

	if (message == NULL && strncmp(r->error, varlink, sizeof(varlink) - 1) == 0)
		return protocol_error(ctl, r, r->error + sizeof(varlink) - 1);
	if (next == NULL && jv_count(nearest) > 0)
		next = hint =
		    xasprintf("did you mean %s?", jv_str(jv_at(nearest, 0), ""));
	code = ctl_fail(ctl, ctl_error_status(r->error), r->error, next, "%s",
	    message == NULL ? r->error : message);
	put_list(ctl, jv_get(r->params, "diagnostics"), "", message);
	put_list(ctl, jv_get(r->params, "pending"), "not yet: ", NULL);
	free(hint);
	return code;
}

struct jw *
ctl_params(void)
{
	struct jw *w = jw_new(JW_COMPACT);

	jw_obj(w);
	return w;
}

void
ctl_param_units(struct jw *w, int argc, char **argv)
{
	int i;

	jw_kv_arr(w, "units");
	for (i = optind; i < argc; i++)
		jw_str(w, argv[i]);
	jw_end(w);
}

static void
finish_params(struct jw *w, struct buf *text)
{
	if (w == NULL)
		return;
	jw_end(w);
	jw_take(w, text);
	jw_free(w);
}

enum {
	RECONNECT_MS = 50,
	AGAIN_MAX = 8, /* what kills one manager may kill the next */
};
#define RECONNECT_US (15 * USEC_PER_SEC)

enum client_result
ctl_reconnect(struct ctl *ctl, struct buf *why)
{
	uint64_t deadline = clock_mono_us() + RECONNECT_US;
	enum client_result r;

	for (;;) {
		buf_clear(why);
		r = ctl_try_connect(ctl, why);
		if (r != CLIENT_DOWN || clock_mono_us() >= deadline)
			return r;
		poll(NULL, 0, RECONNECT_MS);
	}
}

/* Whether a method changes nothing, so that it can be asked again without a thought. */
static bool
is_question(const char *method)
{
	static const char *const questions[] = { "Status", "Version", "List", "Cat",
		"Show", "Tree", "IsEnabled", "History", "Wait", "WaitDrain", "Position",
		"Read", "Screen" };
	const char *name = strrchr(method, '.');
	size_t i;

	for (i = 0; name != NULL && i < sizeof(questions) / sizeof(questions[0]); i++)
		if (strcmp(name + 1, questions[i]) == 0)
			return true;
	return false;
}

/* CLIENT_TIMEOUT: supd does not answer.  On a connection of its own: the other waits. */
static enum client_result
ask_for_life(struct ctl *ctl, struct buf *why)
{
	uint64_t deadline_us = clock_mono_us() + QUESTION_US;
	struct client *c = NULL;
	struct reply reply = { 0 };
	enum client_result r = client_connect(&c, &ctl->in, deadline_us, why);

	if (r == CLIENT_OK)
		r = client_send(
		    c, "io.supd.Manager.Version", NULL, false, deadline_us, why);
	if (r == CLIENT_OK)
		r = client_receive(c, &reply, deadline_us, why);
	reply_clear(&reply);
	client_free(c);
	return r;
}

enum client_result
ctl_send(struct ctl *ctl, const char *method, const char *params, bool more,
    uint64_t deadline_us, struct buf *why)
{
	uint64_t most_us = clock_mono_us() + QUESTION_US;

	/* Taking a call is no work that could last. */
	return client_send(ctl->client, method, params, more,
	    deadline_us < most_us ? deadline_us : most_us, why);
}

enum client_result
ctl_receive(struct ctl *ctl, struct reply *out, uint64_t deadline_us, struct buf *why)
{
	uint64_t silence_us = SILENCE_US;
	enum client_result r;

	if (deadline_us != USEC_INFINITY)
		return client_receive(ctl->client, out, deadline_us, why);
	for (;;) {
		r = client_receive(ctl->client, out, clock_mono_us() + silence_us, why);
		if (r != CLIENT_TIMEOUT)
			return r;
		buf_clear(why);
		/* A manager that is replaced meanwhile closes the first connection. */
		if (ask_for_life(ctl, why) == CLIENT_TIMEOUT)
			return CLIENT_TIMEOUT;
		buf_clear(why);
		if (silence_us < SILENCE_MAX_US)
			silence_us *= 2;
	}
}

static enum client_result
call_once(struct ctl *ctl, const char *method, const char *params, bool more,
    uint64_t deadline_us, struct reply *out, struct buf *why)
{
	enum client_result r = ctl_try_connect(ctl, why);

	if (r == CLIENT_OK)
		r = ctl_send(ctl, method, params, more, deadline_us, why);
	if (r == CLIENT_OK)
		r = ctl_receive(ctl, out, deadline_us, why);
	if (r != CLIENT_OK)
		ctl_disconnect(ctl);
	return r;
}

enum client_result
ctl_call_quietly(struct ctl *ctl, const char *method, const char *params, bool more,
    uint64_t deadline_us, struct reply *out, struct buf *why)
{
	enum client_result r =
	    call_once(ctl, method, params, more, deadline_us, out, why);

	/* The manager died while it answered.  Its successor takes the connection. */
	if (r == CLIENT_CLOSED && is_question(method)) {
		buf_clear(why);
		r = call_once(ctl, method, params, more, deadline_us, out, why);
	}
	return r;
}

/* How a call is made: bits. */
enum { CALL_WAITS = 1 << 0, CALL_AGAIN = 1 << 1 };

static int
call(struct ctl *ctl, const char *method, struct jw *w, int how, struct reply *out)
{
	struct buf params = { 0 };
	struct buf why = { 0 };
	enum client_result r;
	uint64_t deadline;
	int code;

	finish_params(w, &params);
	code = ctl_instance(ctl);
	if (code == 0) {
		const char *text = params.len > 0 ? params.data : NULL;

		deadline = ctl_deadline(ctl, (how & CALL_WAITS) != 0);
		r = ctl_call_quietly(ctl, method, text, false, deadline, out, &why);
		for (int n = 0;
		     r == CLIENT_CLOSED && (how & CALL_AGAIN) != 0 && n < AGAIN_MAX;
		     n++) {
			r = ctl_reconnect(ctl, &why);
			if (r != CLIENT_OK)
				break;
			r = ctl_call_quietly(
			    ctl, method, text, false, deadline, out, &why);
		}
		code = ctl_client_failed(ctl, r, buf_str(&why));
	}
	if (code == 0 && out->error != NULL) {
		code = ctl_error_reply(ctl, out);
		reply_clear(out);
	}
	buf_free(&params);
	buf_free(&why);
	return code;
}

int
ctl_call(struct ctl *ctl, const char *method, struct jw *w, struct reply *out)
{
	return call(ctl, method, w, 0, out);
}

int
ctl_call_waiting(struct ctl *ctl, const char *method, struct jw *w, struct reply *out)
{
	return call(ctl, method, w, CALL_WAITS, out);
}

int
ctl_call_again(struct ctl *ctl, const char *method, struct jw *w, struct reply *out)
{
	return call(ctl, method, w, CALL_WAITS | CALL_AGAIN, out);
}

int
ctl_call_more(struct ctl *ctl, const char *method, struct jw *w, bool waiting,
    ctl_reply_fn *fn, void *arg)
{
	struct buf params = { 0 };
	struct buf why = { 0 };
	struct reply reply = { 0 };
	enum client_result r;
	bool last = false;
	int code, result = -1;

	finish_params(w, &params);
	code = ctl_instance(ctl);
	if (code != 0)
		goto out;
	r = ctl_call_quietly(ctl, method, params.len > 0 ? params.data : NULL, true,
	    ctl_deadline(ctl, waiting), &reply, &why);
	while (r == CLIENT_OK && !last && result == -1) {
		last = !reply.continues;
		if (reply.error != NULL)
			result = ctl_error_reply(ctl, &reply);
		else
			result = fn(ctl, reply.params, arg);
		reply_clear(&reply);
		if (!last && result == -1)
			r = ctl_receive(ctl, &reply, ctl_deadline(ctl, waiting), &why);
	}
	if (!last)
		ctl_disconnect(ctl); /* what would still come is not ours */
	code = result != -1 ? result : ctl_client_failed(ctl, r, buf_str(&why));
out:
	buf_free(&params);
	buf_free(&why);
	return code;
}

int
ctl_for_units(
    struct ctl *ctl, int argc, char **argv, const char *method, const char *done)
{
	struct reply r = { 0 };
	const struct jv *list;
	struct jw *w;
	int code = ctl_no_opts(ctl, argc, argv);

	if (code != 0)
		return code;
	w = ctl_params();
	if (optind < argc)
		ctl_param_units(w, argc, argv);
	code = ctl_call(ctl, method, w, &r);
	list = jv_get(r.params, done);
	if (code == 0 && ctl->json)
		ctl_json(ctl, list);
	for (size_t i = 0; code == 0 && i < jv_count(list); i++)
		ctl_say(ctl, "%s %s", done, jv_str(jv_at(list, i), "?"));
	reply_clear(&r);
	return code;
}

void
ctl_warn_late(struct ctl *ctl, const struct jv *unit)
{
	if (!jv_bool(jv_get(unit, "durable"), true))
		ctl_warn(ctl,
		    "%s: the disk did not take this wish in time; it holds while supd "
		    "lives",
		    jv_str(jv_get(unit, "unit"), "?"));
}

int
ctl_call_units(struct ctl *ctl, const char *method, struct jw *w, ctl_unit_fn *fn)
{
	struct reply r = { 0 };
	const struct jv *units;
	int code = ctl_call(ctl, method, w, &r);

	units = jv_get(r.params, "units");
	if (code == 0 && ctl->json)
		ctl_json(ctl, units);
	for (size_t i = 0; code == 0 && i < jv_count(units); i++) {
		fn(ctl, jv_at(units, i));
		ctl_warn_late(ctl, jv_at(units, i));
	}
	reply_clear(&r);
	return code;
}
