/*
 * memory: what the fleet remembers of its transcripts, made from what extract says of
 *them.
 *
 *	memory fact-mine STATE TRANSCRIPT
 *	memory consolidate|decay STATE DATE
 *	memory knowledge-loop STATE DATE [CYCLES [BATCH]]
 *	memory digest STATE DATE
 *
 * STATE has extract/PROJECT/NAME.json (extract -p) and gets
 *
 *	facts/PROJECT/NAME.json		what one transcript touched, used and cost
 *	daily/DATE/consolidate.json	sums of all facts, by the day of the transcript
 *	daily/DATE/decay.json		what each weighs by now: half of it after 30 days
 *	knowledge.json			which files come up how often; what went into it
 *	daily/DATE/knowledge-loop.json	how that has grown
 *	daily/DATE/digest.txt		the day for a person, written last
 *
 * Each is replaced in one step and made from what is there, so that a run that is cut
 *off, or made twice, leaves what one run does.  consolidate mines first what was
 *extracted and not mined, as after a crash in between.
 *
 * Exit status: 0 done, 1 it failed, 2 usage, 75 something that comes before is not there
 *yet.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"

enum {
	JSON_BYTES_MAX = 32 * 1024 * 1024,
	DAY_CHARS = 10, /* YYYY-MM-DD */
	TOP_FILES = 5,
	CYCLES = 100,
	BATCH = 5,
};

static int state; /* the folder */

static struct jv *
load(const char *path)
{
	struct buf b = { 0 };
	struct jv *v;

	if (file_read_at(state, path, JSON_BYTES_MAX, &b) == -1) {
		if (errno != ENOENT)
			err(1, "%s", path);
		return NULL;
	}
	v = jv_parse(buf_str(&b), b.len, NULL);
	if (v == NULL)
		errx(1, "%s: it is no JSON; remove it, and it is made again", path);
	buf_free(&b);
	return v;
}

static void
store_text(const char *path, const struct buf *text)
{
	char *folder = xstrdup(path);

	*strrchr(folder, '/') = '\0';
	if (mkdir_p_at(state, folder, 0750) == -1)
		err(1, "%s", folder);
	free(folder);
	if (file_write_atomic(state, path, text->data, text->len, 0640, true) == -1)
		err(1, "%s", path);
}

static void
store(const char *path, struct jw *w)
{
	struct buf text = { 0 };

	jw_take(w, &text);
	jw_free(w);
	store_text(path, &text);
	buf_free(&text);
}

static void
list_folder(const char *path, const char *below, struct strv *out)
{
	DIR *d = dir_open_at(state, path);
	const struct dirent *e;

	if (d == NULL) {
		if (errno != ENOENT && errno != ENOTDIR)
			err(1, "%s", path);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name);

		if (e->d_name[0] == '.' || file_is_temp(e->d_name))
			continue;
		if (below == NULL) {
			char *sub = xasprintf("%s/%s", path, e->d_name);

			list_folder(sub, e->d_name, out);
			free(sub);
		} else if (n > 5 && strcmp(e->d_name + n - 5, ".json") == 0) {
			strv_addf(out, "%s/%.*s", below, (int)(n - 5), e->d_name);
		}
	}
	closedir(d);
}

/* PROJECT/NAME of all below extract/ or facts/, in order. */
static void
list(const char *of, struct strv *out)
{
	list_folder(of, NULL, out);
	strv_sort(out);
}

static void
add(struct map *m, const char *key, uint64_t n)
{
	uint64_t *sum = map_get(m, key);

	if (sum == NULL) {
		sum = xcalloc(1, sizeof(*sum));
		map_set(m, key, sum);
	}
	*sum += n;
}

static void
put_sums(struct jw *w, const char *name, const struct map *m)
{
	struct strv keys = { 0 };

	map_keys(m, &keys);
	strv_sort(&keys);
	jw_kv_obj(w, name);
	for (size_t i = 0; i < keys.n; i++)
		jw_kv_u64(w, keys.v[i], *(uint64_t *)map_get(m, keys.v[i]));
	jw_end(w);
	strv_free(&keys);
}

static uint64_t
count_of(const struct jv *v)
{
	int64_t n = jv_i64(v, 0);

	return n < 0 ? 0 : (uint64_t)n;
}

