#include "manager/activate/marks.h"

#include <stdlib.h>
#include <string.h>

#include <bsd/sys/tree.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"

enum { READ_MAX = 1000000 }; /* keys of a file, all sets together */

struct mark {
	RB_ENTRY(mark) link;
	uint64_t at_us;
	char key[];
};

static int
mark_cmp(const struct mark *a, const struct mark *b)
{
	if (a->at_us != b->at_us)
		return a->at_us < b->at_us ? -1 : 1;
	return strcmp(a->key, b->key);
}

RB_HEAD(mark_tree, mark);
RB_GENERATE_INTERNAL(mark_tree, mark, link, mark_cmp, __attribute__((unused)) static)

struct mark_set {
	struct map keys;       /* key to struct mark, which the tree owns */
	struct mark_tree tree; /* by age */
	struct marks_rules rules;
	bool declared;
};

/* Of one consumption. */
struct spent {
	char *set, *key, *token; /* NULL: free */
};

struct marks {
	struct map sets; /* name to struct mark_set */
	struct spent spent[MARKS_SPENT_MAX];
	size_t next_spent; /* the oldest, which is overwritten next */
};

static const struct marks_rules dflt_rules = {
	.max = MARKS_MAX_DFLT,
	.expire_us = USEC_INFINITY,
	.expire_event_us = USEC_INFINITY,
};

/* ---- sets ---- */

static struct mark_set *
set_find(const struct marks *ms, const char *name)
{
	return map_get(&ms->sets, name);
}

static struct mark_set *
set_get(struct marks *ms, const char *name)
{
	struct mark_set *s = set_find(ms, name);

	if (s != NULL || ms->sets.n >= MARKS_SETS_MAX)
		return s;
	s = xcalloc(1, sizeof(*s));
	RB_INIT(&s->tree);
	s->rules = dflt_rules;
	map_set(&ms->sets, name, s);
	return s;
}

static void
drop(struct mark_set *s, struct mark *k)
{
	map_del(&s->keys, k->key);
	RB_REMOVE(mark_tree, &s->tree, k);
	free(k);
}

static size_t
empty(struct mark_set *s)
{
	size_t n = s->keys.n;
	struct mark *k;

	while ((k = RB_MIN(mark_tree, &s->tree)) != NULL)
		drop(s, k);
	return n;
}

static void
set_free(void *p)
{
	struct mark_set *s = p;

	if (s == NULL)
		return;
	empty(s);
	map_clear(&s->keys, NULL);
	free(s);
}

/* One that nobody declared is there as long as it has keys. */
static void
set_settle(struct marks *ms, const char *name)
{
	struct mark_set *s = set_find(ms, name);

	if (s != NULL && !s->declared && s->keys.n == 0)
		set_free(map_del(&ms->sets, name));
}

struct marks *
marks_new(void)
{
	return xcalloc(1, sizeof(struct marks));
}

static void
spent_clear(struct spent *p)
{
	free(p->set);
	free(p->key);
	free(p->token);
	*p = (struct spent){ .set = NULL };
}

void
marks_free(struct marks *ms)
{
	if (ms == NULL)
		return;
	map_clear(&ms->sets, set_free);
	for (size_t i = 0; i < MARKS_SPENT_MAX; i++)
		spent_clear(&ms->spent[i]);
	free(ms);
}

const char *
marks_name_refusal(const char *set)
{
	size_t n = strlen(set);

	if (n == 0)
		return "it is empty";
	if (n > MARKS_NAME_MAX)
		return "it is longer than 64 bytes";
	if (strspn(set, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"0123456789-_") != n)
		return "it has other characters than letters, digits, - and _";
	return NULL;
}

const char *
marks_key_refusal(const char *key, size_t len)
{
	if (len == 0)
		return "it is empty";
	if (len > MARKS_KEY_MAX)
		return "it is longer than 256 bytes";
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)key[i] < ' ' || key[i] == 0x7f)
			return "it has control characters";
	if (!utf8_is_valid(key, len))
		return "it is no UTF-8";
	return NULL;
}

/* ---- what is declared ---- */

void
marks_undeclare_all(struct marks *ms)
{
	struct strv names = { 0 };

	map_keys(&ms->sets, &names);
	for (size_t i = 0; i < names.n; i++) {
		struct mark_set *s = set_find(ms, names.v[i]);

		s->declared = false;
		s->rules = dflt_rules;
		set_settle(ms, names.v[i]);
	}
	strv_free(&names);
}

