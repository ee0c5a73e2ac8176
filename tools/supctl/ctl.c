/* ctl: see the header. */
#include "ctl.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "unit/span.h"

enum {
	OPTS_MAX = 48,
	OPT_TIMEOUT = OPT_COMMON,
	OPT_RAW,
	OPT_COLOUR,
};

#define QUESTION_US (30 * USEC_PER_SEC)

const struct opt ctl_common_opts[] = {
	{ "directory", 'C', "DIR",
	    "the instance, instead of $SUPD_ROOT or the folder "
	    "here" },
	{ "json", 'j', NULL, "print JSON, for programs" },
	{ "quiet", 'q', NULL, "print errors only" },
	{ "timeout", OPT_TIMEOUT, "TIME", "how long to wait for an answer, \"10s\"" },
	{ "raw", OPT_RAW, NULL, "do not escape control characters (not on a terminal)" },
	{ "colour", OPT_COLOUR, "WHEN", "always, never or auto" },
	{ "help", 'h', NULL, "explain the command" },
	{ NULL, 0, NULL, NULL },
};

void
ctl_init(struct ctl *ctl)
{
	memset(ctl, 0, sizeof(*ctl));
	ctl->colour = -1;
	ctl->out_tty = isatty(STDOUT_FILENO) == 1;
	ctl->err_tty = isatty(STDERR_FILENO) == 1;
}

void
ctl_clear(struct ctl *ctl)
{
	ctl_disconnect(ctl);
	if (ctl->have_instance)
		instance_clear(&ctl->in);
	buf_free(&ctl->out);
}

void
ctl_terminal(struct ctl *ctl)
{
	const char *locale = getenv("LC_ALL");
	const char *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	struct winsize ws;

	if (ctl->out_tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0)
		ctl->width = ws.ws_col;
	if (ctl->out_tty)
		ctl->raw = false;
	if (ctl->colour == -1)
		ctl->colour = ctl->out_tty && (no_colour == NULL || *no_colour == '\0') &&
			      term != NULL && strcmp(term, "dumb") != 0;
	if (locale == NULL || *locale == '\0')
		locale = getenv("LC_CTYPE");
	if (locale == NULL || *locale == '\0')
		locale = getenv("LANG");
	ctl->utf8 = locale != NULL && (strcasestr(locale, "utf-8") != NULL ||
					  strcasestr(locale, "utf8") != NULL);
}

/* ---- options ---- */

static void
add_opts(struct option *longs, size_t *n, struct buf *shorts, const struct opt *o)
{
	for (; o != NULL && o->name != NULL && *n < OPTS_MAX - 1; o++, (*n)++) {
		longs[*n].name = o->name;
		longs[*n].has_arg = o->arg == NULL ? no_argument : required_argument;
		longs[*n].flag = NULL;
		longs[*n].val = o->id;
		if (o->id < OPT_LONG) {
			buf_addc(shorts, (char)o->id);
			if (o->arg != NULL)
				buf_addc(shorts, ':');
		}
	}
}

static int
common_opt(struct ctl *ctl, int id)
{
	switch (id) {
	case 'C':
		ctl->dir = optarg;
		return 0;
	case 'j':
		ctl->json = true;
		return 0;
	case 'q':
		ctl->quiet = true;
		return 0;
	case OPT_TIMEOUT:
		if (ctl_parse_span(ctl, "--timeout", optarg, &ctl->timeout_us) == -1)
			return -1;
		return 0;
	case OPT_RAW:
		ctl->raw = true;
		return 0;
	case OPT_COLOUR:
		if (strcmp(optarg, "always") == 0)
			ctl->colour = 1;
		else if (strcmp(optarg, "never") == 0)
			ctl->colour = 0;
		else if (strcmp(optarg, "auto") == 0)
			ctl->colour = -1;
		else {
			ctl_usage(ctl, "--colour is always, never or auto");
			return -1;
		}
		return 0;
	default:
		return 1;
	}
}

int
ctl_getopt(struct ctl *ctl, int argc, char **argv)
{
	struct option longs[OPTS_MAX];
	struct buf shorts = { 0 };
	size_t n = 0;
	int id, r;

	memset(longs, 0, sizeof(longs));
	buf_adds(&shorts, ctl->cmd->words == WORDS_PROGRAM ? "+:" : ":");
	add_opts(longs, &n, &shorts, ctl->cmd->opts);
	add_opts(longs, &n, &shorts, ctl_common_opts);
	for (;;) {
		id = getopt_long(argc, argv, buf_str(&shorts), longs, NULL);
		if (id == -1)
			break;
		if (id == ':' || id == '?') {
			if (id == ':')
				ctl_usage(
				    ctl, "option %s needs an argument", argv[optind - 1]);
			else if (optopt > 0 && optopt < OPT_LONG)
				ctl_usage(ctl, "unknown option -%c", optopt);
			else
				ctl_usage(
				    ctl, "option %s is not known here", argv[optind - 1]);
			id = '?';
			break;
		}
		if (id == 'h') {
			buf_free(&shorts);
			ctl_help(ctl, ctl->cmd);
			exit(ctl_flush(ctl) ? CTL_OK : CTL_FAILED);
		}
		r = common_opt(ctl, id);
		if (r == -1) {
			id = '?';
			break;
		}
		if (r == 1)
			break;
	}
	buf_free(&shorts);
	if (id == -1)
		ctl_terminal(ctl);
	return id;
}