/* The day of a time stamp; of one that has none "unknown". */
static void
day_of(const char *stamp, char *day)
{
	if (strlen(stamp) < DAY_CHARS || stamp[4] != '-' || stamp[7] != '-')
		stamp = "unknown";
	snprintf(day, DAY_CHARS + 1, "%.*s", DAY_CHARS, stamp);
}

/* ---- facts ---------------------------------------------------------------------------
 */

static bool
is_mined(const char *key)
{
	char *from = xasprintf("extract/%s.json", key),
	     *to = xasprintf("facts/%s.json", key);
	struct stat a, b;
	bool mined = fstatat(state, from, &a, 0) == 0 && fstatat(state, to, &b, 0) == 0 &&
		     (b.st_mtim.tv_sec > a.st_mtim.tv_sec ||
			 (b.st_mtim.tv_sec == a.st_mtim.tv_sec &&
			     b.st_mtim.tv_nsec >= a.st_mtim.tv_nsec));

	free(from);
	free(to);
	return mined;
}

/* Whether its summary is there. */
static bool
mine(const char *key)
{
	char *path = xasprintf("extract/%s.json", key);
	struct jv *v = load(path);
	char day[DAY_CHARS + 1];
	const struct jv *part;
	struct jw *w;

	free(path);
	if (v == NULL)
		return false;
	w = jw_new(JW_PRETTY);
	jw_obj(w);
	jw_kv_str(w, "transcript", key);
	day_of(jv_str(jv_get(v, "first"), ""), day);
	jw_kv_str(w, "day", day);
	jw_kv_u64(w, "tokens",
	    count_of(jv_pointer(v, "/tokens/input")) +
		count_of(jv_pointer(v, "/tokens/output")));
	jw_kv_u64(w, "errors", count_of(jv_get(v, "errors")));
	part = jv_get(v, "tools");
	jw_kv_obj(w, "used");
	for (size_t i = 0; i < jv_count(part); i++)
		jw_kv_u64(w, jv_key_at(part, i), count_of(jv_at(part, i)));
	jw_end(w);
	part = jv_get(v, "files");
	jw_kv_arr(w, "touched");
	for (size_t i = 0; i < jv_count(part); i++)
		jw_str(w, jv_str(jv_at(part, i), "?"));
	jw_end(w);
	jw_end(w);
	path = xasprintf("facts/%s.json", key);
	store(path, w);
	free(path);
	jv_free(v);
	return true;
}

static int
fact_mine(const char *transcript)
{
	const char *name = strrchr(transcript, '/'), *project;
	char *key;

	if (name == NULL || name == transcript)
		errx(2, "%s: the path of a transcript has a folder", transcript);
	for (project = name; project > transcript && project[-1] != '/'; project--)
		;
	key = xasprintf("%.*s/%s", (int)(name - project), project, name + 1);
	if (!mine(key))
		errx(EX_TEMPFAIL, "%s is not extracted yet", key);
	printf("mined %s\n", key);
	free(key);
	return 0;
}

/* ---- the day -------------------------------------------------------------------------
 */

static void
facts_of(const char *key, struct jv **v)
{
	char *path = xasprintf("facts/%s.json", key);

	*v = load(path);
	free(path);
}

static int
consolidate(const char *date)
{
	struct map days = { 0 }, tokens = { 0 }, errors = { 0 }, tools = { 0 };
	struct strv keys = { 0 };
	struct jw *w = jw_new(JW_PRETTY);
	size_t late = 0;
	char *path;

	list("extract", &keys);
	for (size_t i = 0; i < keys.n; i++)
		if (!is_mined(keys.v[i]) && mine(keys.v[i]))
			late++;
	strv_clear(&keys);
	list("facts", &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const struct jv *used;
		const char *day;
		struct jv *v;

		facts_of(keys.v[i], &v);
		day = jv_str(jv_get(v, "day"), "unknown");
		add(&days, day, 1);
		add(&tokens, day, count_of(jv_get(v, "tokens")));
		add(&errors, day, count_of(jv_get(v, "errors")));
		used = jv_get(v, "used");
		for (size_t t = 0; t < jv_count(used); t++)
			add(&tools, jv_key_at(used, t), count_of(jv_at(used, t)));
		jv_free(v);
	}
	jw_obj(w);
	jw_kv_str(w, "date", date);
	jw_kv_u64(w, "transcripts", keys.n);
	jw_kv_u64(w, "mined_late", late);
	put_sums(w, "by_day", &days);
	put_sums(w, "tokens_by_day", &tokens);
	put_sums(w, "errors_by_day", &errors);
	put_sums(w, "tools", &tools);
	jw_end(w);
	path = xasprintf("daily/%s/consolidate.json", date);
	store(path, w);
	printf("consolidated %" PRIu32 " transcripts, %zu of them mined now\n", keys.n,
	    late);
	free(path);
	strv_free(&keys);
	map_clear(&days, free);
	map_clear(&tokens, free);
	map_clear(&errors, free);
	map_clear(&tools, free);
	return 0;
}

