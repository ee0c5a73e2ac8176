/*
 * kinds_limits: what a process may use, and how it stands among the others: Limit*=,
 * Nice=, OOMScoreAdjust=.
 */
#include <sys/resource.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/parse.h"
#include "unit/span.h"

enum limit_unit {
	LIMIT_PLAIN,
	LIMIT_BYTES,
	LIMIT_SECONDS,
	LIMIT_MICROSECONDS,
	LIMIT_NICE,
};

struct limit_row {
	const char *name;
	int resource;
	enum limit_unit unit;
};

static const struct limit_row limit_rows[] = {
	{ "AS", RLIMIT_AS, LIMIT_BYTES },
	{ "CORE", RLIMIT_CORE, LIMIT_BYTES },
	{ "CPU", RLIMIT_CPU, LIMIT_SECONDS },
	{ "DATA", RLIMIT_DATA, LIMIT_BYTES },
	{ "FSIZE", RLIMIT_FSIZE, LIMIT_BYTES },
	{ "LOCKS", RLIMIT_LOCKS, LIMIT_PLAIN },
	{ "MEMLOCK", RLIMIT_MEMLOCK, LIMIT_BYTES },
	{ "MSGQUEUE", RLIMIT_MSGQUEUE, LIMIT_BYTES },
	{ "NICE", RLIMIT_NICE, LIMIT_NICE },
	{ "NOFILE", RLIMIT_NOFILE, LIMIT_PLAIN },
	{ "NPROC", RLIMIT_NPROC, LIMIT_PLAIN },
	{ "RSS", RLIMIT_RSS, LIMIT_BYTES },
	{ "RTPRIO", RLIMIT_RTPRIO, LIMIT_PLAIN },
	{ "RTTIME", RLIMIT_RTTIME, LIMIT_MICROSECONDS },
	{ "SIGPENDING", RLIMIT_SIGPENDING, LIMIT_PLAIN },
	{ "STACK", RLIMIT_STACK, LIMIT_BYTES },
};

static const struct limit_row *
limit_row_of(const struct directive *d)
{
	size_t i = sizeof(limit_rows) / sizeof(limit_rows[0]) - 1;

	/* Each Limit...= of the table has a row: a test holds it to that. */
	while (i > 0 && strcmp(d->key + strlen("Limit"), limit_rows[i].name) != 0)
		i--;
	return &limit_rows[i];
}

const char *
limit_conf_name(const struct limit_conf *l)
{
	size_t i = sizeof(limit_rows) / sizeof(limit_rows[0]) - 1;

	while (i > 0 && limit_rows[i].resource != l->resource)
		i--;
	return limit_rows[i].name;
}

static int
parse_limit(const char *text, enum limit_unit unit, uint64_t *value)
{
	int64_t nice;
	uint64_t us;

	if (strcmp(text, "infinity") == 0) {
		*value = RLIM_INFINITY;
		return 0;
	}
	switch (unit) {
	case LIMIT_PLAIN:
		return number_parse(text, UINT64_MAX - 1, value);
	case LIMIT_BYTES:
		return size_parse(text, value);
	case LIMIT_SECONDS:
		if (span_parse(text, 1000000, &us) == -1)
			return -1;
		/* Rounded up, so that 500ms is not "no time at all". */
		*value = us / 1000000 + (us % 1000000 != 0);
		return 0;
	case LIMIT_MICROSECONDS:
		return span_parse(text, 1, value);
	case LIMIT_NICE:
		if (*text != '+' && *text != '-')
			return number_parse(text, 40, value);
		if (integer_parse(text, -20, 19, &nice) == -1)
			return -1;
		*value = (uint64_t)(20 - nice);
		return 0;
	}
	errno = EINVAL;
	return -1;
}

static struct limit_conf *
find_limit(const struct exec_conf *x, int resource)
{
	for (size_t i = 0; i < x->n_limits; i++)
		if (x->limits[i].resource == resource)
			return &x->limits[i];
	return NULL;
}

int
set_limit(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;
	const struct limit_row *row = limit_row_of(d);
	struct limit_conf *limit = find_limit(x, row->resource);
	uint64_t soft, hard;
	char *copy;
	char *colon;
	int r;

	if (*value == '\0') {
		if (limit != NULL)
			*limit = x->limits[--x->n_limits];
		return 0;
	}
	copy = xstrdup(value);
	colon = strchr(copy, ':');
	if (colon != NULL)
		*colon = '\0';
	r = parse_limit(copy, row->unit, &soft);
	hard = soft;
	if (r == 0 && colon != NULL)
		r = parse_limit(colon + 1, row->unit, &hard);
	free(copy);
	if (r == -1) {
		parse_error(p, NULL, NULL, "\"%s\" is not understood: %s= takes %s",
		    value, d->key, d->kind->syntax);
		return -1;
	}
	if (soft > hard) {
		parse_error(
		    p, NULL, NULL, "the soft limit of %s= is above the hard one", d->key);
		return -1;
	}
	if (limit == NULL) {
		x->limits = xreallocarray(x->limits, x->n_limits + 1, sizeof(*x->limits));
		limit = &x->limits[x->n_limits++];
	}
	*limit = (struct limit_conf){ row->resource, soft, hard };
	return 0;
}

static void
show_limit_value(uint64_t v, struct buf *b)
{
	if (v == (uint64_t)RLIM_INFINITY)
		buf_adds(b, "infinity");
	else
		buf_addf(b, "%llu", (unsigned long long)v);
}

void
show_limit(const struct directive *d, const void *field, struct buf *b)
{
	const struct limit_conf *limit = find_limit(field, limit_row_of(d)->resource);

	if (limit == NULL)
		return;
	show_limit_value(limit->soft, b);
	if (limit->hard != limit->soft) {
		buf_addc(b, ':');
		show_limit_value(limit->hard, b);
	}
}

static int
set_ranged(struct parse *p, const struct directive *d, const char *value, int min,
    int max, int *number, bool *is_set)
{
	int64_t n = 0;

	if (*value != '\0' && integer_parse(value, min, max, &n) == -1) {
		parse_error(p, NULL, NULL,
		    errno == ERANGE ? "\"%s\" is out of range for %s=, which takes %s"
				    : "\"%s\" is not understood: %s= takes %s",
		    value, d->key, d->kind->syntax);
		return -1;
	}
	*number = (int)n;
	*is_set = *value != '\0';
	return 0;
}

int
set_nice(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;

	return set_ranged(p, d, value, -20, 19, &x->nice, &x->nice_set);
}

void
show_nice(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_conf *x = field;

	(void)d;
	if (x->nice_set)
		buf_addf(b, "%d", x->nice);
}

int
set_oom_score(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;

	return set_ranged(
	    p, d, value, -1000, 1000, &x->oom_score_adjust, &x->oom_score_adjust_set);
}

void
show_oom_score(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_conf *x = field;

	(void)d;
	if (x->oom_score_adjust_set)
		buf_addf(b, "%d", x->oom_score_adjust);
}
