/*
 * input: scripts of what happens to a queue, and what it does then.
 *
 * A script is words; what the queue writes, asks and reports is collected as one line of
 * text.  Each write must follow its record (intent before deed).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/utf8.h"
#include "manager/session/input.h"

static const char *const state_names[SESSION_NSTATES] = { "unknown", "starting",
	"working", "idle", "waiting", "limited", "stuck" };

struct desk {
	struct input *q;
	struct session_conf conf;
	struct buf said;
	struct buf records; /* one JSON object a line */
	uint64_t mono_us, wall_us, due_us;
	uint64_t ids;
	uint64_t id; /* of the last write */
	uint32_t step;
	uint64_t intent_id;
	uint32_t intent_step;
	bool full;    /* nothing can be recorded */
	bool at_once; /* writes are taken before they return */
	bool cut;     /* nothing can be sent */
};

static uint64_t
desk_clock(enum clock_kind kind, void *arg)
{
	const struct desk *d = arg;

	return kind == CLOCK_KIND_WALL ? d->wall_us : d->mono_us;
}

static void
say(struct desk *d, const char *fmt, ...)
{
	va_list ap;

	if (d->said.len > 0)
		buf_adds(&d->said, "; ");
	va_start(ap, fmt);
	buf_vaddf(&d->said, fmt, ap);
	va_end(ap);
}

static uint64_t
on_id(void *arg)
{
	return ++((struct desk *)arg)->ids;
}

static bool
on_journal(void *arg, const struct input_entry *e, enum input_record record)
{
	struct desk *d = arg;
	struct jw *w;

	if (d->full)
		return false;
	w = jw_new(JW_COMPACT);
	jw_obj(w);
	input_write_entry(e, w, record == INPUT_RECORD_QUEUED);
	jw_end(w);
	jw_take(w, &d->records);
	jw_free(w);
	buf_addc(&d->records, '\n');
	if (record == INPUT_RECORD_STEP) {
		d->intent_id = e->id;
		d->intent_step = e->step;
	}
	return true;
}

static bool
on_write(void *arg, uint64_t id, uint32_t step, enum input_write what, const char *data,
    size_t len)
{
	static const char *const names[] = { "clear", "text", "paste", "enter" };
	struct desk *d = arg;
	char shown[256];

	assert_int_equal(id, d->intent_id);
	assert_int_equal(step, d->intent_step);
	if (d->cut) {
		say(d, "cut");
		return false;
	}
	utf8_escape(shown, sizeof(shown), data, len);
	if (what == INPUT_WRITE_ENTER)
		say(d, "%u.%u enter", (unsigned)id, step);
	else
		say(d, "%u.%u %s %s", (unsigned)id, step, names[what], shown);
	d->id = id;
	d->step = step;
	if (d->at_once)
		input_taken(d->q, id, step);
	return true;
}

static void
on_ask(void *arg)
{
	say(arg, "ask");
}

static void
on_result(void *arg, const struct input_entry *e)
{
	say(arg, "%u %s", (unsigned)e->id, input_result_name(e->result));
	if (e->reason != NULL && e->result == INPUT_REFUSED)
		say(arg, "(%s)", e->reason);
}

static void
on_arm(void *arg, uint64_t due_us)
{
	((struct desk *)arg)->due_us = due_us;
}

static const struct input_ops desk_ops = { on_id, on_journal, on_write, on_ask, on_result,
	on_arm, NULL };

static void
desk_queue(struct desk *d)
{
	struct input_ops ops = desk_ops;

	ops.arg = d;
	d->due_us = UNIT_INFINITY;
	d->q = input_new(&d->conf, &ops);
}

/* Time passes, with the timer. */
static void
pass(struct desk *d, uint64_t us)
{
	uint64_t end = d->mono_us + us;

	while (d->due_us <= end) {
		uint64_t step = d->due_us > d->mono_us ? d->due_us - d->mono_us : 0;

		d->mono_us += step;
		d->wall_us += step;
		d->due_us = UNIT_INFINITY;
		input_tick(d->q);
	}
	d->wall_us += end - d->mono_us;
	d->mono_us = end;
}

static struct jv *
parse(const char *text, size_t len)
{
	struct json_err err;
	struct jv *v = jv_parse(text, len, &err);

	if (v == NULL)
		fail_msg("%s in %.*s", err.text, (int)len, text);
	return v;
}