/* Days from 1970 to it, -1 when it is none. */
static int64_t
day_number(const char *day)
{
	struct tm tm = { 0 };
	const char *end = strptime(day, "%Y-%m-%d", &tm);

	return end == NULL || *end != '\0' ? -1 : (int64_t)(timegm(&tm) / 86400);
}

static int
decay(const char *date)
{
	struct strv keys = { 0 };
	struct jw *w = jw_new(JW_PRETTY);
	size_t forgotten = 0;
	char *path;

	list("facts", &keys);
	jw_obj(w);
	jw_kv_str(w, "date", date);
	jw_kv_obj(w, "permille");
	for (size_t i = 0; i < keys.n; i++) {
		int64_t at, age;
		struct jv *v;

		facts_of(keys.v[i], &v);
		at = day_number(jv_str(jv_get(v, "day"), ""));
		age = at == -1 ? 0 : day_number(date) - at;
		/* Halves each 30 days, and evenly between them; less than one is nothing.
		 */
		if (age >= 300)
			forgotten++;
		else if (age <= 0)
			jw_kv_u64(w, keys.v[i], 1000);
		else
			jw_kv_u64(w, keys.v[i],
			    (UINT64_C(1000) >> (age / 30)) * (uint64_t)(60 - age % 30) /
				60);
		jv_free(v);
	}
	jw_end(w);
	jw_kv_u64(w, "forgotten", forgotten);
	jw_end(w);
	path = xasprintf("daily/%s/decay.json", date);
	store(path, w);
	printf("%" PRIu32 " transcripts weighed, %zu of them forgotten\n", keys.n,
	    forgotten);
	free(path);
	strv_free(&keys);
	return 0;
}

static void
know(const char *key, struct map *files)
{
	const struct jv *touched;
	struct jv *v;

	facts_of(key, &v);
	touched = jv_get(v, "touched");
	for (size_t i = 0; i < jv_count(touched); i++)
		add(files, jv_str(jv_at(touched, i), "?"), 1);
	jv_free(v);
}

static int
knowledge_loop(const char *date, uint64_t cycles_max, uint64_t batch)
{
	struct jv *was = load("knowledge.json");
	const struct jv *part;
	struct strv keys = { 0 }, known = { 0 };
	struct map files = { 0 }, is_known = { 0 };
	size_t before, at = 0;
	uint64_t cycles = 0;
	struct jw *w;
	char *path = xasprintf("daily/%s/consolidate.json", date);
	struct jv *first = load(path);

	if (first == NULL)
		errx(EX_TEMPFAIL, "%s is not there yet", path);
	jv_free(first);
	free(path);
	part = jv_get(was, "from");
	for (size_t i = 0; i < jv_count(part); i++) {
		strv_add(&known, jv_str(jv_at(part, i), "?"));
		map_set(&is_known, known.v[known.n - 1], &files);
	}
	before = known.n;
	part = jv_get(was, "files");
	for (size_t i = 0; i < jv_count(part); i++)
		add(&files, jv_key_at(part, i), count_of(jv_at(part, i)));
	list("facts", &keys);
	while (at < keys.n && cycles < cycles_max) {
		uint64_t n = 0;

		for (; at < keys.n && n < batch; at++) {
			if (map_has(&is_known, keys.v[at]))
				continue;
			know(keys.v[at], &files);
			strv_add(&known, keys.v[at]);
			n++;
		}
		cycles += n > 0;
	}
	strv_sort(&known);
	w = jw_new(JW_PRETTY);
	jw_obj(w);
	put_sums(w, "files", &files);
	jw_kv_strv(w, "from", &known);
	jw_end(w);
	path = xstrdup("./knowledge.json");
	store(path, w);
	free(path);
	w = jw_new(JW_PRETTY);
	jw_obj(w);
	jw_kv_str(w, "date", date);
	jw_kv_u64(w, "cycles", cycles);
	jw_kv_u64(w, "added", known.n - before);
	jw_kv_u64(w, "left", keys.n > known.n ? keys.n - known.n : 0);
	jw_kv_u64(w, "files", files.n);
	jw_end(w);
	path = xasprintf("daily/%s/knowledge-loop.json", date);
	store(path, w);
	printf("%zu transcripts are new, in %" PRIu64 " cycles; %zu files are known\n",
	    known.n - before, cycles, files.n);
	free(path);
	jv_free(was);
	strv_free(&keys);
	strv_free(&known);
	map_clear(&files, free);
	map_clear(&is_known, NULL);
	return 0;
}

