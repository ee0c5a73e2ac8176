/*
 * digest_text: a digest as some lines for people and prompts.  What matters most comes
 * first; whatever happened, it is no longer than some dozens of lines.  What comes from
 * elsewhere is one line each, without control characters.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "manager/record/digest_int.h"

enum {
	ALERTS_SHOWN = 10,
	TROUBLE_SHOWN = 20,
	QUIET_SHOWN = 10,
	ENTRIES_SHOWN = 20,
};

/* A unit among those that are sorted. */
struct row {
	const char *name;
	const struct digest_unit *u;
	uint64_t weight; /* 0: nothing was wrong with it */
};

/* "s" behind what there are several of. */
static const char *
plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* In one line, and inert wherever it is pasted: controls become spaces; what terminals
 * obey or readers take for an end of line though it is text (C1 controls, U+2028, what
 * turns the direction) is shown by its number. */
static void
put_text(struct buf *out, const char *text)
{
	struct buf line = { 0 };

	for (const char *p = text; *p != '\0'; p++)
		buf_addc(&line, (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p);
	utf8_escape_buf(out, buf_str(&line), line.len);
	buf_free(&line);
}

static void
put_name(struct buf *out, const char *name)
{
	static const char suffix[] = ".service";
	size_t n = strlen(name);

	if (strcmp(name, DIGEST_OTHERS) == 0) {
		buf_adds(out, "other units");
		return;
	}
	if (n > sizeof(suffix) - 1 &&
	    strcmp(name + n - (sizeof(suffix) - 1), suffix) == 0)
		n -= sizeof(suffix) - 1;
	buf_append(out, name, n);
	if (n > 0 && name[n - 1] == '@')
		buf_adds(out, " (others)");
}

static uint64_t
weight_of(const struct digest_unit *u)
{
	return 16 * u->n[DIGEST_FAILURES] + 8 * u->n[DIGEST_START_LIMITS] +
	       8 * u->n[DIGEST_BUDGETS] + 4 * u->n[DIGEST_LIMITS] +
	       2 * u->n[DIGEST_HOLDS] + u->n[DIGEST_RESTARTS] + u->n[DIGEST_RETRIES];
}

static int
compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	if (x->u->n[DIGEST_RUNS] != y->u->n[DIGEST_RUNS])
		return x->u->n[DIGEST_RUNS] > y->u->n[DIGEST_RUNS] ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Sorted; *n_trouble of them, the first, had some.  The caller frees it. */
static struct row *
sorted(const struct digest_period *p, size_t *n_trouble)
{
	struct row *rows = xcalloc(p->units.n + 1, sizeof(*rows));
	size_t it = 0, n = 0;
	const char *name;
	void *u;

	*n_trouble = 0;
	while (map_next(&p->units, &it, &name, &u)) {
		rows[n] = (struct row){ name, u, weight_of(u) };
		*n_trouble += rows[n].weight > 0;
		n++;
	}
	qsort(rows, n, sizeof(*rows), compare);
	return rows;
}

static void
put_trouble(struct buf *out, const struct row *r)
{
	static const struct {
		enum digest_count count;
		const char *one, *many;
	} words[] = {
		{ DIGEST_START_LIMITS, "start limit hit", "start limits hit" },
		{ DIGEST_BUDGETS, "budget exceeded", "budgets exceeded" },
		{ DIGEST_LIMITS, "time limited", "times limited" },
		{ DIGEST_HOLDS, "hold", "holds" },
		{ DIGEST_RESTARTS, "restart", "restarts" },
		{ DIGEST_RETRIES, "retry", "retries" },
		{ DIGEST_RUNS, "run", "runs" },
	};
	uint64_t failures = r->u->n[DIGEST_FAILURES];
	const char *between = "";

	buf_adds(out, "- ");
	put_name(out, r->name);
	buf_adds(out, ": ");
	if (failures > 0) {
		buf_addf(out, "%" PRIu64 " failure%s", failures, plural(failures));
		if (r->u->why != NULL) {
			buf_adds(out, " (last: ");
			put_text(out, r->u->why);
			buf_addc(out, ')');
		}
		between = ", ";
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		uint64_t n = r->u->n[words[i].count];

		if (n == 0)
			continue;
		buf_addf(out, "%s%" PRIu64 " %s", between, n,
		    n == 1 ? words[i].one : words[i].many);
		between = ", ";
	}
	if (failures == 0 && r->u->why != NULL) {
		buf_adds(out, " (last: ");
		put_text(out, r->u->why);
		buf_addc(out, ')');
	}
	buf_addc(out, '\n');
}

static void
put_quiet(struct buf *out, const struct row *rows, size_t n)
{
	uint64_t runs = 0;

	for (size_t i = 0; i < n; i++)
		runs += rows[i].u->n[DIGEST_RUNS];
	if (n == 0)
		return;
	buf_addf(out, "- without trouble: %" PRIu64 " run%s of %zu unit%s (", runs,
	    plural(runs), n, plural(n));
	for (size_t i = 0; i < n && i < QUIET_SHOWN; i++) {
		buf_adds(out, i == 0 ? "" : ", ");
		put_name(out, rows[i].name);
		if (rows[i].u->n[DIGEST_RUNS] > 1)
			buf_addf(out, " %" PRIu64, rows[i].u->n[DIGEST_RUNS]);
	}
	buf_adds(out, n > QUIET_SHOWN ? ", …)\n" : ")\n");
}

static void
put_units(struct buf *out, const struct digest_period *p)
{
	size_t trouble, shown;
	struct row *rows = sorted(p, &trouble);

	shown = trouble < TROUBLE_SHOWN ? trouble : TROUBLE_SHOWN;
	for (size_t i = 0; i < shown; i++)
		put_trouble(out, &rows[i]);
	if (trouble > shown)
		buf_addf(out, "- and %zu more unit%s with trouble\n", trouble - shown,
		    plural(trouble - shown));
	put_quiet(out, rows + trouble, p->units.n - trouble);
	free(rows);
}

static int
newer(const void *a, const void *b)
{
	const struct digest_alert *x = *(const struct digest_alert *const *)a,
				  *y = *(const struct digest_alert *const *)b;

	return x->wall_us > y->wall_us ? -1 : x->wall_us < y->wall_us;
}

static const char *
name_of(const struct digest_period *p, const struct digest_alert *a)
{
	const char *name = "?";
	size_t it = 0;
	void *value;

	while (map_next(&p->alerts, &it, &name, &value) && value != a)
		continue;
	return name;
}

/* The newest first. */
static void
put_alerts(struct buf *out, const struct digest_period *p)
{
	const struct digest_alert **v = xcalloc(p->alerts.n + 1, sizeof(*v));
	char ts[CLOCK_TEXT_MAX];
	size_t it = 0, n = 0;
	void *value;

	while (map_next(&p->alerts, &it, NULL, &value))
		v[n++] = value;
	qsort(v, n, sizeof(*v), newer);
	for (size_t i = 0; i < n && i < ALERTS_SHOWN; i++) {
		buf_addf(out, "- alert %s: fired %" PRIu64 " time%s, last %s",
		    name_of(p, v[i]), v[i]->n, plural(v[i]->n),
		    clock_format_local(ts, sizeof(ts), v[i]->wall_us));
		if (v[i]->text != NULL) {
			buf_adds(out, ": ");
			put_text(out, v[i]->text);
		}
		buf_addc(out, '\n');
	}
	if (n > ALERTS_SHOWN)
		buf_addf(out, "- and %zu more alerts\n", n - ALERTS_SHOWN);
	free(v);
}

/* The newest of them, in their order. */
static void
put_entries(struct buf *out, const struct digest_period *p)
{
	size_t skip = p->n_entries > ENTRIES_SHOWN ? p->n_entries - ENTRIES_SHOWN : 0;
	uint64_t older = p->left_out + skip;
	const struct digest_entry *e;
	char ts[CLOCK_TEXT_MAX];

	if (p->n_entries == 0)
		return;
	buf_adds(out, "Notes:\n");
	if (older > 0)
		buf_addf(out, "- (%" PRIu64 " older one%s left out)\n", older,
		    older == 1 ? " is" : "s are");
	TAILQ_FOREACH (e, &p->entries, link) {
		if (skip > 0) {
			skip--;
			continue;
		}
		buf_adds(out, "- ");
		put_text(out, e->text);
		buf_adds(out, " (");
		put_text(out, e->who);
		buf_addf(out, ", %s)\n", clock_format_local(ts, sizeof(ts), e->wall_us));
	}
}

void
digest_text(const struct digest *d, enum digest_which which, struct buf *out)
{
	const struct digest_period *p = digest_period(d, which);
	char ts[CLOCK_TEXT_MAX];

	if (digest_is_empty(d, which))
		return;
	buf_addf(out, "Since %s", clock_format_local(ts, sizeof(ts), p->since_us));
	if (p->until_us != 0)
		buf_addf(
		    out, " until %s", clock_format_local(ts, sizeof(ts), p->until_us));
	buf_adds(out, ":\n");
	put_alerts(out, p);
	if (p->emergencies > 0)
		buf_addf(out, "- %" PRIu64 " emergency stop%s\n", p->emergencies,
		    plural(p->emergencies));
	if (p->role_deaths > 0)
		buf_addf(out,
		    "- supd itself: %" PRIu64 " of its processes ended and %s "
		    "started again\n",
		    p->role_deaths, p->role_deaths == 1 ? "was" : "were");
	put_units(out, p);
	put_entries(out, p);
}