/* The manager dies, and another one has the snapshot or what was recorded. */
static void
another_manager(struct desk *d, bool snapshot)
{
	struct json_err err;
	struct buf b = { 0 };

	if (snapshot) {
		struct jw *w = jw_new(JW_COMPACT);

		jw_obj(w);
		input_write_all(d->q, w);
		jw_end(w);
		jw_take(w, &b);
		jw_free(w);
	} else {
		buf_append(&b, buf_str(&d->records), d->records.len);
	}
	input_free(d->q);
	desk_queue(d);
	for (char *line = b.data, *end; line != NULL && *line != '\0'; line = end) {
		struct jv *v;

		end = line + strcspn(line, "\n");
		v = parse(line, (size_t)(end - line));
		if ((snapshot ? input_restore(d->q, v, &err)
			      : input_restore_entry(d->q, v, &err)) == -1)
			fail_msg("%s", err.text);
		jv_free(v);
		end += *end == '\n';
	}
	buf_free(&b);
}

/* send:TEXT:WORD:…; flags by name, slot=NAME, when=STATE, for=MS, by=WHO. */
static void
send(struct desk *d, const char *what)
{
	struct input_request r = { .flags = INPUT_ENTER | INPUT_CONFIRM,
		.sender = "test" };
	struct strv w = { 0 };
	const char *why;
	struct buf text = { 0 };

	strv_split(&w, what, ":");
	for (const char *p = w.n > 0 ? w.v[0] : ""; *p != '\0'; p++)
		buf_addc(&text, *p == '|' ? '\n' : *p == '^' ? '\033' : *p);
	for (uint32_t i = 1; i < w.n; i++) {
		const char *o = w.v[i];

		if (strcmp(o, "replace") == 0)
			r.flags |= INPUT_REPLACE;
		else if (strcmp(o, "keys") == 0)
			r.flags = (r.flags | INPUT_KEYS) &
				  ~(uint32_t)(INPUT_ENTER | INPUT_CONFIRM);
		else if (strcmp(o, "now") == 0)
			r.flags |= INPUT_NOW;
		else if (strcmp(o, "force") == 0)
			r.flags |= INPUT_FORCE;
		else if (strcmp(o, "plain") == 0)
			r.flags &= ~(uint32_t)INPUT_CONFIRM;
		else if (strncmp(o, "slot=", 5) == 0)
			r.slot = o + 5;
		else if (strncmp(o, "for=", 4) == 0)
			r.expire_wall_us = d->wall_us + 1000 * strtoull(o + 4, NULL, 10);
		else if (strcmp(o, "when=working") == 0)
			r.when = SESSION_STATE_BIT(SESSION_WORKING);
		else
			fail_msg("no such word: %s", o);
	}
	r.data = buf_str(&text);
	r.len = text.len;
	if (input_enqueue(d->q, &r, &why) == 0)
		say(d, "no: %s", why);
	buf_free(&text);
	strv_free(&w);
}

static void
state(struct desk *d, const char *name)
{
	for (int i = 0; i < SESSION_NSTATES; i++)
		if (strcmp(state_names[i], name) == 0) {
			input_state(d->q, (enum session_state)i);
			return;
		}
	fail_msg("no such state: %s", name);
}

