/*
 * session_input: the queue of a session's input, and the world: what is remembered of it
 * lies in a file on the tmpfs (run/term/UNIT.in), what is written goes to the terminal,
 * and whether it arrived is looked up on the screen.
 */
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/session/heartbeat.h"
#include "manager/session/input.h"
#include "manager/session/oracle.h"
#include "manager/sessions/sessions.h"
#include "manager/sessions/sessions_int.h"
#include "manager/units.h"
#include "manager/wish/drain.h"
#include "manager/wish/wants.h"
#include "unit/keys.h"

enum {
	LOOK_TIMEOUT_US = 2 * 1000 * 1000,
	TAIL_MAX = 12, /* bytes of a text that are looked for on the screen */
};

struct session_wait {
	TAILQ_ENTRY(session_wait) link;
	uint64_t id;
	session_result_fn *fn;
	void *arg;
};

/* ---- what is remembered ---- */

static bool
ops_journal(void *arg, const struct input_entry *e, enum input_record record)
{
	struct session *s = arg;

	if (input_file_add(&s->input_file, s->input, e, record))
		return true;
	log_warn("%s: its input cannot be noted", s->unit->name);
	return false;
}

/* What an earlier manager had noted. */
static void
read_journal(struct session *s)
{
	struct buf complaints = { 0 };

	if (input_file_read(&s->input_file, s->input, &complaints) == -1)
		log_warn("%s: its input", s->unit->name);
	else if (complaints.len > 0)
		log_warnx("%s: not all of its input can be read, of run/%s: %.*s",
		    s->unit->name, s->input_path,
		    (int)strcspn(buf_str(&complaints), "\n"), buf_str(&complaints));
	buf_free(&complaints);
}

static uint64_t
ops_new_id(void *arg)
{
	struct session *s = arg;
	uint64_t now = clock_wall_us();

	s->last_id = now > s->last_id ? now : s->last_id + 1;
	if (s->sending != NULL)
		s->sending->id = s->last_id;
	return s->last_id;
}

/* ---- what is written ---- */

static int
as_memfd(const char *data, size_t len)
{
	int fd = memfd_create("supd-input", MFD_CLOEXEC);

	if (fd != -1 && full_write(fd, data, len) == -1)
		fd_close(&fd);
	return fd;
}

/* InputClear=, checked when it was read. */
static void
add_keys(const char *names, struct buf *out)
{
	struct strv words = { 0 };

	strv_split(&words, names, " ");
	for (size_t i = 0; i < words.n; i++)
		(void)key_bytes(words.v[i], false, out);
	strv_free(&words);
}

static const struct input_entry *
find_entry(const struct session *s, uint64_t id)
{
	const struct input_entry *e = input_first(s->input);

	while (e != NULL && e->id != id)
		e = input_next(e);
	return e;
}

/* Also where a password is asked for: it was said so with the entry. */
static bool
may_hide(const struct session *s, uint64_t id)
{
	const struct input_entry *e = find_entry(s, id);

	return e != NULL && (e->flags & INPUT_FORCE) != 0;
}

static bool
ops_write(void *arg, uint64_t id, uint32_t step, enum input_write what, const char *data,
    size_t len)
{
	struct session *s = arg;
	struct msg_term_input q = { .slot = s->slot, .id = id, .step = step };
	struct buf keys = { 0 };
	bool sent = false;
	int fd;

	if (what == INPUT_WRITE_CLEAR) {
		add_keys(data, &keys);
		data = buf_str(&keys);
		len = keys.len;
	}
	q.size = len;
	q.flags = TERM_INPUT_QUIET;
	if (!may_hide(s, id))
		q.flags |= TERM_INPUT_ECHO;
	if (what == INPUT_WRITE_PASTE)
		q.flags |= TERM_INPUT_PASTE;
	if (what == INPUT_WRITE_ENTER) {
		s->confirm_id = id;
		s->confirm_changes = s->term.changes;
		s->confirm_asked = false;
	}
	/* What it draws then may be but the echo. */
	oracle_input(s->oracle);
	fd = as_memfd(data, len);
	/* What went, and was lost with the terminal, is asked after when that is back. */
	if (fd == -1)
		log_warn("%s: its input", s->unit->name);
	else
		sent = link_input_take_fd(s->unit->manager->link, &q, fd) == 0;
	buf_free(&keys);
	return sent;
}