int
ctl_no_opts(struct ctl *ctl, int argc, char **argv)
{
	if (ctl_getopt(ctl, argc, argv) != -1)
		return CTL_USAGE;
	return ctl_words(ctl, argc);
}

int
ctl_words(struct ctl *ctl, int argc)
{
	size_t n = (size_t)(argc - optind);

	if (n < ctl->cmd->min)
		return ctl_usage(ctl, n == 0 ? "something is missing" : "too few words");
	if (n > ctl->cmd->max)
		return ctl_usage(ctl, "too many words");
	return 0;
}

int
ctl_usage(struct ctl *ctl, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	ctl_warn(ctl, "%s", text);
	free(text);
	if (ctl->cmd != NULL)
		fprintf(stderr, "usage: supctl %s%s%s\nSee: supctl help %s\n",
		    ctl->cmd->name, *ctl->cmd->words_usage == '\0' ? "" : " ",
		    ctl->cmd->words_usage, ctl->cmd->name);
	return CTL_USAGE;
}

int
ctl_parse_span(struct ctl *ctl, const char *what, const char *text, uint64_t *us)
{
	uint64_t v;

	if (span_parse(text, USEC_PER_SEC, &v) == 0 && v > 0) {
		*us = v;
		return 0;
	}
	ctl_usage(ctl, "%s: \"%s\" is no time; write for example 30s or \"1min 30s\"",
	    what, text);
	return -1;
}

int
ctl_parse_number(
    struct ctl *ctl, const char *what, const char *text, uint64_t max, uint64_t *out)
{
	if (number_parse(text, max, out) == 0)
		return 0;
	ctl_usage(ctl, "%s: \"%s\" is no number up to %llu", what, text,
	    (unsigned long long)max);
	return -1;
}

/* ---- output ---- */

void
ctl_printf(struct ctl *ctl, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&ctl->out, fmt, ap);
	va_end(ap);
}

void
ctl_put(struct ctl *ctl, const char *text)
{
	if (ctl->raw)
		buf_adds(&ctl->out, text);
	else
		utf8_escape_buf(&ctl->out, text, strlen(text));
}

bool
ctl_colour(const struct ctl *ctl)
{
	return ctl->colour == 1;
}

void
ctl_style(struct ctl *ctl, enum style style, const char *text)
{
	text_styled(&ctl->out, ctl_colour(ctl), style, text);
}

void
ctl_columns(struct ctl *ctl, const struct columns *t, bool head)
{
	columns_write(t, &ctl->out, ctl->width, ctl_colour(ctl), head);
}

struct jw *
ctl_json_new(const struct ctl *ctl)
{
	return jw_new(ctl->out_tty ? JW_PRETTY : JW_COMPACT);
}

void
ctl_json_take(struct ctl *ctl, struct jw *w)
{
	jw_take(w, &ctl->out);
	jw_free(w);
	if (ctl->out.len > 0 && ctl->out.data[ctl->out.len - 1] != '\n')
		buf_addc(&ctl->out, '\n');
}

void
ctl_json(struct ctl *ctl, const struct jv *v)
{
	struct jw *w = ctl_json_new(ctl);

	jv_write(v, w);
	ctl_json_take(ctl, w);
}

bool
ctl_flush(struct ctl *ctl)
{
	if (ctl->out.len > 0 && !ctl->out_failed &&
	    full_write(STDOUT_FILENO, ctl->out.data, ctl->out.len) == -1) {
		ctl->out_failed = true;
		if (errno != EPIPE)
			ctl_warn(ctl, "writing: %s", strerror(errno));
	}
	buf_clear(&ctl->out);
	return !ctl->out_failed;
}

void
ctl_say(struct ctl *ctl, const char *fmt, ...)
{
	char *text;
	va_list ap;

	if (!ctl->out_tty || ctl->quiet || ctl->json)
		return;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	utf8_escape_buf(&ctl->out, text, strlen(text));
	buf_addc(&ctl->out, '\n');
	free(text);
}

static void
put_stderr(const char *prefix, const char *text)
{
	struct buf line = { 0 };

	buf_adds(&line, prefix);
	utf8_escape_buf(&line, text, strlen(text));
	buf_addc(&line, '\n');
	/* Where stderr cannot be written there is nobody to tell. */
	(void)full_write(STDERR_FILENO, line.data, line.len);
	buf_free(&line);
}

void
ctl_warn(struct ctl *ctl, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	if (ctl->out.len > 0)
		ctl_flush(ctl);
	put_stderr("supctl: ", text);
	free(text);
}

void
ctl_note(struct ctl *ctl, const char *head, const char *text)
{
	if (ctl->out.len > 0)
		ctl_flush(ctl);
	put_stderr(head, text);
}