static void
word(struct desk *d, const char *w)
{
	const char *arg = strchr(w, ':');
	size_t n = arg != NULL ? (size_t)(arg - w) : strlen(w);

	arg = arg != NULL ? arg + 1 : "";
#define IS(s) (n == sizeof(s) - 1 && strncmp(w, s, n) == 0)
	if (IS("idle-session")) {
		input_writer_up(d->q);
		input_started(d->q);
		input_state(d->q, SESSION_IDLE);
	} else if (IS("start")) {
		input_started(d->q);
	} else if (IS("ready")) {
		input_ready(d->q, arg);
	} else if (IS("send")) {
		send(d, arg);
	} else if (IS("taken")) {
		input_taken(d->q, d->id, d->step);
	} else if (IS("stale")) {
		input_taken(d->q, d->id, d->step - 1);
	} else if (IS("last")) {
		input_answered(d->q, INPUT_ANSWER_LAST, d->id, d->step);
	} else if (IS("not-taken")) {
		input_answered(d->q, INPUT_ANSWER_LAST, d->id, d->step - 1);
	} else if (IS("doubt")) {
		input_answered(d->q, INPUT_ANSWER_DOUBT, d->id, d->step);
	} else if (IS("lost")) {
		input_answered(d->q, INPUT_ANSWER_LOST, 0, 0);
	} else if (IS("never")) {
		input_answered(d->q, INPUT_ANSWER_NEVER, d->id, d->step - 1);
	} else if (IS("more")) {
		input_answered(d->q, INPUT_ANSWER_LAST, d->id, d->step + 1);
	} else if (IS("shown")) {
		input_shown(d->q, d->id);
	} else if (IS("wait")) {
		pass(d, 1000 * strtoull(arg, NULL, 10));
	} else if (IS("draft")) {
		input_draft(d->q, true);
	} else if (IS("no-draft")) {
		input_draft(d->q, false);
	} else if (IS("password")) {
		input_password(d->q, true);
	} else if (IS("no-password")) {
		input_password(d->q, false);
	} else if (IS("down")) {
		input_writer_down(d->q);
	} else if (IS("up")) {
		input_writer_up(d->q);
	} else if (IS("ends")) {
		input_ended(d->q, false);
	} else if (IS("crashes")) {
		input_ended(d->q, true);
	} else if (IS("full")) {
		d->full = true;
	} else if (IS("room")) {
		d->full = false;
	} else if (IS("cut")) {
		d->cut = true;
	} else if (IS("mended")) {
		d->cut = false;
	} else if (IS("auto")) {
		d->at_once = true;
	} else if (IS("snapshot")) {
		another_manager(d, true);
	} else if (IS("replay")) {
		another_manager(d, false);
	} else if (IS("again")) { /* said to a new manager */
		input_started(d->q);
		input_state(d->q, SESSION_IDLE);
		input_writer_up(d->q);
	} else {
		state(d, w);
	}
#undef IS
}

struct script {
	const char *what; /* the words; a script of the table below in brackets: */
	const char *does;
	const char *initial;
};

static void
play(const struct script *s)
{
	struct desk d = { .mono_us = 5 * USEC_PER_SEC, .wall_us = USEC_PER_DAY };
	struct strv words = { 0 };
	char initial[64] = "", clear[] = "C-u";

	if (s->initial != NULL)
		snprintf(initial, sizeof(initial), "%s", s->initial);
	d.conf = (struct session_conf){
		.initial_input = initial,
		.pending_start_us = 5 * USEC_PER_MINUTE,
		.input_debounce_us = 100 * USEC_PER_MSEC,
		.input_clear = clear,
		.input_when = SESSION_STATE_BIT(SESSION_IDLE),
		.input_expire_us = 10 * USEC_PER_MINUTE,
		.input_confirm_us = 2 * USEC_PER_SEC,
		.input_retries = 2,
	};
	clock_set_source(desk_clock, &d);
	desk_queue(&d);
	strv_split(&words, s->what, " ");
	for (uint32_t i = 0; i < words.n; i++)
		word(&d, words.v[i]);
	if (strcmp(buf_str(&d.said), s->does) != 0)
		fail_msg("%s\ndoes %s\nnot  %s", s->what, buf_str(&d.said), s->does);
	clock_set_source(NULL, NULL);
	input_free(d.q);
	buf_free(&d.said);
	buf_free(&d.records);
	strv_free(&words);
}

static void
play_all(const struct script *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		play(&s[i]);
}
#define PLAY(table) play_all(table, sizeof(table) / sizeof((table)[0]))