static void
ops_ask(void *arg)
{
	const struct session *s = arg;

	if (s->slot != SLOT_NONE)
		(void)link_ask_taken(s->unit->manager->link, s->slot);
}

void
session_input_taken(struct session *s, const struct msg_term_taken *t)
{
	bool never = t->how == TERM_TAKEN_REFUSED && t->err == EMSGSIZE;
	enum input_answer answer = t->how == TERM_TAKEN_UNCERTAIN ? INPUT_ANSWER_DOUBT
				   : t->how == TERM_TAKEN_LOST    ? INPUT_ANSWER_LOST
				   : never                        ? INPUT_ANSWER_NEVER
								  : INPUT_ANSWER_LAST;

	input_answered(s->input, answer, t->id, t->step);
}

/* ---- did it arrive? ---- */

/* The last bytes of the text, which a prompt shows near the cursor. */
static const char *
tail_of(const struct input_entry *e, size_t *len)
{
	const char *end = e->data + e->len, *p;

	while (end > e->data && (end[-1] == '\n' || end[-1] == ' '))
		end--;
	p = end;
	while (p > e->data && end - p < TAIL_MAX && p[-1] != '\n')
		p--;
	/* Not in the middle of a character. */
	while (p < end && ((unsigned char)*p & 0xc0) == 0x80)
		p++;
	*len = (size_t)(end - p);
	return p;
}

static bool
has_tail(const struct jv *lines, size_t from, size_t n, const char *tail, size_t len)
{
	struct buf text = { 0 };
	bool found;

	/* Wrapped anywhere, it is whole in the rows joined. */
	for (size_t i = from; i < from + n; i++)
		buf_adds(&text, jv_str(jv_at(lines, i), ""));
	found = memmem(buf_str(&text), text.len, tail, len) != NULL;
	buf_free(&text);
	return found;
}

static const struct input_entry *
entered(const struct session *s)
{
	const struct input_entry *e = find_entry(s, s->confirm_id);

	return e != NULL && e->phase == INPUT_ENTERED ? e : NULL;
}

/* It left the row of the cursor, and stands where programs put what they were told. */
static bool
was_accepted(const struct input_entry *e, const struct jv *screen)
{
	const struct jv *lines = jv_get(screen, "lines");
	int64_t row = jv_i64(jv_get(jv_get(screen, "cursor"), "row"), 0);
	size_t n;
	const char *tail = tail_of(e, &n);

	if (n == 0)
		return true;
	return row >= 0 && !has_tail(lines, (size_t)row, 1, tail, n) &&
	       has_tail(lines, 0, jv_count(lines), tail, n);
}

static void
on_screen(void *arg, int err, const char *text, size_t len)
{
	struct session *s = arg;
	const struct input_entry *e = entered(s);
	struct jv *screen;

	(void)err;
	s->confirm_asked = false;
	if (text == NULL || e == NULL)
		return;
	screen = jv_parse(text, len, NULL);
	if (screen != NULL && was_accepted(e, screen))
		input_shown(s->input, e->id);
	jv_free(screen);
}

void
session_input_look(struct session *s)
{
	if (s->confirm_asked || s->term.changes == s->confirm_changes ||
	    entered(s) == NULL)
		return;
	s->confirm_asked = true;
	link_ask_screen(s->unit->manager->link, s->slot, TERM_ASK_TEXT, LOOK_TIMEOUT_US,
	    on_screen, s);
}

/* ---- results ---- */

static void
ops_result(void *arg, const struct input_entry *e)
{
	struct session *s = arg;
	struct emitter *ev = s->unit->manager->events;
	uint64_t now = clock_wall_us();
	struct session_wait *w, *next;

	event_begin(
	    ev, EVENT_INPUT_ENDED, s->unit->name, svc_memory(s->unit->svc)->invocation);
	event_int(ev, "input", (int64_t)e->id);
	event_str(ev, "sender", e->sender);
	event_str(ev, "result", input_result_name(e->result));
	event_str(ev, "reason", e->reason);
	event_us(ev, "waited_us", now > e->queued_wall_us ? now - e->queued_wall_us : 0);
	event_end(ev);
	drain_on_input(s->unit, e);
	TAILQ_FOREACH_SAFE (w, &s->waits, link, next) {
		if (w->id != e->id)
			continue;
		TAILQ_REMOVE(&s->waits, w, link);
		w->fn(w->arg, e);
		free(w);
	}
}

