/*
 * kinds_pool: the pool of a service, and what [Pool] says of when somebody is admitted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "unit/condition_int.h"
#include "unit/kinds.h"
#include "unit/name.h"
#include "unit/parse.h"
#include "unit/span.h"

static const char *const pressure_names[POOL_NPRESSURES] = {
	[POOL_PRESSURE_CPU] = "cpu",
	[POOL_PRESSURE_MEMORY] = "memory",
	[POOL_PRESSURE_IO] = "io",
};

const char *
pool_pressure_name(enum pool_pressure_of of)
{
	return pressure_names[of];
}

/* ---- which ---------------------------------------------------------------------------
 */

int
set_pool(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf b = { 0 };

	if (*value != '\0' && parse_expand(p, value, value, &b) == -1) {
		buf_free(&b);
		return -1;
	}
	if (b.len > 0 && unit_name_type(buf_str(&b)) == UNIT_TYPE_NONE)
		buf_adds(&b, ".pool");
	if (b.len > 0 &&
	    (unit_name_type(buf_str(&b)) != UNIT_POOL ||
		!unit_name_is_valid(buf_str(&b)) || unit_name_is_template(buf_str(&b)) ||
		b.len > UNIT_POOL_NAME_MAX)) {
		buf_free(&b);
		return kinds_refuse(p, d, NULL, value);
	}
	kinds_keep(field, &b);
	return 0;
}

/* ---- numbers -------------------------------------------------------------------------
 */

/* "3", "3.5", "3.25": hundredths; 0, -1. */
static int
read_centi(const char *text, uint32_t *centi)
{
	uint32_t whole = 0, part = 0, worth = 100;
	const char *s = text;

	for (; *s >= '0' && *s <= '9' && whole < 1000000; s++)
		whole = whole * 10 + (uint32_t)(*s - '0');
	if (s == text)
		return -1;
	if (*s == '.' && s[1] >= '0' && s[1] <= '9')
		for (s++; *s >= '0' && *s <= '9' && worth > 1; s++)
			part += (uint32_t)(*s - '0') * (worth /= 10);
	*centi = whole * 100 + part;
	return *s == '\0' ? 0 : -1;
}

static void
show_centi(uint32_t centi, struct buf *b)
{
	buf_addf(b, centi % 100 == 0 ? "%u" : "%u.%02u", centi / 100, centi % 100);
}

/* A text without its last character, if that is one of a share. */
static char *
without_percent(const char *value)
{
	size_t n = strlen(value);

	return n > 1 && value[n - 1] == '%' ? xstrndup(value, n - 1) : NULL;
}

/* ---- starts within a time ------------------------------------------------------------
 */

int
set_rate(struct parse *p, const struct directive *d, void *field, const char *value)
{
	const char *slash = strchr(value, '/');
	struct pool_rate r = { 0 };
	uint64_t n = 0;
	char *number;
	bool ok;

	if (*value == '\0') {
		*(struct pool_rate *)field = r;
		return 0;
	}
	if (slash == NULL)
		return kinds_refuse(p, d, NULL, value);
	number = xstrndup(value, (size_t)(slash - value));
	ok = number_parse(number, UNIT_POOL_RATE_MAX, &n) == 0 && n > 0;
	free(number);
	if (!ok)
		return kinds_refuse(p, d, value, value);
	if (span_parse(slash + 1, 1000000, &r.us) == -1 || r.us == 0 ||
	    r.us == UINT64_MAX)
		return kinds_refuse(p, d, slash + 1, value);
	r.n = (uint32_t)n;
	*(struct pool_rate *)field = r;
	return 0;
}

void
show_rate(const struct directive *d, const void *field, struct buf *b)
{
	const struct pool_rate *r = field;

	(void)d;
	if (r->n == 0)
		return;
	buf_addf(b, "%u/", r->n);
	span_format(b, r->us);
}

/* ---- how busy the machine may be -----------------------------------------------------
 */

int
set_load(struct parse *p, const struct directive *d, void *field, const char *value)
{
	char *share = without_percent(value);
	struct pool_load l = { .of_processors = share != NULL };
	int r = 0;

	if (*value != '\0')
		r = read_centi(share != NULL ? share : value, &l.centi);
	if (r == 0 && *value != '\0' && l.centi == 0)
		r = -1; /* (it would admit nobody, ever) */
	free(share);
	if (r == -1)
		return kinds_refuse(p, d, NULL, value);
	*(struct pool_load *)field = l;
	return 0;
}

void
show_load(const struct directive *d, const void *field, struct buf *b)
{
	const struct pool_load *l = field;

	(void)d;
	if (l->centi == 0)
		return;
	show_centi(l->centi, b);
	buf_adds(b, l->of_processors ? "%" : "");
}

int
set_memory_left(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	char *share = without_percent(value);
	struct pool_memory m = { 0 };
	int r = 0;

	if (share != NULL)
		r = read_centi(share, &m.permyriad);
	else if (*value != '\0')
		r = size_parse(value, &m.bytes);
	free(share);
	if (r == -1 || m.permyriad > 10000 || m.bytes == UINT64_MAX)
		return kinds_refuse(p, d, NULL, value);
	*(struct pool_memory *)field = m;
	return 0;
}

void
show_memory_left(const struct directive *d, const void *field, struct buf *b)
{
	const struct pool_memory *m = field;

	(void)d;
	if (m->permyriad != 0) {
		show_centi(m->permyriad, b);
		buf_addc(b, '%');
	} else if (m->bytes != 0) {
		size_format(b, m->bytes);
	}
}

static int
add_pressure(struct parse *p, const struct directive *d, const char *word, const char *at,
    void *field)
{
	struct pool_pressure *v = field;
	struct condition_pressure c;
	const char *why;

	for (int i = 0; i < POOL_NPRESSURES; i++) {
		size_t n = strlen(pressure_names[i]);

		if (strncmp(word, pressure_names[i], n) != 0 || word[n] != ':')
			continue;
		why = condition_read_pressure(word + n + 1, &c);
		if (why != NULL || c.slice[0] != '\0')
			break;
		v[i] = (struct pool_pressure){ c.permyriad, c.window_s };
		/* What starts now is to be seen soon. */
		if (strchr(word, '/') == NULL)
			v[i].window_s = 10;
		return 0;
	}
	return kinds_refuse(p, d, at, word);
}

int
set_pressures(struct parse *p, const struct directive *d, void *field, const char *value)
{
	if (*value == '\0') {
		memset(field, 0, sizeof(struct pool_pressure) * POOL_NPRESSURES);
		return 0;
	}
	return kinds_each_word(p, d, QUOTE_STRICT, value, field, add_pressure);
}

void
show_pressures(const struct directive *d, const void *field, struct buf *b)
{
	const struct pool_pressure *v = field;
	const char *between = "";

	(void)d;
	for (int i = 0; i < POOL_NPRESSURES; i++) {
		if (v[i].window_s == 0)
			continue;
		buf_addf(b, "%s%s:", between, pressure_names[i]);
		show_centi(v[i].permyriad, b);
		buf_addf(b, "%%/%s",
		    v[i].window_s == 10   ? "10sec"
		    : v[i].window_s == 60 ? "1min"
					  : "5min");
		between = " ";
	}
}