static void
delivers(void **st)
{
	static const struct script t[] = {
		/* P1: text and Enter are two writes, with the debounce between them. */
		{ "idle-session send:hello wait:500", "1.1 text hello", NULL },
		{ "idle-session send:hello taken wait:99", "1.1 text hello", NULL },
		{ "idle-session send:hello taken wait:100", "1.1 text hello; 1.2 enter",
		    NULL },
		/* P2, B15: the clear key, 50 ms, the text. */
		{ "idle-session send:x:replace taken wait:49", "1.1 clear C-u", NULL },
		{ "idle-session send:x:replace taken wait:50 taken wait:100",
		    "1.1 clear C-u; 1.2 text x; 1.3 enter", NULL },
		/* The screen shows it, or the session begins to work. */
		{ "idle-session auto send:x wait:200 shown",
		    "1.1 text x; 1.2 enter; 1 confirmed", NULL },
		{ "idle-session auto send:x wait:200 working",
		    "1.1 text x; 1.2 enter; 1 confirmed", NULL },
		{ "idle-session auto send:x wait:200 waiting wait:5000",
		    "1.1 text x; 1.2 enter; 1 delivered", NULL },
		/* Only Enter, so often; then it says honestly what it knows. */
		{ "idle-session auto send:x wait:2099", "1.1 text x; 1.2 enter", NULL },
		{ "idle-session auto send:x wait:60000",
		    "1.1 text x; 1.2 enter; 1.3 enter; 1.4 enter; 1 delivered", NULL },
		{ "idle-session auto send:x wait:2200 shown",
		    "1.1 text x; 1.2 enter; 1.3 enter; 1 confirmed", NULL },
		{ "idle-session auto send:x:plain wait:200",
		    "1.1 text x; 1.2 enter; 1 delivered", NULL },
		/* Shown too early is not shown. */
		{ "idle-session send:x shown taken shown wait:100 shown taken",
		    "1.1 text x; 1.2 enter", NULL },
		/* Keys are as they are, and have no Enter. */
		{ "idle-session auto send:^x:keys", "1.1 text \\ex; 1 delivered", NULL },
		{ "idle-session auto send: wait:9000",
		    "1.1 enter; 1.2 enter; 1.3 enter; 1 delivered", NULL },
		/* One at a time, in their order. */
		{ "idle-session auto send:a:plain send:b:plain wait:100",
		    "1.1 text a; 1.2 enter; 1 delivered; 2.1 text b", NULL },
	};

	(void)st;
	PLAY(t);
}

static void
pastes(void **st)
{
	static const struct script t[] = {
		{ "idle-session send:a|b", "1.1 paste a\\nb", NULL },
		{ "idle-session send:ab", "1.1 text ab", NULL },
		{ "idle-session send:a|b:keys", "1.1 text a\\nb", NULL },
		/* What could end the paste is no text. */
		{ "idle-session send:a|^[201~b",
		    "no: it has control characters: send them as keys", NULL },
	};

	(void)st;
	PLAY(t);
}

static void
waits_for_the_state(void **st)
{
	static const struct script t[] = {
		{ "idle-session working send:x", "", NULL },
		{ "idle-session working send:x wait:100 idle", "1.1 text x", NULL },
		{ "idle-session send:x:when=working", "", NULL },
		{ "idle-session send:x:when=working working", "1.1 text x", NULL },
		/* It does not run: that it was idle once is nothing. */
		{ "up idle send:x", "", NULL },
		/* The echo looks like work; a question does not. */
		{ "idle-session send:x taken working wait:100", "1.1 text x; 1.2 enter",
		    NULL },
		{ "idle-session send:x taken waiting wait:9000", "1.1 text x", NULL },
		{ "idle-session send:x taken waiting wait:9000 idle",
		    "1.1 text x; 1.2 enter", NULL },
		/* Not where something else asks when it is pressed again. */
		{ "idle-session auto send:x wait:200 waiting wait:9000",
		    "1.1 text x; 1.2 enter; 1 delivered", NULL },
		/* Cleared, and then it is not the moment: cleared again. */
		{ "idle-session send:x:replace taken working wait:60 idle",
		    "1.1 clear C-u; 1.2 clear C-u", NULL },
		{ "idle-session password send:x", "1 refused; (a password is asked for)",
		    NULL },
		{ "idle-session password send:x:force", "1.1 text x", NULL },
		{ "idle-session send:x taken password wait:200 no-password",
		    "1.1 text x; 1.2 enter", NULL },
	};

	(void)st;
	PLAY(t);
}

static void
minds_a_draft(void **st)
{
	static const struct script t[] = {
		{ "idle-session draft send:x wait:9000", "", NULL },
		{ "idle-session draft send:x wait:100 no-draft", "1.1 text x", NULL },
		{ "idle-session draft send:x:replace:now wait:9000", "", NULL },
		{ "idle-session draft send:x:now wait:9000", "", NULL },
		/* Between the clear key and the text. */
		{ "idle-session send:x:replace taken draft wait:9000", "1.1 clear C-u",
		    NULL },
		{ "idle-session send:x:replace draft taken wait:9000 no-draft",
		    "1.1 clear C-u; 1.2 clear C-u", NULL },
		/* Into the middle: the line is theirs. */
		{ "idle-session send:x draft taken no-draft wait:9000",
		    "1.1 text x; 1 uncertain", NULL },
		{ "idle-session send:x taken draft", "1.1 text x; 1 uncertain", NULL },
		{ "idle-session auto send:x wait:100 draft no-draft wait:9000",
		    "1.1 text x; 1.2 enter; 1 delivered", NULL },
		/* Keys of a person are beside a draft, never over it. */
		{ "idle-session draft auto send:^:keys:now", "1.1 text \\e; 1 delivered",
		    NULL },
		{ "idle-session draft send:y:keys:now:replace", "", NULL },
		{ "idle-session draft send:^:keys", "", NULL },
	};

	(void)st;
	PLAY(t);
}

