/*
 * zone: see the header.  What a file says is checked while it is read, so that the
 * look-ups need not.
 */
#include "lib/zone.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/xalloc.h"
#include "lib/zone_rule.h"

#define ZONE_DIR "/usr/share/zoneinfo/"

enum {
	DAY_S = 86400,
	FILE_MAX = 256 * 1024,
	NAME_MAX_ = 128,
	HEADER_SIZE = 44,
	TYPE_SIZE = 6,
	OFFSET_MAX_S = 26 * 3600,
};

struct zone {
	int64_t *times;   /* ascending */
	int32_t *offsets; /* from that time on */
	size_t n;
	int32_t first_s; /* before the first of them */
	bool has_rule;   /* after the last of them */
	struct zone_rule rule;
};

/* ---- the calendar ---- */

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Years begin in March here, so that the day that comes and goes is their last; then 400
 * years always have the same number of days. */
int64_t
civil_days(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = floor_div(y, 400);
	int64_t in_era = y - era * 400;
	int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

void
civil_from_days(int64_t days, struct civil *c)
{
	int64_t era, in_era, year, in_year, m;

	days += 719468;
	era = floor_div(days, 146097);
	in_era = days - era * 146097;
	year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	in_year = in_era - (365 * year + year / 4 - year / 100);
	m = (5 * in_year + 2) / 153;
	memset(c, 0, sizeof(*c));
	c->day = (int)(in_year - (153 * m + 2) / 5 + 1);
	c->month = (int)(m < 10 ? m + 3 : m - 9);
	c->year = year + era * 400 + (c->month <= 2);
}

int
civil_weekday(int64_t days)
{
	return (int)(days + 4 - floor_div(days + 4, 7) * 7);
}

int
civil_month_days(int64_t year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

bool
civil_is_valid(const struct civil *c)
{
	return c->month >= 1 && c->month <= 12 && c->day >= 1 &&
	       c->day <= civil_month_days(c->year, c->month) && c->hour >= 0 &&
	       c->hour <= 23 && c->minute >= 0 && c->minute <= 59 && c->second >= 0 &&
	       c->second <= 59;
}

/* ---- the file ---- */

/* How many of each there are in one block of the file. */
struct block {
	size_t n_utc, n_std, n_leap, n_time, n_type, n_char;
	size_t time_size;
};

static size_t
get_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static int64_t
get_time(const uint8_t *p, size_t size)
{
	uint64_t v;

	if (size == 4)
		return (int32_t)get_u32(p);
	memcpy(&v, p, sizeof(v));
	return (int64_t)be64toh(v);
}

static size_t
block_size(const struct block *b)
{
	return b->n_time * (b->time_size + 1) + b->n_type * TYPE_SIZE + b->n_char +
	       b->n_leap * (b->time_size + 4) + b->n_std + b->n_utc;
}

/* A header at p and the block behind it are within size bytes. */
static int
read_header(const uint8_t *p, size_t size, size_t time_size, struct block *b)
{
	if (size < HEADER_SIZE || memcmp(p, "TZif", 4) != 0)
		return -1;
	*b = (struct block){
		.n_utc = get_u32(p + 20),
		.n_std = get_u32(p + 24),
		.n_leap = get_u32(p + 28),
		.n_time = get_u32(p + 32),
		.n_type = get_u32(p + 36),
		.n_char = get_u32(p + 40),
		.time_size = time_size,
	};
	/* Each is a number of bytes at least: none is more than the file has. */
	if (b->n_utc > size || b->n_std > size || b->n_leap > size || b->n_time > size ||
	    b->n_type > 256 || b->n_type == 0 || b->n_char > size)
		return -1;
	return block_size(b) <= size - HEADER_SIZE ? 0 : -1;
}

static int
read_block(const uint8_t *p, const struct block *b, struct zone *z)
{
	const uint8_t *index = p + b->n_time * b->time_size;
	const uint8_t *types = index + b->n_time;

	for (size_t i = 0; i < b->n_type; i++) {
		int64_t offset = get_time(types + i * TYPE_SIZE, 4);

		if (offset < -OFFSET_MAX_S || offset > OFFSET_MAX_S)
			return -1;
	}
	z->first_s = (int32_t)get_time(types, 4);
	z->times = xcalloc(b->n_time + 1, sizeof(*z->times));
	z->offsets = xcalloc(b->n_time + 1, sizeof(*z->offsets));
	z->n = b->n_time;
	for (size_t i = 0; i < z->n; i++) {
		if (index[i] >= b->n_type)
			return -1;
		z->times[i] = get_time(p + i * b->time_size, b->time_size);
		z->offsets[i] = (int32_t)get_time(types + index[i] * TYPE_SIZE, 4);
		if (i > 0 && z->times[i] <= z->times[i - 1])
			return -1;
	}
	return 0;
}

/* "\nTZ\n"; nothing between the two where there is no rule. */
static int
read_footer(const uint8_t *p, size_t size, struct zone *z)
{
	const uint8_t *end;
	char *text;

	if (size < 2 || p[0] != '\n' || (end = memchr(p + 1, '\n', size - 1)) == NULL)
		return -1;
	if (end == p + 1)
		return 0;
	text = xstrndup((const char *)p + 1, (size_t)(end - p - 1));
	z->has_rule = zone_rule_parse(text, &z->rule) == 0;
	free(text);
	return z->has_rule ? 0 : -1;
}

static int
parse(const uint8_t *p, size_t size, struct zone *z)
{
	struct block b;

	if (read_header(p, size, 4, &b) == -1)
		return -1;
	if (p[4] < '2')
		return read_block(p + HEADER_SIZE, &b, z);
	/* The same again, with times of 64 bits. */
	p += HEADER_SIZE + block_size(&b);
	size -= HEADER_SIZE + block_size(&b);
	if (read_header(p, size, 8, &b) == -1 || read_block(p + HEADER_SIZE, &b, z) == -1)
		return -1;
	return read_footer(
	    p + HEADER_SIZE + block_size(&b), size - HEADER_SIZE - block_size(&b), z);
}

struct zone *
zone_parse(const void *data, size_t size)
{
	struct zone *z = xcalloc(1, sizeof(*z));

	if (parse(data, size, z) == -1) {
		zone_free(z);
		errno = EBADMSG;
		return NULL;
	}
	return z;
}

static struct zone *
load_path(const char *path)
{
	struct buf b = { 0 };
	struct zone *z = NULL;
	int saved;

	if (file_read_follow_at(AT_FDCWD, path, FILE_MAX, &b) == 0)
		z = zone_parse(b.data != NULL ? b.data : "", b.len);
	saved = errno;
	buf_free(&b);
	errno = saved;
	return z;
}

static bool
is_name(const char *name)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789+-_/";
	size_t n = strlen(name);

	return n > 0 && n <= NAME_MAX_ && strspn(name, chars) == n && name[0] != '/' &&
	       name[n - 1] != '/' && strstr(name, "//") == NULL;
}

struct zone *
zone_load(const char *name)
{
	char path[sizeof(ZONE_DIR) + NAME_MAX_];

	if (!is_name(name)) {
		errno = EINVAL;
		return NULL;
	}
	memcpy(path, ZONE_DIR, sizeof(ZONE_DIR) - 1);
	memcpy(path + sizeof(ZONE_DIR) - 1, name, strlen(name) + 1);
	return load_path(path);
}

struct zone *
zone_fixed(int32_t offset_s)
{
	struct zone *z = xcalloc(1, sizeof(*z));

	z->first_s = offset_s;
	return z;
}

struct zone *
zone_local(void)
{
	const char *tz = getenv("TZ");
	struct zone *z = NULL;

	if (tz == NULL) {
		z = load_path("/etc/localtime");
	} else if (tz[0] != '\0') {
		tz += tz[0] == ':';
		z = tz[0] == '/' ? load_path(tz) : zone_load(tz);
		if (z == NULL) {
			z = zone_fixed(0);
			z->has_rule = zone_rule_parse(tz, &z->rule) == 0;
		}
	}
	return z != NULL ? z : zone_fixed(0);
}

const struct zone *
zone_here(void)
{
	static struct zone *here;

	if (here == NULL)
		here = zone_local();
	return here;
}

void
zone_free(struct zone *z)
{
	if (z == NULL)
		return;
	free(z->times);
	free(z->offsets);
	free(z);
}

/* ---- questions ---- */

const char *
zone_short_name(const struct zone *z, const char *name, int32_t *offset_s)
{
	if (z == NULL || !z->has_rule || *name == '\0')
		return NULL;
	for (int i = 0; i <= z->rule.has_summer; i++) {
		if (strcasecmp(z->rule.name[i], name) != 0)
			continue;
		*offset_s = i == 0 ? z->rule.standard_s : z->rule.summer_s;
		return z->rule.name[i];
	}
	return NULL;
}

int32_t
zone_offset_s(const struct zone *z, int64_t t)
{
	size_t low = 0, high;

	if (z == NULL)
		return 0;
	if (z->has_rule && (z->n == 0 || t >= z->times[z->n - 1]))
		return zone_rule_offset_s(&z->rule, t);
	/* The last change that is not after t is the one before low. */
	for (high = z->n; low < high;) {
		size_t mid = low + (high - low) / 2;

		if (z->times[mid] <= t)
			low = mid + 1;
		else
			high = mid;
	}
	return low == 0 ? z->first_s : z->offsets[low - 1];
}

void
zone_civil(const struct zone *z, int64_t t, struct civil *c)
{
	int64_t local = t + zone_offset_s(z, t);
	int64_t days = floor_div(local, DAY_S);
	int in_day = (int)(local - days * DAY_S);

	civil_from_days(days, c);
	c->hour = in_day / 3600;
	c->minute = in_day / 60 % 60;
	c->second = in_day % 60;
}

size_t
zone_instants(const struct zone *z, const struct civil *c, int64_t t[2])
{
	int64_t local = civil_days(c->year, c->month, c->day) * DAY_S + c->hour * 3600 +
			c->minute * 60 + c->second;
	/* Of two changes within two days none is known to be of this century. */
	int32_t before = zone_offset_s(z, local - DAY_S);
	int32_t after = zone_offset_s(z, local + DAY_S);
	size_t n = 0;

	if (zone_offset_s(z, local - before) == before)
		t[n++] = local - before;
	if (after != before && zone_offset_s(z, local - after) == after)
		t[n++] = local - after;
	if (n == 0)
		t[n++] = local - before;
	return n;
}
