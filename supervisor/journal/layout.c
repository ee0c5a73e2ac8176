/*
 * layout: see the header.
 */
#include "journal/layout.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	NAME_CUT = LAYOUT_NAME_MAX - 17, /* what is too long ends in ~ and 16 digits */
};

static const char log_suffix[] = ".log", cast_suffix[] = ".cast";

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool
ref_bytes_are_valid(const char *ref, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(ref[i]) && ref[i] != '.' && ref[i] != '_' && ref[i] != '-')
			return false;
	return n > 0 && !(n == 1 && ref[0] == '.') &&
	       !(n == 2 && ref[0] == '.' && ref[1] == '.');
}

bool
layout_ref_is_valid(const char *ref)
{
	size_t n = strlen(ref);

	return n <= LAYOUT_REF_MAX && ref_bytes_are_valid(ref, n);
}

bool
layout_day_is_valid(const char *day)
{
	int month, mday;

	for (int i = 0; i < LAYOUT_DAY_LEN; i++)
		if (day[i] < '0' || day[i] > '9')
			return false;
	month = (day[4] - '0') * 10 + day[5] - '0';
	mday = (day[6] - '0') * 10 + day[7] - '0';
	return day[LAYOUT_DAY_LEN] == '\0' && month >= 1 && month <= 12 && mday >= 1 &&
	       mday <= 31;
}

/* A backslash stands for itself, so that an escaped unit name stays what it is. */
static bool
name_byte_is_plain(char c, size_t at)
{
	if (is_alnum(c))
		return true;
	return c != '\0' && strchr("_-:@+\\~,%=", c) != NULL ? true : c == '.' && at > 0;
}

bool
layout_name_is_valid(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > LAYOUT_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!name_byte_is_plain(name[i], i))
			return false;
	return true;
}

static uint64_t
hash_of(const char *s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
	return h;
}

char *
layout_name(char *dst, size_t size, const char *text)
{
	size_t len = 0;

	assert(size > LAYOUT_NAME_MAX);
	for (size_t i = 0; text[i] != '\0'; i++) {
		size_t need = name_byte_is_plain(text[i], i) ? 1 : 4;

		if (len + need > LAYOUT_NAME_MAX) {
			/* An escape may be torn: the hash makes the name unique. */
			while (len > NAME_CUT)
				len--;
			snprintf(dst + len, size - len, "~%016llx",
			    (unsigned long long)hash_of(text));
			return dst;
		}
		if (need == 1)
			dst[len] = text[i];
		else
			snprintf(
			    dst + len, size - len, "\\x%02x", (unsigned char)text[i]);
		len += need;
	}
	if (len == 0)
		dst[len++] = '-';
	dst[len] = '\0';
	return dst;
}

char *
layout_name_of_unit(char *dst, size_t size, const char *unit)
{
	static const char *const suffixes[] = { ".service", ".timer", ".path", ".socket",
		".target", ".slice", ".pool" };
	size_t n = strlen(unit);
	char stem[512];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t k = strlen(suffixes[i]);

		if (n <= k || n - k >= sizeof(stem) ||
		    strcmp(unit + n - k, suffixes[i]) != 0)
			continue;
		memcpy(stem, unit, n - k);
		stem[n - k] = '\0';
		return layout_name(dst, size, stem);
	}
	return layout_name(dst, size, unit);
}

char *
layout_day_dir(char *dst, size_t size, const char *day)
{
	snprintf(dst, size, "journal/%s/health", day);
	return dst;
}

static char *
file_name(char *dst, size_t size, const char *ref, const char *name, unsigned alt,
    const char *suffix)
{
	if (alt == 0)
		snprintf(dst, size, "%s_%s%s", ref, name, suffix);
	else
		snprintf(dst, size, "%s.%u_%s%s", ref, alt, name, suffix);
	return dst;
}

static char *
file_path(char *dst, size_t size, const char *day, const char *ref, const char *name,
    unsigned alt, const char *suffix)
{
	int n = snprintf(dst, size, "journal/%s/health/", day);

	if (n > 0 && (size_t)n < size)
		file_name(dst + n, size - (size_t)n, ref, name, alt, suffix);
	return dst;
}

char *
layout_log_file(char *dst, size_t size, const char *ref, const char *name, unsigned alt)
{
	return file_name(dst, size, ref, name, alt, log_suffix);
}

char *
layout_cast_file(char *dst, size_t size, const char *ref, const char *name, unsigned alt)
{
	return file_name(dst, size, ref, name, alt, cast_suffix);
}

char *
layout_log_path(char *dst, size_t size, const char *day, const char *ref,
    const char *name, unsigned alt)
{
	return file_path(dst, size, day, ref, name, alt, log_suffix);
}

char *
layout_cast_path(char *dst, size_t size, const char *day, const char *ref,
    const char *name, unsigned alt)
{
	return file_path(dst, size, day, ref, name, alt, cast_suffix);
}

char *
layout_link_file(char *dst, size_t size, const char *name)
{
	snprintf(dst, size, "%s%s", name, log_suffix);
	return dst;
}

char *
layout_cast_link_file(char *dst, size_t size, const char *name)
{
	snprintf(dst, size, "%s%s", name, cast_suffix);
	return dst;
}