static void
coalesces(void **st)
{
	static const struct script t[] = {
		{ "idle-session working send:a:slot=s send:b:slot=s idle",
		    "1 superseded; 2.1 text b", NULL },
		/* In the place of the older one. */
		{ "idle-session auto working send:a:slot=s send:m:plain "
		  "send:b:slot=s:plain "
		  "idle wait:200",
		    "1 superseded; 3.1 text b; 3.2 enter; 3 delivered; 2.1 text m; 2.2 "
		    "enter; "
		    "2 delivered",
		    NULL },
		{ "idle-session working send:a:slot=s send:b:slot=t idle", "1.1 text a",
		    NULL },
		/* Not what was begun. */
		{ "idle-session send:a:slot=s send:b:slot=s", "1.1 text a", NULL },
		{ "idle-session send:a:slot=initial",
		    "no: this slot is kept for InitialInput=", NULL },
	};

	(void)st;
	PLAY(t);
}

static void
now(void **st)
{
	static const struct script t[] = {
		{ "idle-session auto working send:a send:^:keys:now",
		    "2.1 text \\e; 2 delivered", NULL },
		/* Not into a delivery, but instead of its waiting. */
		{ "idle-session send:a send:^:keys:now", "1.1 text a", NULL },
		{ "idle-session send:a taken send:^:keys:now wait:99", "1.1 text a",
		    NULL },
		{ "idle-session send:a taken waiting wait:200 send:^:keys:now",
		    "1.1 text a; 1 uncertain; 2.1 text \\e", NULL },
		{ "idle-session auto send:a wait:200 send:^:keys:now",
		    "1.1 text a; 1.2 enter; 1 delivered; 2.1 text \\e; 2 delivered",
		    NULL },
		/* Keys before text, also when it was cleared for it already. */
		{ "idle-session send:a:replace taken draft send:^:keys:now",
		    "1.1 clear C-u; 2.1 text \\e", NULL },
		{ "send:^:keys:now", "no: the session does not run", NULL },
		{ "idle-session working send:x:now", "1.1 text x", NULL },
	};

	(void)st;
	PLAY(t);
}

static void
expires(void **st)
{
	static const struct script t[] = {
		{ "idle-session working send:x:for=500 wait:499", "", NULL },
		{ "idle-session working send:x:for=500 wait:500", "1 expired", NULL },
		{ "idle-session working send:x wait:600000 idle", "1 expired", NULL },
		{ "idle-session working send:a send:x:for=500 wait:500 idle",
		    "2 expired; 1.1 text a", NULL },
		/* What stands in the prompt did not just expire. */
		{ "idle-session send:x:for=500 taken waiting wait:500",
		    "1.1 text x; 1 uncertain", NULL },
		/* The writer has it: its answer is waited for. */
		{ "idle-session send:x:for=500 wait:9000", "1.1 text x", NULL },
		{ "idle-session send:x:for=500 wait:9000 not-taken",
		    "1.1 text x; 1 expired", NULL },
	};

	(void)st;
	PLAY(t);
}

