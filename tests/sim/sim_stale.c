/*
 * A watcher under random load: files come, are written again, open and closed, and go;
 *their runs end well and badly; clocks are set; the manager dies at any point, the
 *machine dies with runs, and with what was not yet on the disk of the ledger, whose last
 *line is torn.
 *
 *	sim_stale [SEED [WALKS]]
 *
 * The scan and the runs are what manager/part does with them; gates, choice, ends and
 *ledger are the real ones.  What must hold: no file has two runs at once, none is started
 *while it is young or may be open, no more than allowed by one scan; a file as it is has
 *one good run, but for those that the death of the machine has cost; none fails oftener
 *than it may, or sooner after a failure; and in the end none is forgotten.
 */
#include "random.h"
#include "walks.h"

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/activate/ledger.h"
#include "manager/activate/stale.h"

#include <stdio.h>

enum { DEFAULT_WALKS = 600, STEPS = 200, FILES = 6 };

#define SEC USEC_PER_SEC

struct file {
	bool exists;
	enum stale_open open;
	uint64_t size;
	uint64_t mtime_us;
	/* Its run, which outlives the manager: of the file as it was. */
	bool runs, ended;
	enum stale_end end;
	/* Of the file as it is. */
	unsigned good, bad, lost;
	uint64_t failed_at_us;
	bool of_this; /* its run is of the file as it is */
	/* In this manager. */
	bool in_flight;
};

struct desk {
	struct path_conf conf;
	struct file v[FILES];
	struct buf text; /* the ledger */
	size_t synced;   /* of that is on the disk */
	uint64_t now_us;
	bool clock_set;
};

static char *
name_of(unsigned i)
{
	static char name[8];

	snprintf(name, sizeof(name), "f%u", i);
	return name;
}

static void
write_line(struct desk *d, const struct ledger_entry *e)
{
	ledger_put_line(e, NULL, &d->text);
	if (one_in(2))
		d->synced = d->text.len;
}

static void
read_ledger(const struct desk *d, struct ledger *l)
{
	*l = (struct ledger){ 0 };
	ledger_read(l, buf_str(&d->text), d->text.len);
}

static void
run_ends(struct desk *d, struct file *f, enum stale_end end)
{
	f->ended = true;
	f->end = end;
	if (!f->of_this)
		return;
	if (end == STALE_ENDED_WELL)
		f->good++;
	if (end == STALE_ENDED_BADLY) {
		f->bad++;
		f->failed_at_us = d->now_us;
	}
}

/* What the manager does when it hears of the end, or finds it. */
static void
settle_run(struct desk *d, unsigned i, const struct ledger *l)
{
	struct file *f = &d->v[i];
	const struct ledger_entry *old = ledger_find(l, name_of(i));
	struct ledger_entry e;

	assert_non_null(old);
	e = *old;
	stale_end(&d->conf, &e, f->runs ? f->end : STALE_NOT_RUN, d->now_us);
	if (f->runs && f->of_this && e.result == LEDGER_QUARANTINED)
		assert_true(f->bad + f->lost >= d->conf.max_tries);
	write_line(d, &e);
	f->in_flight = f->runs = f->ended = false;
}

static void
settle_ended(struct desk *d)
{
	for (unsigned i = 0; i < FILES; i++) {
		struct ledger l;

		if (!d->v[i].in_flight || !d->v[i].ended)
			continue;
		read_ledger(d, &l);
		settle_run(d, i, &l);
		ledger_clear(&l);
	}
}

static void
manager_dies(struct desk *d)
{
	for (int i = 0; i < FILES; i++)
		d->v[i].in_flight = false;
}

/* false: the manager dies meanwhile. */
static bool
start(struct desk *d, const struct stale_file *x)
{
	unsigned i = (unsigned)(x->instance[1] - '0');
	struct file *f = &d->v[i];
	struct ledger_entry e;

	TELL("  %s is started\n", x->instance);
	assert_true(f->exists && !f->runs && !f->in_flight);
	assert_true(f->mtime_us + d->conf.stale_us <= d->now_us);
	assert_true(!d->conf.require_closed || f->open == STALE_CLOSED);
	assert_true(f->good <= f->lost);
	assert_true(f->bad < d->conf.max_tries + f->lost);
	if (f->bad > 0 && !d->clock_set && f->lost == 0)
		assert_true(d->now_us >= f->failed_at_us + d->conf.retry_us);
	stale_begin(x, "", d->now_us, &e);
	write_line(d, &e);
	f->in_flight = true;
	if (one_in(20)) {
		TELL("  the manager dies before that\n");
		manager_dies(d);
		return false;
	}
	f->runs = f->of_this = true;
	f->ended = false;
	return true;
}