struct known_file {
	const char *path;
	uint64_t times;
};

static int
by_times(const void *va, const void *vb)
{
	const struct known_file *a = va, *b = vb;

	if (a->times != b->times)
		return a->times < b->times ? 1 : -1;
	return strcmp(a->path, b->path);
}

static int
digest(const char *date)
{
	char *paths[2] = { xasprintf("daily/%s/consolidate.json", date),
		xasprintf("daily/%s/knowledge-loop.json", date) };
	struct jv *sums = load(paths[0]), *grown = load(paths[1]);
	struct jv *knowledge = load("knowledge.json");
	const struct jv *files = jv_get(knowledge, "files");
	size_t n = jv_count(files);
	struct known_file *top = xcalloc(n + 1, sizeof(*top));
	struct buf text = { 0 };
	char *path;

	if (sums == NULL || grown == NULL)
		errx(EX_TEMPFAIL, "%s is not there yet", paths[sums != NULL]);
	for (size_t i = 0; i < n; i++) {
		top[i].path = jv_key_at(files, i);
		top[i].times = count_of(jv_at(files, i));
	}
	qsort(top, n, sizeof(*top), by_times);
	buf_addf(&text, "%s: %" PRIu64 " transcripts, %" PRIu64 " of them new\n", date,
	    count_of(jv_get(sums, "transcripts")), count_of(jv_get(grown, "added")));
	for (size_t i = 0; i < n && i < TOP_FILES; i++)
		buf_addf(&text, "%8" PRIu64 "  %s\n", top[i].times, top[i].path);
	path = xasprintf("daily/%s/digest.txt", date);
	store_text(path, &text);
	fwrite(text.data, 1, text.len, stdout);
	free(path);
	buf_free(&text);
	free(top);
	for (size_t i = 0; i < 2; i++)
		free(paths[i]);
	jv_free(sums);
	jv_free(grown);
	jv_free(knowledge);
	return 0;
}

static void
usage(void)
{
	fprintf(stderr,
	    "usage: memory fact-mine STATE TRANSCRIPT\n"
	    "       memory consolidate|decay|digest STATE YYYY-MM-DD\n"
	    "       memory knowledge-loop STATE YYYY-MM-DD [CYCLES [BATCH]]\n");
	exit(2);
}

static uint64_t
number(const char *s)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (*s < '0' || *s > '9' || *end != '\0' || n == 0 || n > 1000000)
		usage();
	return n;
}

int
main(int argc, char **argv)
{
	const char *what, *of;

	if (argc < 4 || argc > 6)
		usage();
	what = argv[1], of = argv[3];
	if (mkdir(argv[2], 0750) == -1 && errno != EEXIST)
		err(1, "%s", argv[2]);
	state = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state == -1)
		err(1, "%s", argv[2]);
	if (strcmp(what, "knowledge-loop") != 0 && argc != 4)
		usage();
	if (strcmp(what, "fact-mine") == 0)
		return fact_mine(of);
	if (strlen(of) != DAY_CHARS || day_number(of) == -1)
		usage();
	if (strcmp(what, "consolidate") == 0)
		return consolidate(of);
	if (strcmp(what, "decay") == 0)
		return decay(of);
	if (strcmp(what, "knowledge-loop") == 0)
		return knowledge_loop(of, argc > 4 ? number(argv[4]) : CYCLES,
		    argc > 5 ? number(argv[5]) : BATCH);
	if (strcmp(what, "digest") == 0)
		return digest(of);
	usage();
	return 2;
}