char *
layout_link_path(char *dst, size_t size, const char *name)
{
	snprintf(dst, size, "journal/health/%s%s", name, log_suffix);
	return dst;
}

char *
layout_cast_link_path(char *dst, size_t size, const char *name)
{
	snprintf(dst, size, "journal/health/%s%s", name, cast_suffix);
	return dst;
}

char *
layout_link_target(char *dst, size_t size, const char *day, const char *file)
{
	snprintf(dst, size, "../%s/health/%s", day, file);
	return dst;
}

char *
layout_events_path(char *dst, size_t size, const char *day)
{
	snprintf(dst, size, "journal/%s/events.jsonl", day);
	return dst;
}

static bool
has_end(const char *file, size_t n, const char *suffix)
{
	size_t k = strlen(suffix);

	return n > k && strcmp(file + n - k, suffix) == 0;
}

/* What the suffix says; the length of the file's name without it, 0 if it has none. */
static size_t
stem_length(const char *file, struct layout_file *f)
{
	size_t n = strlen(file);

	*f = (struct layout_file){ 0 };
	if (has_end(file, n, log_suffix))
		return n - strlen(log_suffix);
	f->compressed = has_end(file, n, ".log.gz");
	if (f->compressed)
		return n - strlen(".log.gz");
	f->cast = has_end(file, n, cast_suffix);
	return f->cast ? n - strlen(cast_suffix) : 0;
}

static bool
fill_file(const char *file, size_t ref_len, size_t stem_len, struct layout_file *f)
{
	size_t name_len;

	if (ref_len + 2 > stem_len || ref_len >= sizeof(f->ref) ||
	    !ref_bytes_are_valid(file, ref_len))
		return false;
	name_len = stem_len - ref_len - 1;
	if (name_len >= sizeof(f->name))
		return false;
	memcpy(f->ref, file, ref_len);
	memcpy(f->name, file + ref_len + 1, name_len);
	return layout_name_is_valid(f->name);
}

static bool
parse_file(const char *file, bool cast, struct layout_file *out)
{
	struct layout_file f;
	size_t stem = stem_length(file, &f);
	const char *sep = memchr(file, '_', stem);

	if (stem == 0 || f.cast != cast || sep == NULL ||
	    !fill_file(file, (size_t)(sep - file), stem, &f))
		return false;
	*out = f;
	return true;
}

bool
layout_parse_file(const char *file, struct layout_file *out)
{
	return parse_file(file, false, out);
}

bool
layout_parse_cast(const char *file, struct layout_file *out)
{
	return parse_file(file, true, out);
}

static bool
file_is_of(const char *file, bool cast, const char *name, struct layout_file *out)
{
	struct layout_file f;
	size_t stem = stem_length(file, &f), n = strlen(name);

	if (stem < n + 2 || f.cast != cast || memcmp(file + stem - n, name, n) != 0 ||
	    file[stem - n - 1] != '_' || !fill_file(file, stem - n - 1, stem, &f))
		return false;
	*out = f;
	return true;
}

bool
layout_file_is_of(const char *file, const char *name, struct layout_file *out)
{
	return file_is_of(file, false, name, out);
}

bool
layout_cast_is_of(const char *file, const char *name, struct layout_file *out)
{
	return file_is_of(file, true, name, out);
}

static bool
parse_target(const char *target, bool cast, char day[LAYOUT_DAY_LEN + 1], char *file)
{
	static const char middle[] = "/health/";
	char d[LAYOUT_DAY_LEN + 1];
	struct layout_file lf;
	size_t n;

	if (strncmp(target, "../", 3) != 0 || strlen(target) < 3 + LAYOUT_DAY_LEN)
		return false;
	memcpy(d, target + 3, LAYOUT_DAY_LEN);
	d[LAYOUT_DAY_LEN] = '\0';
	target += 3 + LAYOUT_DAY_LEN;
	if (!layout_day_is_valid(d) || strncmp(target, middle, sizeof(middle) - 1) != 0)
		return false;
	target += sizeof(middle) - 1;
	n = strlen(target);
	if (n >= LAYOUT_FILE_MAX || strchr(target, '/') != NULL ||
	    !parse_file(target, cast, &lf))
		return false;
	memcpy(day, d, sizeof(d));
	memcpy(file, target, n + 1);
	return true;
}

bool
layout_parse_target(const char *target, char day[LAYOUT_DAY_LEN + 1], char *file)
{
	return parse_target(target, false, day, file);
}

bool
layout_parse_cast_target(const char *target, char day[LAYOUT_DAY_LEN + 1], char *file)
{
	return parse_target(target, true, day, file);
}

/* The leading digits of a ref as a number, and what follows them. */
static bool
ref_number(const char *ref, uint64_t *v, const char **rest)
{
	char *end;

	if (ref[0] < '0' || ref[0] > '9')
		return false;
	*v = strtoull(ref, &end, 10);
	*rest = end;
	return *end == '\0' || *end == '.';
}

int
layout_ref_cmp(const char *a, const char *b)
{
	const char *ra = "", *rb = "";
	uint64_t va = 0, vb = 0;
	bool na = ref_number(a, &va, &ra), nb = ref_number(b, &vb, &rb);

	if (na != nb)
		return na ? -1 : 1;
	if (na && va != vb)
		return va < vb ? -1 : 1;
	return na ? strcmp(ra, rb) : strcmp(a, b);
}
