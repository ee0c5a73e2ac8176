/*
 * input: what is to be typed into one session, when, and what became of it.
 *
 * A queue of entries, delivered one at a time and in their order, each in steps that are
 * written apart: the clear key (replace), the text, Enter; then the screen has to show
 * that it was taken, else Enter (never the text) is pressed again, and what could not be
 * confirmed is reported as no more than delivered.
 *
 * What it promises:
 *
 *  1. Every entry that input_enqueue accepted has exactly one result (input.def).
 *  2. No text is written twice.  Intent before deed: a step is recorded (ops.journal)
 *     before it is asked for (ops.write), by a number that grows within the entry.  A
 *     manager that finds a step begun asks the role that writes (ops.ask) and believes
 *     nothing else.  Where that role does not know either, the result is `uncertain', and
 *     the step is not repeated.
 *  3. A delivery begins only in the states of its entry (InputWhen=), not while a person
 *     has a draft, and not where a password is asked for.  Enter follows in those states
 *     too, or while the session works (the echo of the text looks like work); else it
 *     waits.  The clear key is never sent over a draft.
 *  4. A person who types into the middle of a delivery owns the line from then on: no
 *     Enter, no retry; the result says so.
 *  5. Bounded: INPUT_ENTRIES_MAX entries, INPUT_BYTES_MAX bytes, and a clear refusal.
 *  6. Who gave an entry a token can ask for it by that, also when it has its result, also
 *     of another manager: the last INPUT_PAST_MAX results of such entries are kept.
 *
 * A newer entry of the same slot takes the place of one that is not begun.  INPUT_NOW
 * goes before the others and waits for no state; the delivery under way it does not cut,
 * but ends its waiting.
 *
 * Nothing here knows of descriptors.  Times are those of lib/clock; the caller has one
 * timer (ops.arm) and calls input_tick when it is due.  Ops may call input_enqueue and
 * the on-something functions below, but not input_free.
 */
#ifndef SUPD_MANAGER_SESSION_INPUT_H
#define SUPD_MANAGER_SESSION_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unit/conf.h"

struct buf;
struct input;
struct json_err;
struct jv;
struct jw;

enum input_result {
#define INPUT_RESULT(name, text) INPUT_##name,
#include "manager/session/input.def"
	INPUT_NRESULTS
};

enum input_phase {
#define INPUT_PHASE(name, text, in_flight) INPUT_##name,
#include "manager/session/input.def"
	INPUT_NPHASES
};

/* Bits that reach the snapshot: never reused. */
enum input_flag {
	INPUT_ENTER = 1 << 0,   /* Enter follows, as a write of its own */
	INPUT_REPLACE = 1 << 1, /* InputClear= goes before it */
	INPUT_KEYS = 1 << 2,    /* bytes of keys, as they are; else text */
	INPUT_NOW = 1 << 3,     /* in any state; keys also beside a draft */
	INPUT_CONFIRM = 1 << 4, /* the screen is to show that it took it */
	INPUT_FORCE = 1 << 5,   /* also where a password is asked for */
	INPUT_FLAGS_ALL = (1 << 6) - 1,
};

enum {
	INPUT_ENTRIES_MAX = 64,
	INPUT_BYTES_MAX = 256 * 1024, /* of all entries of a session */
	INPUT_ENTRY_MAX = 64 * 1024,  /* of one */
	INPUT_NAME_MAX = 128,         /* of a slot, a sender or a token */
	INPUT_PAST_MAX = 128,         /* results that are remembered, by their token */
};

/* What is written of a step. */
enum input_write {
	INPUT_WRITE_CLEAR, /* names of keys, as InputClear= has them */
	INPUT_WRITE_TEXT,  /* bytes */
	INPUT_WRITE_PASTE, /* the same, with new lines that are text: no key is pressed */
	INPUT_WRITE_ENTER, /* bytes */
};

/* What ops.journal is told of. */
enum input_record {
	INPUT_RECORD_QUEUED, /* must be kept with its text */
	INPUT_RECORD_STEP,   /* a step is about to be written */
	INPUT_RECORD_DONE,   /* it has a result */
};

/* What the role that writes knows of the steps that it was told of. */
enum input_answer {
	INPUT_ANSWER_LAST,  /* this one was written, and none after it */
	INPUT_ANSWER_DOUBT, /* this one was begun, and may be written or not */
	INPUT_ANSWER_LOST,  /* it has forgotten, and says so until it writes again */
	INPUT_ANSWER_NEVER, /* the newest was not written, and never can be: a line of it
			       is longer than the program can read */
};

/* An entry, to be read.  Its strings are its own. */
struct input_entry {
	uint64_t id;
	char *data; /* with a NUL behind it */
	size_t len;
	uint32_t flags;
	char *slot;              /* NULL: none */
	char *sender;            /* never NULL */
	char *token;             /* NULL: none */
	session_states when;     /* 0: as InputWhen= */
	uint64_t expire_wall_us; /* INFINITY: never */
	uint64_t queued_wall_us;
	enum input_phase phase;
	uint32_t step;   /* number of the step announced last; 0: none */
	uint32_t enters; /* how often Enter was announced */
	enum input_result result;
	char *reason;     /* of the result; NULL: none */
	char *invocation; /* of InitialInput=: whose it is; NULL else */
};