static void
writer_dies(void **st)
{
	static const struct script t[] = {
		{ "idle-session send:x down up", "1.1 text x; ask", NULL },
		{ "idle-session send:x down up doubt wait:9000",
		    "1.1 text x; ask; 1 uncertain", NULL },
		{ "idle-session send:x down up last wait:100",
		    "1.1 text x; ask; 1.2 enter", NULL },
		{ "idle-session send:x down up lost", "1.1 text x; ask; 1 uncertain",
		    NULL },
		/* The same step by the same number. */
		{ "idle-session send:x down up not-taken wait:999", "1.1 text x; ask",
		    NULL },
		{ "idle-session send:x down up not-taken wait:1000",
		    "1.1 text x; ask; 1.1 text x", NULL },
		{ "idle-session send:x:replace taken wait:50 down up not-taken wait:1000",
		    "1.1 clear C-u; 1.2 text x; ask; 1.2 text x", NULL },
		{ "idle-session send:x taken wait:100 not-taken wait:1000 taken "
		  "wait:2000",
		    "1.1 text x; 1.2 enter; 1.2 enter; 1.3 enter", NULL },
		{ "idle-session send:x taken wait:100 doubt",
		    "1.1 text x; 1.2 enter; 1 uncertain", NULL },
		/* Twice: it is asked twice. */
		{ "idle-session send:x down up down up", "1.1 text x; ask; ask", NULL },
		{ "idle-session send:x taken down wait:9000", "1.1 text x", NULL },
		{ "idle-session send:x taken down wait:9000 up", "1.1 text x; 1.2 enter",
		    NULL },
		{ "idle-session down send:x", "", NULL },
		/* What could not even be sent. */
		{ "idle-session cut send:x wait:999 mended wait:1", "cut; 1.1 text x",
		    NULL },
		{ "idle-session send:x:replace taken cut wait:50 mended wait:1000 taken",
		    "1.1 clear C-u; cut; 1.2 text x", NULL },
		{ "idle-session send:x taken cut wait:100 mended wait:1000",
		    "1.1 text x; cut; 1.2 enter", NULL },
		{ "idle-session cut send:x:for=500 wait:500", "cut; 1 expired", NULL },
		/* And what can never be written. */
		{ "idle-session send:x never wait:9000",
		    "1.1 text x; 1 refused; (a line of it is longer than the program can "
		    "read)",
		    NULL },
		{ "idle-session send:x taken never wait:100", "1.1 text x; 1.2 enter",
		    NULL },
		/* Late words change nothing. */
		{ "idle-session send:x taken wait:100 stale stale",
		    "1.1 text x; 1.2 enter", NULL },
	};

	(void)st;
	PLAY(t);
}

static void
manager_dies(void **st)
{
	static const struct script t[] = {
		{ "idle-session working send:x snapshot again", "ask", NULL },
		{ "idle-session working send:x replay again lost", "ask; 1.1 text x",
		    NULL },
		{ "idle-session send:x replay again", "1.1 text x; ask", NULL },
		{ "idle-session send:x replay again last wait:100",
		    "1.1 text x; ask; 1.2 enter", NULL },
		{ "idle-session send:x snapshot again doubt wait:9000",
		    "1.1 text x; ask; 1 uncertain", NULL },
		{ "idle-session send:x snapshot again not-taken wait:1000",
		    "1.1 text x; ask; 1.1 text x", NULL },
		{ "idle-session send:x taken replay again last wait:100",
		    "1.1 text x; ask; 1.2 enter", NULL },
		{ "idle-session send:x taken wait:100 replay again last wait:2000",
		    "1.1 text x; 1.2 enter; ask; 1.3 enter", NULL },
		/* Less was recorded than done, as after a torn disk. */
		{ "idle-session send:x snapshot again more",
		    "1.1 text x; ask; 1 uncertain", NULL },
		/* What was over is not there again. */
		{ "idle-session auto send:x:plain wait:100 replay again",
		    "1.1 text x; 1.2 enter; 1 delivered", NULL },
		{ "idle-session working send:a:slot=s send:b:slot=s replay again last "
		  "wait:10",
		    "1 superseded; ask; 2.1 text b", NULL },
		{ "idle-session working send:^[A:keys replay again last",
		    "ask; 1.1 text \\e[A", NULL },
		{ "idle-session working send:^[A:keys snapshot again last",
		    "ask; 1.1 text \\e[A", NULL },
	};

	(void)st;
	PLAY(t);
}

static void
cannot_record(void **st)
{
	static const struct script t[] = {
		{ "idle-session full send:x", "no: it cannot be recorded", NULL },
		{ "idle-session working send:x full idle wait:5000", "", NULL },
		{ "idle-session working send:x full idle wait:5000 room wait:1000",
		    "1.1 text x", NULL },
		{ "idle-session auto send:x:plain full wait:5000", "1.1 text x", NULL },
		{ "idle-session auto send:x:plain full wait:5000 room wait:1000",
		    "1.1 text x; 1.2 enter; 1 delivered", NULL },
		/* No result that could be told twice. */
		{ "idle-session working send:x:for=500 full wait:5000", "", NULL },
		{ "idle-session working send:x:for=500 full wait:5000 snapshot room "
		  "again last",
		    "1 expired", NULL },
	};

	(void)st;
	PLAY(t);
}