static void
ops_arm(void *arg, uint64_t due_us)
{
	struct session *s = arg;

	loop_timer_at(s->input_timer, due_us);
}

static void
on_due(struct loop_timer *t, void *arg)
{
	struct session *s = arg;

	(void)t;
	wants(s->unit, DUE_PENDING);
}

/* ---- life ---- */

void
session_input_open(struct session *s)
{
	const struct input_ops ops = { .new_id = ops_new_id,
		.journal = ops_journal,
		.write = ops_write,
		.ask = ops_ask,
		.result = ops_result,
		.arm = ops_arm,
		.arg = s };

	s->input_timer = loop_timer_new(s->unit->manager->loop, "input", on_due, s);
	s->input = input_new(&session_conf(s)->session, &ops);
	s->input_path = session_file_path(s->unit, "in");
	input_file_init(&s->input_file, s->unit->manager->run_fd, s->input_path);
	read_journal(s);
	s->last_id = input_newest_id(s->input);
}

void
session_input_close(struct session *s)
{
	struct session_wait *w;

	while ((w = TAILQ_FIRST(&s->waits)) != NULL) {
		TAILQ_REMOVE(&s->waits, w, link);
		free(w);
	}
	link_ask_cancel(s->unit->manager->link, s);
	input_free(s->input);
	free(s->input_path);
	loop_timer_free(s->input_timer);
}

uint64_t
session_send(struct unit *u, const struct input_request *r, session_result_fn *fn,
    void *arg, const char **why)
{
	struct session *s = u->session;
	struct emitter *ev = u->manager->events;
	struct session_wait *w = NULL;
	uint64_t id;

	if (s == NULL || s->slot == SLOT_NONE) {
		*why = "the session does not run";
		return 0;
	}
	/* It may have its result before we are back: ops_new_id tells whose it is. */
	if (fn != NULL) {
		w = xcalloc(1, sizeof(*w));
		w->fn = fn;
		w->arg = arg;
		TAILQ_INSERT_TAIL(&s->waits, w, link);
	}
	s->sending = w;
	id = input_enqueue(s->input, r, why);
	s->sending = NULL;
	if (id != 0 && !s->beating)
		heartbeat_active(s->heartbeat);
	if (id == 0) {
		session_wait_cancel(u, arg);
		return 0;
	}
	event_begin(ev, EVENT_INPUT_QUEUED, u->name, svc_memory(u->svc)->invocation);
	event_int(ev, "input", (int64_t)id);
	event_str(ev, "sender", r->sender);
	event_int(ev, "bytes", (int64_t)r->len);
	if (r->slot != NULL)
		event_str(ev, "slot", r->slot);
	event_end(ev);
	return id;
}

void
session_withdraw(struct unit *u, const char *slot, const char *reason)
{
	if (u->session != NULL)
		input_withdraw(u->session->input, slot, reason);
}

bool
session_has_input(const struct unit *u, const char *slot)
{
	const struct input_entry *e =
	    u->session == NULL ? NULL : input_first(u->session->input);

	while (e != NULL && (e->slot == NULL || strcmp(e->slot, slot) != 0))
		e = input_next(e);
	return e != NULL;
}

bool
session_known(const struct unit *u, const char *token, struct input_known *out)
{
	return u->session != NULL && input_find_token(u->session->input, token, out);
}

void
session_wait(struct unit *u, uint64_t id, session_result_fn *fn, void *arg)
{
	struct session_wait *w = xcalloc(1, sizeof(*w));

	w->id = id;
	w->fn = fn;
	w->arg = arg;
	TAILQ_INSERT_TAIL(&u->session->waits, w, link);
}

void
session_wait_cancel(struct unit *u, void *arg)
{
	struct session_wait *w, *next;

	if (u->session == NULL)
		return;
	TAILQ_FOREACH_SAFE (w, &u->session->waits, link, next) {
		if (w->arg != arg)
			continue;
		TAILQ_REMOVE(&u->session->waits, w, link);
		free(w);
	}
}