struct input_ops {
	/* An id that no entry had before, of this manager or an earlier one; at most
	 * INT64_MAX, never 0. */
	uint64_t (*new_id)(void *arg);
	/* Records e as it is now; false: it cannot be, and what depends on it is not
	 * done. QUEUED is refused then, the others are tried again.  After DONE the entry
	 * is gone. */
	bool (*journal)(void *arg, const struct input_entry *e, enum input_record record);
	/* The bytes go to the terminal at once, and input_taken or input_answered
	 * follows.  False: they cannot be sent now, and are not; tried again. */
	bool (*write)(void *arg, uint64_t id, uint32_t step, enum input_write what,
	    const char *data, size_t len);
	/* input_answered shall follow: for all steps told before, by this manager or an
	 * earlier one, none of which is still on its way then; also when the session has
	 * ended. */
	void (*ask)(void *arg);
	/* For the sender, after the result was recorded.  e is freed afterwards. */
	void (*result)(void *arg, const struct input_entry *e);
	/* input_tick is wanted at this monotonic time; INFINITY: not at all. */
	void (*arm)(void *arg, uint64_t due_us);
	void *arg;
};

/* What input_enqueue is asked for; zero is a default in each. */
struct input_request {
	const char *data;
	size_t len;
	uint32_t flags;
	const char *slot;
	const char *sender;
	const char *token; /* that no other request has, chosen by who asks; NULL: none */
	session_states when;
	uint64_t expire_wall_us; /* 0: InputExpireSec= from now on */
};

/* conf, clear key included, is not copied: see input_set_conf.  The session does not run
 * and the role that writes is not there until it is said that they are. */
struct input *input_new(const struct session_conf *conf, const struct input_ops *ops);
/* Nothing is told to anybody. */
void input_free(struct input *q);
void input_set_conf(struct input *q, const struct session_conf *conf);

/* The id, or 0: refused, and why (a constant) says what for; nobody hears more of it. */
uint64_t input_enqueue(struct input *q, const struct input_request *r, const char **why);

/* What waits in that slot and was not begun is superseded, by nothing. */
void input_withdraw(struct input *q, const char *slot, const char *reason);

/* What is known of an entry; reason is the queue's, NULL: there is none. */
struct input_known {
	uint64_t id;
	enum input_result result; /* INPUT_NONE: it has none yet */
	const char *reason;
};
/* False: no entry with this token was accepted, or that is long ago. */
bool input_find_token(const struct input *q, const char *token, struct input_known *out);
/* The greatest id of all that is known; 0: none is. */
uint64_t input_newest_id(const struct input *q);
/* Something is to be remembered beside one entry: others, or results. */
bool input_has_more(const struct input *q);

/* ---- what happens to the session ---- */

/* An invocation began to run.  */
void input_started(struct input *q);
/* It is ready: InitialInput= is queued before all others, once for each invocation (a
 * name that no other has), to be delivered within PendingStartSec=. */
void input_ready(struct input *q, const char *invocation);
/* It ended.  What was begun is resolved; keys, and InitialInput=, go with the screen they
 * were for; the rest waits for the next invocation, or is refused when none follows. */
void input_ended(struct input *q, bool comes_back);
void input_state(struct input *q, enum session_state state);
/* A person typed within DraftSec=, or text that this queue did not write stands in the
 * prompt.  After a manager's restart: also when that was true for a moment since. */
void input_draft(struct input *q, bool draft);
/* The program reads a line and shows nothing. */
void input_password(struct input *q, bool password);

/* ---- what the role that writes says ---- */

/* It is there (again); a step that was begun is asked after. */
void input_writer_up(struct input *q);
/* Nothing is written until it is back. */
void input_writer_down(struct input *q);
/* The bytes of this step were written. */
void input_taken(struct input *q, uint64_t id, uint32_t step);
/* What became of the step that was begun; also without having been asked. */
void input_answered(
    struct input *q, enum input_answer answer, uint64_t id, uint32_t step);
/* The screen changed after the Enter of this entry, and its text stands no more in the
 * prompt. */
void input_shown(struct input *q, uint64_t id);

/* The time has come that ops->arm was told of last. */
void input_tick(struct input *q);

/* ---- for status ---- */

/* In the order of their delivery; NULL after the last. */
const struct input_entry *input_first(const struct input *q);
const struct input_entry *input_next(const struct input_entry *e);
size_t input_count(const struct input *q);
/* What the first of them waits for, in words (appended); nothing: it is being typed. */
void input_put_why(const struct input *q, struct buf *out);
const char *input_result_name(enum input_result r);
const char *input_phase_name(enum input_phase p);

/* ---- for snapshot and journal ---- */

/* Members of the object that is open in w: all entries. */
void input_write_all(const struct input *q, struct jw *w);
/* Members of one; text: with its data. */
void input_write_entry(const struct input_entry *e, struct jw *w, bool text);
/*
 * Into a new queue, before anything else is said to it: a snapshot, then what was
 * recorded after it, in its order (an entry of a known id changes, also without its text;
 * one that is done goes).  Unknown members are skipped.  -1 with err: that object is left
 * out.
 */
int input_restore(struct input *q, const struct jv *obj, struct json_err *err);
int input_restore_entry(struct input *q, const struct jv *obj, struct json_err *err);

#endif