static void
session_ends(void **st)
{
	static const struct script t[] = {
		{ "idle-session working send:x ends", "1 refused; (the session ended)",
		    NULL },
		{ "idle-session working send:x crashes idle-session", "1.1 text x",
		    NULL },
		{ "idle-session working send:^:keys crashes",
		    "1 refused; (the session ended)", NULL },
		{ "idle-session send:x ends", "1.1 text x; 1 uncertain", NULL },
		{ "idle-session send:x taken crashes", "1.1 text x; 1 uncertain", NULL },
		{ "idle-session auto send:x wait:100 crashes",
		    "1.1 text x; 1.2 enter; 1 delivered", NULL },
		{ "idle-session send:x:replace crashes taken idle-session",
		    "1.1 clear C-u; 1.2 clear C-u", NULL },
	};

	(void)st;
	PLAY(t);
}

static void
initial(void **st)
{
	static const struct script t[] = {
		/* P7: sent when it is ready, however late it is idle. */
		{ "up start ready:i1 wait:2000 idle", "1.1 text Begin.", "Begin." },
		/* B20: pending at most so long, and the result is told. */
		{ "up start ready:i1 wait:299999 idle", "1.1 text Begin.", "Begin." },
		{ "up start ready:i1 wait:300000 idle", "1 expired", "Begin." },
		/* Before what waited already; once. */
		{ "up start send:x ready:i1 idle ready:i1", "2.1 text Begin.", "Begin." },
		{ "up start ready:i1 snapshot start up ready:i1 idle last wait:60000",
		    "ask; 1.1 text Begin.", "Begin." },
		{ "up start ready:i1 replay start up ready:i1 idle last wait:60000",
		    "ask; 1.1 text Begin.", "Begin." },
		{ "up auto start ready:i1 idle wait:100 shown replay start up ready:i1 "
		  "idle",
		    "1.1 text Begin.; 1.2 enter; 1 confirmed", "Begin." },
		/* The next invocation has it again, not twice. */
		{ "up start ready:i1 crashes start ready:i2 idle",
		    "1 refused; (the session ended); 2.1 text Begin.", "Begin." },
		{ "up start full ready:i1 idle wait:5000 room wait:1000",
		    "7.1 text Begin.", "Begin." },
		{ "up start ready:i1 idle", "", "" },
		{ "up start ready:i1 idle",
		    "1 refused; (it has control characters: send them as keys)",
		    "a\033b" },
	};

	(void)st;
	PLAY(t);
}

static void
is_bounded(void **st)
{
	struct desk d = { .mono_us = 1, .wall_us = 1 };
	struct input_request r = { .data = "x", .len = 1, .flags = INPUT_ENTER };
	char *big = malloc(INPUT_ENTRY_MAX + 1);
	const char *why;

	(void)st;
	assert_non_null(big);
	memset(big, 'x', INPUT_ENTRY_MAX + 1);
	d.conf.input_expire_us = UNIT_INFINITY;
	clock_set_source(desk_clock, &d);
	desk_queue(&d);
	for (int i = 0; i < INPUT_ENTRIES_MAX; i++)
		assert_int_not_equal(input_enqueue(d.q, &r, &why), 0);
	assert_int_equal(input_enqueue(d.q, &r, &why), 0);
	assert_string_equal(why, "too many inputs wait for this session");
	assert_int_equal(input_count(d.q), INPUT_ENTRIES_MAX);
	input_free(d.q);

	desk_queue(&d);
	r.data = big;
	r.len = INPUT_ENTRY_MAX + 1;
	assert_int_equal(input_enqueue(d.q, &r, &why), 0);
	assert_string_equal(why, "it is too long");
	r.len = INPUT_ENTRY_MAX;
	r.slot = "s";
	for (int i = 0; i < INPUT_BYTES_MAX / INPUT_ENTRY_MAX; i++) {
		assert_int_not_equal(input_enqueue(d.q, &r, &why), 0);
		r.slot = NULL;
	}
	assert_int_equal(input_enqueue(d.q, &r, &why), 0);
	assert_string_equal(why, "too many bytes wait for this session");
	/* What it replaces makes room for it. */
	r.slot = "s";
	assert_int_not_equal(input_enqueue(d.q, &r, &why), 0);
	assert_string_equal(buf_str(&d.said), "65 superseded");
	clock_set_source(NULL, NULL);
	input_free(d.q);
	buf_free(&d.said);
	buf_free(&d.records);
	free(big);
}