int
ctl_fail(
    struct ctl *ctl, int code, const char *error, const char *next, const char *fmt, ...)
{
	struct jw *w;
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	if (ctl->json) {
		w = ctl_json_new(ctl);
		jw_obj(w);
		jw_kv_str(w, "error", error);
		jw_kv_str(w, "message", text);
		jw_kv_str(w, "next", next);
		jw_kv_i64(w, "exit_code", code);
		jw_end(w);
		ctl_json_take(ctl, w);
	}
	ctl_warn(ctl, "%s", text);
	if (next != NULL && *next != '\0')
		put_stderr("  next: ", next);
	free(text);
	return code;
}

/* ---- the server ---- */

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

uint64_t
ctl_deadline(const struct ctl *ctl, bool waiting)
{
	if (ctl->timeout_us != 0)
		/* The server keeps the time; this is for when it does not. */
		return clock_add_us(clock_mono_us(),
		    clock_add_us(ctl->timeout_us, waiting ? 5 * USEC_PER_SEC : 0));
	return waiting ? USEC_INFINITY : clock_mono_us() + QUESTION_US;
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

static void
put_list(const struct jv *list, const char *head)
{
	char *line;
	size_t i;

	for (i = 0; i < jv_count(list); i++) {
		line = xasprintf("%s%s", head, jv_str(jv_at(list, i), ""));
		put_stderr("  ", line);
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
	put_list(jv_get(r->params, "diagnostics"), "");
	put_list(jv_get(r->params, "pending"), "not yet: ");
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

enum client_result
ctl_call_quietly(struct ctl *ctl, const char *method, const char *params, bool more,
    uint64_t deadline_us, struct reply *out, struct buf *why)
{
	enum client_result r = ctl_try_connect(ctl, why);

	if (r == CLIENT_OK)
		r = client_send(ctl->client, method, params, more, deadline_us, why);
	if (r == CLIENT_OK)
		r = client_receive(ctl->client, out, deadline_us, why);
	if (r != CLIENT_OK)
		ctl_disconnect(ctl);
	return r;
}

static int
call(struct ctl *ctl, const char *method, struct jw *w, bool waiting, struct reply *out)
{
	struct buf params = { 0 };
	struct buf why = { 0 };
	enum client_result r;
	int code;

	finish_params(w, &params);
	code = ctl_instance(ctl);
	if (code == 0) {
		r = ctl_call_quietly(ctl, method, params.len > 0 ? params.data : NULL,
		    false, ctl_deadline(ctl, waiting), out, &why);
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
	return call(ctl, method, w, false, out);
}

int
ctl_call_waiting(struct ctl *ctl, const char *method, struct jw *w, struct reply *out)
{
	return call(ctl, method, w, true, out);
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
			r = client_receive(
			    ctl->client, &reply, ctl_deadline(ctl, waiting), &why);
	}
	if (!last)
		ctl_disconnect(ctl); /* what would still come is not ours */
	code = result != -1 ? result : ctl_client_failed(ctl, r, buf_str(&why));
out:
	buf_free(&params);
	buf_free(&why);
	return code;
}

/* ---- how things are shown ---- */

char *
ctl_time(char *dst, size_t size, const char *utc)
{
	uint64_t us;
	char *t;

	if (utc == NULL || clock_parse(utc, &us) == -1) {
		snprintf(dst, size, "%s", utc == NULL ? "-" : utc);
		return dst;
	}
	clock_format_local(dst, size, us);
	t = strchr(dst, 'T');
	if (t != NULL)
		*t = ' ';
	return dst;
}

uint64_t
ctl_age_us(const char *utc)
{
	uint64_t now = clock_wall_us();
	uint64_t us;

	if (utc == NULL || clock_parse(utc, &us) == -1 || us > now)
		return 0;
	return now - us;
}

char *
ctl_bytes(char *dst, size_t size, int64_t bytes)
{
	static const char units[] = "BKMGTP";
	double v = (double)bytes;
	size_t i = 0;

	while (v >= 1024 && units[i + 1] != '\0') {
		v /= 1024;
		i++;
	}
	snprintf(dst, size, i == 0 || v >= 100 ? "%.0f%c" : "%.1f%c", v, units[i]);
	return dst;
}

enum style
ctl_state_style(const char *state)
{
	if (strcmp(state, "active") == 0)
		return STYLE_GREEN;
	if (strcmp(state, "failed") == 0)
		return STYLE_RED;
	if (strcmp(state, "inactive") == 0)
		return STYLE_NONE;
	return STYLE_YELLOW;
}

const char *
ctl_state_dot(const struct ctl *ctl, const char *state)
{
	if (strcmp(state, "failed") == 0)
		return ctl->utf8 ? "×" : "x";
	if (strcmp(state, "inactive") == 0)
		return ctl->utf8 ? "○" : "o";
	if (strcmp(state, "active") == 0)
		return ctl->utf8 ? "●" : "*";
	return ctl->utf8 ? "◐" : "~";
}