void
marks_declare(struct marks *ms, const char *set, const struct marks_rules *rules)
{
	struct mark_set *s = set_get(ms, set);

	if (s == NULL)
		return;
	s->declared = true;
	s->rules = *rules;
}

/* ---- use ---- */

bool
marks_add(struct marks *ms, const char *set, const char *key, uint64_t at_us)
{
	struct mark_set *s = set_get(ms, set);
	size_t n = strlen(key) + 1;
	struct mark *k;

	if (s == NULL)
		return false;
	k = map_get(&s->keys, key);
	if (k != NULL)
		drop(s, k);
	k = xcalloc(1, sizeof(*k) + n);
	k->at_us = at_us;
	memcpy(k->key, key, n);
	map_set(&s->keys, key, k);
	RB_INSERT(mark_tree, &s->tree, k);
	return true;
}

bool
marks_has(const struct marks *ms, const char *set, const char *key, uint64_t *at_us)
{
	const struct mark_set *s = set_find(ms, set);
	const struct mark *k = s == NULL ? NULL : map_get(&s->keys, key);

	if (k != NULL && at_us != NULL)
		*at_us = k->at_us;
	return k != NULL;
}

bool
marks_remove(struct marks *ms, const char *set, const char *key)
{
	struct mark_set *s = set_find(ms, set);
	struct mark *k = s == NULL ? NULL : map_get(&s->keys, key);

	if (k == NULL)
		return false;
	drop(s, k);
	set_settle(ms, set);
	return true;
}

size_t
marks_clear(struct marks *ms, const char *set)
{
	struct mark_set *s = set_find(ms, set);
	size_t n = s == NULL ? 0 : empty(s);

	set_settle(ms, set);
	return n;
}

void
marks_spend(struct marks *ms, const char *set, const char *key, const char *token)
{
	struct spent *p = &ms->spent[ms->next_spent];

	spent_clear(p);
	p->set = xstrdup(set);
	p->key = xstrdup(key);
	p->token = xstrdup(token);
	ms->next_spent = (ms->next_spent + 1) % MARKS_SPENT_MAX;
}

bool
marks_is_spent(
    const struct marks *ms, const char *set, const char *key, const char *token)
{
	for (size_t i = 0; i < MARKS_SPENT_MAX; i++) {
		const struct spent *p = &ms->spent[i];

		if (p->token != NULL && strcmp(p->token, token) == 0 &&
		    strcmp(p->set, set) == 0 && strcmp(p->key, key) == 0)
			return true;
	}
	return false;
}

/* Strictly older than span. */
static bool
is_older(const struct mark *k, uint64_t span_us, uint64_t now_us)
{
	return span_us != USEC_INFINITY && now_us > k->at_us &&
	       now_us - k->at_us > span_us;
}

size_t
marks_prune(struct marks *ms, const char *set, uint64_t now_us)
{
	struct mark_set *s = set_find(ms, set);
	struct mark *k;
	size_t n = 0;

	while (s != NULL && (k = RB_MIN(mark_tree, &s->tree)) != NULL &&
	       (s->keys.n > s->rules.max || is_older(k, s->rules.expire_us, now_us))) {
		drop(s, k);
		n++;
	}
	if (n > 0)
		set_settle(ms, set);
	return n;
}

bool
marks_next_due(
    const struct marks *ms, uint64_t now_us, struct marks_due *out, uint64_t *next_us)
{
	const char *name;
	void *value;
	size_t it = 0;

	*next_us = USEC_INFINITY;
	while (map_next(&ms->sets, &it, &name, &value)) {
		struct mark_set *s = value;
		const struct mark *k = RB_MIN(mark_tree, &s->tree);
		uint64_t at_us;

		if (k == NULL || s->rules.expire_event_us == USEC_INFINITY)
			continue;
		if (is_older(k, s->rules.expire_event_us, now_us)) {
			*out = (struct marks_due){ name, k->key, k->at_us };
			return true;
		}
		at_us = clock_add_us(k->at_us, s->rules.expire_event_us);
		at_us = clock_add_us(at_us, 1);
		if (at_us < *next_us)
			*next_us = at_us;
	}
	return false;
}

/* ---- what there is ---- */

bool
marks_is_declared(const struct marks *ms, const char *set)
{
	const struct mark_set *s = set_find(ms, set);

	return s != NULL && s->declared;
}

const struct marks_rules *
marks_rules_of(const struct marks *ms, const char *set)
{
	const struct mark_set *s = set_find(ms, set);

	return s == NULL ? NULL : &s->rules;
}