static void
refuses(void **st)
{
	static const struct {
		struct input_request r;
		const char *why;
	} t[] = {
		{ { .data = "", .len = 0 }, "there is nothing to type" },
		{ { .data = "\xff", .len = 1 }, "it is not valid UTF-8" },
		{ { .data = "a\0b", .len = 3 },
		    "it has control characters: send them as keys" },
		{ { .data = "a\r", .len = 2 },
		    "it has control characters: send them as keys" },
		{ { .data = "a\xc2\x9b", .len = 3 },
		    "it has control characters: send them as keys" },
		{ { .data = "a", .len = 1, .slot = "" }, "the slot is no name" },
		{ { .data = "a", .len = 1, .slot = "a\nb" }, "the slot is no name" },
		{ { .data = "a", .len = 1, .sender = "\xff" }, "the sender is no name" },
		{ { .data = "a", .len = 1, .flags = 1U << 30 }, "a flag is not known" },
	};
	struct desk d = { .mono_us = 1, .wall_us = 1 };
	const char *why;

	(void)st;
	desk_queue(&d);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (input_enqueue(d.q, &t[i].r, &why) != 0)
			fail_msg("accepted: %s", t[i].why);
		assert_string_equal(why, t[i].why);
	}
	assert_int_equal(d.records.len, 0);
	input_free(d.q);
}

static void
restores_only_what_can_be(void **st)
{
	static const struct {
		const char *text;
		size_t n; /* entries that there are then */
		int rc;
	} t[] = {
#define E(id, phase, step, more)                                                     \
	"{\"id\":" id ",\"phase\":\"" phase "\",\"step\":" step                      \
	",\"enters\":0,\"result\":\"pending\",\"flags\":1,\"when\":0,\"queued_wall_" \
	"us\":1"                                                                     \
	",\"sender\":\"s\"" more "}"
		{ "{\"entries\":[]}", 0, 0 },
		{ "{}", 0, -1 },
		{ "{\"entries\":[" E("1", "queued", "0", ",\"text\":\"x\"") "]}", 1, 0 },
		{ "{\"entries\":[" E("1", "queued", "0", "") "]}", 0, -1 },
		{ "{\"entries\":[" E("0", "queued", "0", ",\"text\":\"x\"") "]}", 0, -1 },
		{ "{\"entries\":[" E("1", "typing", "0", ",\"text\":\"x\"") "]}", 0, -1 },
		{ "{\"entries\":[" E("1", "eating", "1", ",\"text\":\"x\"") "]}", 0, -1 },
		{ "{\"entries\":[" E("1", "typing", "9999999999", ",\"text\":\"x\"") "]}",
		    0, -1 },
		/* The others stay; an id is there once. */
		{ "{\"entries\":[7," E("1", "queued", "0", ",\"text\":\"x\"") "," E(
		      "1", "queued", "0", ",\"text\":\"y\"") "," E("2", "queued", "0",
		      ",\"text\":\"y\"") "]}",
		    2, -1 },
#undef E
	};

	(void)st;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct desk d = { .mono_us = 1, .wall_us = 1 };
		struct jv *v = parse(t[i].text, strlen(t[i].text));
		struct json_err err;

		desk_queue(&d);
		assert_int_equal(input_restore(d.q, v, &err), t[i].rc);
		assert_int_equal(input_count(d.q), t[i].n);
		jv_free(v);
		input_free(d.q);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(delivers),
		cmocka_unit_test(pastes),
		cmocka_unit_test(waits_for_the_state),
		cmocka_unit_test(minds_a_draft),
		cmocka_unit_test(coalesces),
		cmocka_unit_test(now),
		cmocka_unit_test(expires),
		cmocka_unit_test(writer_dies),
		cmocka_unit_test(manager_dies),
		cmocka_unit_test(cannot_record),
		cmocka_unit_test(session_ends),
		cmocka_unit_test(initial),
		cmocka_unit_test(is_bounded),
		cmocka_unit_test(refuses),
		cmocka_unit_test(restores_only_what_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