static void
scan(struct desk *d)
{
	struct stale_file found[FILES];
	char names[FILES][8];
	uint64_t due = UINT64_MAX;
	struct ledger l;
	size_t n = 0, chosen;

	settle_ended(d);
	read_ledger(d, &l);
	for (unsigned i = 0; i < FILES; i++) {
		struct file *f = &d->v[i];
		const struct ledger_entry *e = ledger_find(&l, name_of(i));
		enum stale_gate gate;

		/* Runs of which only the ledger knows; then the files. */
		if (e != NULL && e->result == LEDGER_STARTED && !f->in_flight) {
			if (f->runs && !f->ended)
				f->in_flight = true;
			else
				settle_run(d, i, &l);
			continue;
		}
		if (!f->exists)
			continue;
		strcpy(names[n], name_of(i));
		found[n] = (struct stale_file){ .instance = names[n],
			.size = f->size,
			.mtime_ns = (int64_t)f->mtime_us * 1000,
			.open = f->open };
		gate = stale_gate(&d->conf, &found[n], e,
		    f->in_flight ? STALE_RUNS_FOR_IT : STALE_RUNS_NOT, d->now_us, &due);
		if (gate == STALE_CANDIDATE)
			n++;
		else
			assert_true(gate != STALE_YOUNG || due > d->now_us);
	}
	chosen = stale_choose(&d->conf, found, n, d->conf.max_new);
	assert_true(d->conf.max_new == 0 || chosen <= d->conf.max_new);
	for (size_t k = 0; k < chosen && start(d, &found[k]); k++)
		;
	ledger_clear(&l);
}

/* Runs are gone, and nobody knows how; and of the ledger what was not on the disk. */
static void
machine_dies(struct desk *d)
{
	size_t cut = d->synced;

	manager_dies(d);
	if (d->text.len > cut)
		cut += below((unsigned)(d->text.len - cut) + 1);
	for (int i = 0; i < FILES; i++) {
		/* A line that was lost, or a run, may cost one more. */
		d->v[i].lost++;
		d->v[i].runs = d->v[i].ended = false;
	}
	buf_truncate(&d->text, cut);
	/* The next line begins a line (manager/part/ledger_file.c). */
	if (cut > 0 && d->text.data[cut - 1] != '\n')
		buf_addc(&d->text, '\n');
	d->synced = d->text.len;
}

static void
change(struct desk *d, struct file *f)
{
	f->exists = true;
	f->size++;
	f->mtime_us = d->now_us;
	f->good = f->bad = f->lost = 0;
	f->of_this = false;
}

static void
move(struct desk *d)
{
	unsigned i = below(FILES);
	struct file *f = &d->v[i];

	switch (below(16)) {
	case 0:
		TELL("f%u goes\n", i);
		f->exists = false;
		break;
	case 1:
	case 2:
		TELL("f%u is written\n", i);
		change(d, f);
		break;
	case 3:
		f->open = (enum stale_open)below(3);
		TELL("f%u is %s\n", i,
		    f->open == STALE_CLOSED ? "closed"
		    : f->open == STALE_OPEN ? "open"
					    : "unknown");
		break;
	case 4:
		TELL("the manager dies\n");
		manager_dies(d);
		break;
	case 5:
		if (!one_in(4))
			break;
		TELL("the machine dies\n");
		machine_dies(d);
		break;
	case 6:
		if (!one_in(6))
			break;
		TELL("the clock is set back\n");
		d->clock_set = true;
		d->now_us -= below(4000) * SEC;
		break;
	case 7:
	case 8:
	case 9:
		d->now_us += below(900) * SEC;
		TELL("time goes on\n");
		break;
	case 10:
	case 11:
	case 12:
		if (!f->runs || f->ended)
			break;
		run_ends(d, f,
		    one_in(2)   ? STALE_ENDED_WELL
		    : one_in(4) ? STALE_NOT_RUN
				: STALE_ENDED_BADLY);
		TELL("the run of f%u ends: %d\n", i, f->end);
		break;
	default:
		TELL("a scan\n");
		scan(d);
		break;
	}
}

/* All is closed, and ends well: nothing is left that has not had its run. */
static void
settle(struct desk *d)
{
	TELL("the end\n");
	for (int i = 0; i < FILES; i++)
		d->v[i].open = STALE_CLOSED;
	for (int turn = 0; turn < 3 * FILES + 10; turn++) {
		d->now_us += 2 * USEC_PER_HOUR;
		scan(d);
		for (int i = 0; i < FILES; i++)
			if (d->v[i].runs && !d->v[i].ended)
				run_ends(d, &d->v[i], STALE_ENDED_WELL);
	}
	for (unsigned i = 0; i < FILES; i++) {
		const struct file *f = &d->v[i];

		assert_true(!f->exists || f->good > 0 || f->bad >= d->conf.max_tries);
	}
}

static bool
walk(uint64_t seed, const uint32_t *steps, size_t n)
{
	static struct desk d;

	memset(&d, 0, sizeof(d));
	rng = seed;
	d.conf = (struct path_conf){ .stale_us = 600 * SEC,
		.retry_us = 300 * SEC,
		.retry_max_us = 1800 * SEC,
		.max_tries = 1 + below(4),
		.max_new = below(3),
		.require_closed = !one_in(3),
		.require_not_done = true };
	d.now_us = UINT64_C(1791000000) * SEC;
	for (size_t i = 0; i < n; i++) {
		rng = seed + (steps[i] + 1) * UINT64_C(0x100000001b3);
		move(&d);
	}
	settle(&d);
	buf_free(&d.text);
	return true;
}

int
main(int argc, char **argv)
{
	return walks_main(argc, argv, DEFAULT_WALKS, walk, STEPS);
}