void
marks_names(const struct marks *ms, struct strv *out)
{
	map_keys(&ms->sets, out);
}

size_t
marks_count(const struct marks *ms, const char *set)
{
	const struct mark_set *s = set_find(ms, set);

	return s == NULL ? 0 : s->keys.n;
}

uint64_t
marks_oldest_us(const struct marks *ms, const char *set)
{
	struct mark_set *s = set_find(ms, set);
	const struct mark *k = s == NULL ? NULL : RB_MIN(mark_tree, &s->tree);

	return k == NULL ? 0 : k->at_us;
}

void
marks_each(const struct marks *ms, const char *set, marks_fn *fn, void *arg)
{
	struct mark_set *s = set_find(ms, set);
	struct mark *k;

	if (s == NULL)
		return;
	RB_FOREACH (k, mark_tree, &s->tree)
		fn(arg, k->key, k->at_us);
}

/* ---- the file ---- */

static void
write_key(void *arg, const char *key, uint64_t at_us)
{
	char text[CLOCK_TEXT_MAX];

	jw_kv_str(arg, key, clock_format_utc(text, sizeof(text), at_us));
}

void
marks_write(const struct marks *ms, struct jw *w)
{
	struct strv names = { 0 };

	marks_names(ms, &names);
	jw_kv_obj(w, "sets");
	for (size_t i = 0; i < names.n; i++) {
		if (marks_count(ms, names.v[i]) == 0)
			continue;
		jw_kv_obj(w, names.v[i]);
		marks_each(ms, names.v[i], write_key, w);
		jw_end(w);
	}
	jw_end(w);
	strv_free(&names);
	jw_kv_arr(w, "spent");
	for (size_t i = 0; i < MARKS_SPENT_MAX; i++) {
		const struct spent *p =
		    &ms->spent[(ms->next_spent + i) % MARKS_SPENT_MAX];

		if (p->token == NULL)
			continue;
		jw_obj(w);
		jw_kv_str(w, "set", p->set);
		jw_kv_str(w, "key", p->key);
		jw_kv_str(w, "token", p->token);
		jw_end(w);
	}
	jw_end(w);
}

int
marks_parse_time(const char *text, uint64_t *wall_us)
{
	const char *t = strpbrk(text, "T ");
	char utc[2 * CLOCK_TEXT_MAX];
	size_t n = strlen(text);

	/* A whole date with a time: what is shorter is no time that a program wrote. */
	if (t == NULL || n >= CLOCK_TEXT_MAX)
		return -1;
	if (strpbrk(t, "Z+-") != NULL)
		return clock_parse(text, wall_us);
	memcpy(utc, text, n);
	memcpy(utc + n, "Z", 2);
	return clock_parse(utc, wall_us);
}

static size_t
read_set(struct marks *ms, const char *name, const struct jv *v, size_t *room)
{
	size_t bad = 0;

	if (jv_type(v) != JV_OBJECT || marks_name_refusal(name) != NULL)
		return jv_count(v) > 0 ? jv_count(v) : 1;
	for (size_t i = 0; i < jv_count(v); i++) {
		const char *key = jv_key_at(v, i), *text = jv_str(jv_at(v, i), NULL);
		uint64_t at_us;

		if (*room == 0 || text == NULL || marks_parse_time(text, &at_us) == -1 ||
		    marks_key_refusal(key, strlen(key)) != NULL ||
		    !marks_add(ms, name, key, at_us))
			bad++;
		else
			--*room;
	}
	return bad;
}

size_t
marks_read(struct marks *ms, const struct jv *file)
{
	const struct jv *sets = jv_get(file, "sets"), *spent = jv_get(file, "spent");
	size_t bad = 0, room = READ_MAX;

	for (size_t i = 0; i < jv_count(sets); i++)
		bad += read_set(ms, jv_key_at(sets, i), jv_at(sets, i), &room);
	for (size_t i = 0; jv_type(spent) == JV_ARRAY && i < jv_count(spent); i++) {
		const struct jv *p = jv_at(spent, i);
		const char *set = jv_str(jv_get(p, "set"), ""),
			   *key = jv_str(jv_get(p, "key"), ""),
			   *token = jv_str(jv_get(p, "token"), "");

		if (i < MARKS_SPENT_MAX && marks_name_refusal(set) == NULL &&
		    marks_key_refusal(key, strlen(key)) == NULL && *token != '\0' &&
		    strlen(token) <= MARKS_TOKEN_MAX)
			marks_spend(ms, set, key, token);
		else
			bad++;
	}
	return bad;
}
