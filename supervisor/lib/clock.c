/*
 * clock: see the header.  Calendar arithmetic is left to the C library, which knows the
 * time zones; here it is only asked questions whose answers can be checked.
 */
#include "lib/clock.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct {
	clock_source *fn;
	void *arg;
} source;

static uint64_t
read_clock(enum clock_kind kind)
{
	static const clockid_t ids[] = {
		[CLOCK_KIND_MONO] = CLOCK_MONOTONIC,
		[CLOCK_KIND_BOOT] = CLOCK_BOOTTIME,
		[CLOCK_KIND_WALL] = CLOCK_REALTIME,
		[CLOCK_KIND_CPU] = CLOCK_THREAD_CPUTIME_ID,
	};
	struct timespec ts;
	int r;

	if (source.fn != NULL)
		return source.fn(kind, source.arg);
	r = clock_gettime(ids[kind], &ts);
	assert(r == 0);
	/* A wall clock before the epoch is a broken machine; answer with the epoch. */
	if (ts.tv_sec < 0)
		return 0;
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
clock_mono_us(void)
{
	return read_clock(CLOCK_KIND_MONO);
}

int64_t
clock_file_ns(void)
{
	struct timespec ts;
	int r = clock_gettime(CLOCK_REALTIME_COARSE, &ts);

	assert(r == 0);
	(void)r;
	return (int64_t)ts.tv_sec * 1000000000 + (int64_t)ts.tv_nsec;
}

uint64_t
clock_boot_us(void)
{
	return read_clock(CLOCK_KIND_BOOT);
}

uint64_t
clock_wall_us(void)
{
	return read_clock(CLOCK_KIND_WALL);
}

uint64_t
clock_cpu_us(void)
{
	return read_clock(CLOCK_KIND_CPU);
}

uint64_t
clock_add_us(uint64_t a_us, uint64_t b_us)
{
	uint64_t sum;

	return __builtin_add_overflow(a_us, b_us, &sum) ? USEC_INFINITY : sum;
}

void
clock_set_source(clock_source *fn, void *arg)
{
	source.fn = fn;
	source.arg = arg;
}

/* ---- writing ---- */

static void
to_local(uint64_t wall_us, struct tm *tm)
{
	time_t t = (time_t)(wall_us / USEC_PER_SEC);

	/* Fails for years beyond an int, which 64-bit microseconds do not reach. */
	if (localtime_r(&t, tm) == NULL)
		memset(tm, 0, sizeof(*tm));
}

static int
print_tm(char *dst, size_t size, const struct tm *tm)
{
	return snprintf(dst, size, "%04d-%02d-%02dT%02d:%02d:%02d", tm->tm_year + 1900,
	    tm->tm_mon + 1, tm->tm_mday, tm->tm_hour, tm->tm_min, tm->tm_sec);
}

char *
clock_format_local(char *dst, size_t size, uint64_t wall_us)
{
	struct tm tm;

	to_local(wall_us, &tm);
	print_tm(dst, size, &tm);
	return dst;
}

char *
clock_format_local_frac(char *dst, size_t size, uint64_t wall_us, int digits)
{
	uint64_t frac = wall_us % USEC_PER_SEC;
	struct tm tm;
	int n;

	assert(digits >= 0 && digits <= 6);
	to_local(wall_us, &tm);
	n = print_tm(dst, size, &tm);
	if (digits == 0 || n < 0 || (size_t)n >= size)
		return dst;
	for (int i = digits; i < 6; i++)
		frac /= 10;
	snprintf(dst + n, size - (size_t)n, ".%0*" PRIu64, digits, frac);
	return dst;
}

char *
clock_format_utc(char *dst, size_t size, uint64_t wall_us)
{
	time_t t = (time_t)(wall_us / USEC_PER_SEC);
	struct tm tm;
	int n;

	if (gmtime_r(&t, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	n = print_tm(dst, size, &tm);
	if (n >= 0 && (size_t)n < size)
		snprintf(
		    dst + n, size - (size_t)n, ".%06" PRIu64 "Z", wall_us % USEC_PER_SEC);
	return dst;
}

char *
clock_format_duration(char *dst, size_t size, uint64_t us)
{
	uint64_t s = us / USEC_PER_SEC;

	if (us == USEC_INFINITY)
		snprintf(dst, size, "infinity");
	else if (us < USEC_PER_SEC)
		snprintf(dst, size, "%" PRIu64 "ms", us / USEC_PER_MSEC);
	else if (us < USEC_PER_MINUTE)
		snprintf(dst, size, "%" PRIu64 ".%" PRIu64 "s", s, us / 100000 % 10);
	else if (us < USEC_PER_HOUR)
		snprintf(dst, size, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else
		snprintf(dst, size, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	return dst;
}

/* ---- reading ---- */

/* Exactly n digits. */
static int
read_digits(const char **s, int n, int *out)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		char c = (*s)[i];

		if (c < '0' || c > '9')
			return -1;
		v = v * 10 + (c - '0');
	}
	*s += n;
	*out = v;
	return 0;
}

static int
read_sep_digits(const char **s, char sep, int n, int *out)
{
	if (**s != sep)
		return -1;
	(*s)++;
	return read_digits(s, n, out);
}

/* ".123": digits beyond the sixth are read and dropped. */
static int
read_fraction(const char **s, uint64_t *us)
{
	uint64_t unit = USEC_PER_SEC / 10;

	*us = 0;
	if (**s != '.')
		return 0;
	(*s)++;
	if (**s < '0' || **s > '9')
		return -1;
	for (; **s >= '0' && **s <= '9'; (*s)++) {
		*us += (uint64_t)(**s - '0') * unit;
		unit /= 10;
	}
	return 0;
}

/* "Z", "+02:00" or nothing.  *utc says whether there was a zone at all. */
static int
read_zone(const char **s, bool *utc, int *offset_s)
{
	int hour, minute, sign;

	*utc = false;
	*offset_s = 0;
	if (**s == '\0')
		return 0;
	*utc = true;
	if (**s == 'Z') {
		(*s)++;
		return 0;
	}
	if (**s != '+' && **s != '-')
		return -1;
	sign = *(*s)++ == '-' ? -1 : 1;
	if (read_digits(s, 2, &hour) == -1 || read_sep_digits(s, ':', 2, &minute) == -1 ||
	    hour > 15 || minute > 59)
		return -1;
	*offset_s = sign * (hour * 3600 + minute * 60);
	return 0;
}

static int
tm_to_wall(struct tm *tm, bool utc, int offset_s, uint64_t frac_us, uint64_t *wall_us)
{
	struct tm want = *tm;
	time_t t;

	tm->tm_isdst = -1;
	errno = 0;
	t = utc ? timegm(tm) : mktime(tm);
	/* The library moves the 30th of February to March; here it is an error. */
	if (want.tm_sec <= 59 &&
	    (tm->tm_mday != want.tm_mday || tm->tm_mon != want.tm_mon)) {
		errno = EINVAL;
		return -1;
	}
	t -= offset_s;
	if (t < 0) {
		errno = ERANGE;
		return -1;
	}
	*wall_us = (uint64_t)t * USEC_PER_SEC + frac_us;
	return 0;
}

static int
parse_epoch(const char *s, uint64_t *wall_us)
{
	uint64_t v = 0, frac;

	if (*s < '0' || *s > '9')
		goto invalid;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			goto range;
	}
	if (read_fraction(&s, &frac) == -1 || *s != '\0')
		goto invalid;
	if (__builtin_mul_overflow(v, USEC_PER_SEC, &v) ||
	    __builtin_add_overflow(v, frac, &v))
		goto range;
	*wall_us = v;
	return 0;
invalid:
	errno = EINVAL;
	return -1;
range:
	errno = ERANGE;
	return -1;
}

static bool
is_plausible(const struct tm *tm)
{
	return tm->tm_mon >= 0 && tm->tm_mon <= 11 && tm->tm_mday >= 1 &&
	       tm->tm_mday <= 31 && tm->tm_hour <= 23 && tm->tm_min <= 59 &&
	       tm->tm_sec <= 60;
}

int
clock_parse(const char *s, uint64_t *wall_us)
{
	struct tm tm = { 0 };
	uint64_t frac = 0;
	int year, offset = 0;
	bool utc = false;

	if (*s == '@')
		return parse_epoch(s + 1, wall_us);
	if (read_digits(&s, 4, &year) == -1 ||
	    read_sep_digits(&s, '-', 2, &tm.tm_mon) == -1 ||
	    read_sep_digits(&s, '-', 2, &tm.tm_mday) == -1)
		goto invalid;
	if (*s != '\0') {
		if (*s != 'T' && *s != ' ')
			goto invalid;
		s++;
		if (read_digits(&s, 2, &tm.tm_hour) == -1 ||
		    read_sep_digits(&s, ':', 2, &tm.tm_min) == -1)
			goto invalid;
		if (*s == ':' && (read_sep_digits(&s, ':', 2, &tm.tm_sec) == -1 ||
				     read_fraction(&s, &frac) == -1))
			goto invalid;
		if (read_zone(&s, &utc, &offset) == -1 || *s != '\0')
			goto invalid;
	}
	tm.tm_year = year - 1900;
	tm.tm_mon--;
	if (!is_plausible(&tm))
		goto invalid;
	return tm_to_wall(&tm, utc, offset, frac, wall_us);
invalid:
	errno = EINVAL;
	return -1;
}

/* ---- days ---- */

/* The local day as one number that grows with time. */
static int64_t
day_number(uint64_t wall_us)
{
	struct tm tm;

	to_local(wall_us, &tm);
	return ((int64_t)tm.tm_year * 12 + tm.tm_mon) * 31 + tm.tm_mday - 1;
}

/*
 * The C library reads /etc/localtime once.  Whoever gives the machine another zone does
 * not start every program anew, so it is looked at again, once a second at most.
 */
static void
follow_zone(void)
{
	static time_t looked;
	time_t now = time(NULL);

	if (now == looked)
		return;
	looked = now;
	tzset();
}

char *
clock_day(char *dst, size_t size, uint64_t wall_us)
{
	struct tm tm;

	follow_zone();
	to_local(wall_us, &tm);
	snprintf(dst, size, "%04d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	return dst;
}

/*
 * The first second in (low, high] whose day is later than that of low.  Midnight itself
 * cannot be asked for: in some zones the clocks skip it on some days.
 */
static uint64_t
find_day_change(uint64_t low_us, uint64_t high_us)
{
	int64_t day = day_number(low_us);
	uint64_t low = low_us / USEC_PER_SEC, high = high_us / USEC_PER_SEC;

	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;

		if (day_number(mid * USEC_PER_SEC) > day)
			high = mid;
		else
			low = mid;
	}
	return high * USEC_PER_SEC;
}

uint64_t
clock_next_midnight_us(uint64_t wall_us)
{
	uint64_t high = wall_us;
	int64_t day = day_number(wall_us);

	/* A day has at most 25 hours or so; a zone that stays on one date is not known.
	 */
	for (int i = 0; i < 4; i++) {
		high = clock_add_us(high, 26 * USEC_PER_HOUR);
		if (high == USEC_INFINITY)
			return USEC_INFINITY;
		if (day_number(high) > day)
			return find_day_change(wall_us, high);
	}
	return high;
}

int
clock_parse_day(const char *day, uint64_t *wall_us)
{
	char again[CLOCK_DAY_MAX];
	struct tm tm = { 0 };
	uint64_t noon, start;
	int year;

	if (read_digits(&day, 4, &year) == -1 || read_digits(&day, 2, &tm.tm_mon) == -1 ||
	    read_digits(&day, 2, &tm.tm_mday) == -1 || *day != '\0')
		goto invalid;
	tm.tm_year = year - 1900;
	tm.tm_mon--;
	tm.tm_hour = 12;
	if (!is_plausible(&tm) || tm_to_wall(&tm, false, 0, 0, &noon) == -1)
		goto invalid;
	/* Noon exists on every day; its day's start is the change after the noon before.
	 */
	if (noon < 36 * USEC_PER_HOUR) {
		start = 0;
	} else {
		start = noon - 36 * USEC_PER_HOUR;
		while (start < noon && day_number(start) < day_number(noon))
			start = clock_next_midnight_us(start);
	}
	clock_day(again, sizeof(again), start);
	if (strncmp(again, day - 8, 8) != 0)
		goto invalid;
	*wall_us = start;
	return 0;
invalid:
	errno = EINVAL;
	return -1;
}
