/*
 * pack: one list of everything that a conf owns, walked three times: to measure, to copy,
 * to free.  A field that is missing here would be lost by the copy, and is found by the
 * tests that show a packed conf, under the leak checker.
 *
 * A part that may be shared is compared as bytes.  Its pointers lead into itself: moved
 * to the place of the other one they are equal when what they lead to is.  (What lies
 * between the fields of a struct may differ; then it is kept twice, no more.)
 */
#include "unit/pack.h"

#include <sys/tree.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

enum { N_RECENT = 8 };

struct offsets {
	uint32_t *v;
	size_t n, cap;
};

enum walk_mode {
	WALK_MEASURE,
	WALK_COPY,
	WALK_FREE,
};

struct walk {
	enum walk_mode mode;
	char *block; /* COPY: what is filled */
	size_t used;
	/* COPY: where in the block its pointers are; NULL: nobody wants to know. */
	struct offsets *pointers;
	/* Texts seen last, by what they say and where they went. */
	const char *recent[N_RECENT];
	size_t recent_at[N_RECENT];
	size_t n_recent;
};

static void
note_pointer(struct walk *w, const void *pointer)
{
	struct offsets *o = w->pointers;

	if (o == NULL)
		return;
	if (o->n == o->cap) {
		o->cap = o->cap == 0 ? 64 : 2 * o->cap;
		o->v = xreallocarray(o->v, o->cap, sizeof(o->v[0]));
	}
	o->v[o->n++] = (uint32_t)((const char *)pointer - w->block);
}

/* An array: all of them come before all texts, so that only these need alignment. */
static void
walk_array(struct walk *w, void *pointer, size_t bytes)
{
	void *old;

	memcpy(&old, pointer, sizeof(old));
	if (old == NULL)
		return;
	if (w->mode == WALK_FREE) {
		free(old);
		return;
	}
	if (bytes == 0) {
		old = NULL;
	} else if (w->mode == WALK_COPY) {
		memcpy(w->block + w->used, old, bytes);
		old = w->block + w->used;
	}
	if (w->mode == WALK_COPY)
		memcpy(pointer, &old, sizeof(old));
	if (w->mode == WALK_COPY && old != NULL)
		note_pointer(w, pointer);
	w->used += (bytes + 7) / 8 * 8;
}

static void
walk_text(struct walk *w, char **text)
{
	size_t n;
	size_t slot;

	if (*text == NULL)
		return;
	if (w->mode == WALK_FREE) {
		free(*text);
		return;
	}
	for (size_t i = 0; i < N_RECENT && i < w->n_recent; i++) {
		if (strcmp(w->recent[i], *text) == 0) {
			if (w->mode == WALK_COPY) {
				*text = w->block + w->recent_at[i];
				note_pointer(w, text);
			}
			return;
		}
	}
	n = strlen(*text) + 1;
	slot = w->n_recent++ % N_RECENT;
	w->recent[slot] = *text;
	w->recent_at[slot] = w->used;
	if (w->mode == WALK_COPY) {
		memcpy(w->block + w->used, *text, n);
		*text = w->block + w->used;
		note_pointer(w, text);
	}
	w->used += n;
}

/* ---- arrays ---- */

static void
walk_strv_array(struct walk *w, struct strv *sv)
{
	walk_array(w, &sv->v, sv->n == 0 ? 0 : (sv->n + 1) * sizeof(sv->v[0]));
	if (w->mode == WALK_COPY)
		sv->cap = sv->n == 0 ? 0 : sv->n + 1;
}

static void
walk_probe_arrays(struct walk *w, struct probe_list *list)
{
	/* FREE takes the inner arrays first, COPY needs the new outer one. */
	if (w->mode != WALK_FREE)
		walk_array(w, &list->v, list->n * sizeof(list->v[0]));
	for (size_t i = 0; i < list->n; i++)
		walk_strv_array(w, &list->v[i].cmd.argv);
	if (w->mode == WALK_FREE)
		walk_array(w, &list->v, list->n * sizeof(list->v[0]));
}

static void
walk_exec_arrays(struct walk *w, struct exec_list *list)
{
	if (w->mode != WALK_FREE)
		walk_array(w, &list->v, list->n * sizeof(list->v[0]));
	for (size_t i = 0; i < list->n; i++)
		walk_strv_array(w, &list->v[i].argv);
	if (w->mode == WALK_FREE)
		walk_array(w, &list->v, list->n * sizeof(list->v[0]));
}

static void
walk_context_arrays(struct walk *w, struct exec_conf *x)
{
	walk_strv_array(w, &x->supplementary_groups);
	walk_strv_array(w, &x->environment);
	walk_array(w, &x->environment_files,
	    x->n_environment_files * sizeof(x->environment_files[0]));
	walk_strv_array(w, &x->pass_environment);
	walk_strv_array(w, &x->unset_environment);
	walk_strv_array(w, &x->search_path);
	walk_array(w, &x->limits, x->n_limits * sizeof(x->limits[0]));
	for (int i = 0; i < DIR_NKINDS; i++)
		walk_strv_array(w, &x->dirs[i].names);
	walk_array(w, &x->stdin_data, x->stdin_data_len);
}

static void
walk_service_arrays(struct walk *w, void *at)
{
	struct service_conf *s = at;

	for (int k = 0; k < EXEC_NKINDS; k++)
		walk_exec_arrays(w, &s->exec[k]);
	walk_probe_arrays(w, &s->ready);
	walk_probe_arrays(w, &s->health);
	walk_array(
	    w, &s->kill.sequence, s->kill.n_sequence * sizeof(s->kill.sequence[0]));
	walk_context_arrays(w, &s->context);
}

static void
walk_rules_arrays(struct walk *w, void *at)
{
	struct unit_rules *r = at;

	walk_strv_array(w, &r->documentation);
	for (int i = 0; i < DEP_NKINDS; i++)
		walk_strv_array(w, &r->deps[i]);
	walk_array(w, &r->conditions, r->n_conditions * sizeof(r->conditions[0]));
	walk_strv_array(w, &r->wanted_by);
	walk_strv_array(w, &r->required_by);
	walk_strv_array(w, &r->alias);
	walk_strv_array(w, &r->also);
}

static void
walk_unit_arrays(struct walk *w, void *at)
{
	struct unit_conf *conf = at;

	walk_strv_array(w, &conf->aliases);
	walk_array(w, &conf->sources, conf->n_sources * sizeof(conf->sources[0]));
}

/* ---- texts ---- */

static void
walk_strv_texts(struct walk *w, struct strv *sv)
{
	for (size_t i = 0; i < sv->n; i++)
		walk_text(w, &sv->v[i]);
}

static void
walk_command_texts(struct walk *w, struct exec_cmd *c)
{
	walk_text(w, &c->path);
	walk_strv_texts(w, &c->argv);
}

static void
walk_probe_texts(struct walk *w, struct probe_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		walk_text(w, &list->v[i].text);
		walk_text(w, &list->v[i].host);
		walk_text(w, &list->v[i].path);
		walk_command_texts(w, &list->v[i].cmd);
	}
}

static void
walk_context_texts(struct walk *w, struct exec_conf *x)
{
	walk_text(w, &x->user);
	walk_text(w, &x->group);
	walk_strv_texts(w, &x->supplementary_groups);
	walk_text(w, &x->working_directory);
	walk_strv_texts(w, &x->environment);
	for (size_t i = 0; i < x->n_environment_files; i++)
		walk_text(w, &x->environment_files[i].path);
	walk_strv_texts(w, &x->pass_environment);
	walk_strv_texts(w, &x->unset_environment);
	walk_strv_texts(w, &x->search_path);
	for (int i = 0; i < DIR_NKINDS; i++)
		walk_strv_texts(w, &x->dirs[i].names);
	walk_text(w, &x->in.arg);
	walk_text(w, &x->out.arg);
	walk_text(w, &x->err.arg);
	walk_text(w, &x->log_day);
}

static void
walk_service_texts(struct walk *w, void *at)
{
	struct service_conf *s = at;

	for (int k = 0; k < EXEC_NKINDS; k++)
		for (size_t i = 0; i < s->exec[k].n; i++)
			walk_command_texts(w, &s->exec[k].v[i]);
	walk_text(w, &s->pid_file);
	walk_probe_texts(w, &s->ready);
	walk_probe_texts(w, &s->health);
	walk_context_texts(w, &s->context);
}

static void
walk_rules_texts(struct walk *w, void *at)
{
	struct unit_rules *r = at;

	walk_strv_texts(w, &r->documentation);
	for (int i = 0; i < DEP_NKINDS; i++)
		walk_strv_texts(w, &r->deps[i]);
	for (size_t i = 0; i < r->n_conditions; i++) {
		walk_text(w, &r->conditions[i].name);
		walk_text(w, &r->conditions[i].arg);
	}
	walk_strv_texts(w, &r->wanted_by);
	walk_strv_texts(w, &r->required_by);
	walk_strv_texts(w, &r->alias);
	walk_strv_texts(w, &r->also);
	walk_text(w, &r->default_instance);
}

static void
walk_unit_texts(struct walk *w, void *at)
{
	struct unit_conf *conf = at;

	walk_text(w, &conf->id);
	walk_text(w, &conf->description);
	walk_text(w, &conf->stem);
	walk_text(w, &conf->prefix);
	walk_text(w, &conf->instance);
	walk_strv_texts(w, &conf->aliases);
	walk_text(w, &conf->fragment);
	for (size_t i = 0; i < conf->n_sources; i++)
		walk_text(w, &conf->sources[i].path);
}

/* ---- the three parts ---- */

enum part { PART_UNIT, PART_RULES, PART_SERVICE };

typedef void walk_fn(struct walk *w, void *at);

static const struct {
	size_t bytes;
	walk_fn *arrays, *texts;
} part_info[] = {
	[PART_UNIT] = { sizeof(struct unit_conf), walk_unit_arrays, walk_unit_texts },
	[PART_RULES] = { sizeof(struct unit_rules), walk_rules_arrays, walk_rules_texts },
	[PART_SERVICE] = { sizeof(struct service_conf), walk_service_arrays,
	    walk_service_texts },
};
static_assert(sizeof(struct unit_conf) % 8 == 0 && sizeof(struct unit_rules) % 8 == 0 &&
		  sizeof(struct service_conf) % 8 == 0,
    "arrays begin right behind the struct");

static size_t
measure(enum part part, void *from)
{
	struct walk w = { .mode = WALK_MEASURE, .used = part_info[part].bytes };

	part_info[part].arrays(&w, from);
	part_info[part].texts(&w, from);
	return w.used;
}

/* Into a block of as many bytes as were measured. */
static void
copy(enum part part, const void *from, void *block, struct offsets *pointers)
{
	struct walk w = {
		.mode = WALK_COPY,
		.used = part_info[part].bytes,
		.block = block,
		.pointers = pointers,
	};

	memcpy(block, from, part_info[part].bytes);
	part_info[part].arrays(&w, block);
	part_info[part].texts(&w, block);
}

static void
free_pieces(enum part part, void *from)
{
	struct walk w = { .mode = WALK_FREE };

	part_info[part].texts(&w, from);
	part_info[part].arrays(&w, from);
}

/* ---- what is shared ---- */

struct shared {
	RB_ENTRY(shared) node;
	struct pack_pool *pool;
	uint64_t sum;
	uint32_t bytes; /* of data, a multiple of 8 */
	uint32_t users;
	bool in_tree;
	uint64_t data[];
};
RB_HEAD(shared_tree, shared);

struct pack_pool {
	struct shared_tree tree;
	size_t n; /* of shared parts, and one for its owner */
};

static int
shared_compare(const struct shared *a, const struct shared *b)
{
	if (a->sum != b->sum)
		return a->sum < b->sum ? -1 : 1;
	return a->bytes == b->bytes ? 0 : a->bytes < b->bytes ? -1 : 1;
}

RB_GENERATE_INTERNAL(
    shared_tree, shared, node, shared_compare, __attribute__((unused)) static)

struct pack_pool *
pack_pool_new(void)
{
	struct pack_pool *pool = xcalloc(1, sizeof(*pool));

	RB_INIT(&pool->tree);
	pool->n = 1;
	return pool;
}

static void
pool_leave(struct pack_pool *pool)
{
	if (--pool->n == 0)
		free(pool);
}

void
pack_pool_end(struct pack_pool *pool)
{
	if (pool != NULL)
		pool_leave(pool);
}

/* Moves the pointers of data by so many bytes. */
static void
move_pointers(struct shared *s, const struct offsets *pointers, uintptr_t by)
{
	for (size_t i = 0; i < pointers->n; i++) {
		char *at = (char *)s->data + pointers->v[i];
		uintptr_t p;

		memcpy(&p, at, sizeof(p));
		p += by;
		memcpy(at, &p, sizeof(p));
	}
}

static uint64_t
sum_of(const struct shared *s)
{
	uint64_t sum = s->bytes;

	for (size_t i = 0; i < s->bytes / 8; i++) {
		sum = (sum ^ s->data[i]) * UINT64_C(0x9e3779b97f4a7c15);
		sum ^= sum >> 32;
	}
	return sum;
}

/* The one that the pool has of a new one, which it takes; or the new one. */
static struct shared *
pool_find(struct pack_pool *pool, struct shared *s, const struct offsets *pointers)
{
	uintptr_t mine = (uintptr_t)s->data;
	struct shared *old;

	move_pointers(s, pointers, -mine);
	s->sum = sum_of(s);
	old = RB_FIND(shared_tree, &pool->tree, s);
	if (old != NULL) {
		move_pointers(s, pointers, (uintptr_t)old->data);
		if (memcmp(s->data, old->data, s->bytes) == 0) {
			free(s);
			old->users++;
			return old;
		}
		move_pointers(s, pointers, -(uintptr_t)old->data);
	}
	move_pointers(s, pointers, mine);
	s->in_tree = old == NULL;
	if (s->in_tree)
		RB_INSERT(shared_tree, &pool->tree, s);
	pool->n++;
	return s;
}

static const void *
share(struct pack_pool *pool, enum part part, void *from)
{
	size_t bytes = (measure(part, from) + 7) / 8 * 8;
	struct shared *s = xcalloc(1, sizeof(*s) + bytes);
	struct offsets pointers = { 0 };

	s->pool = pool;
	s->bytes = (uint32_t)bytes;
	s->users = 1;
	copy(part, from, s->data, &pointers);
	s = pool_find(pool, s, &pointers);
	free(pointers.v);
	free_pieces(part, from);
	return s->data;
}

static void
unshare(const void *data)
{
	struct shared *s = (void *)((uintptr_t)data - offsetof(struct shared, data));

	if (--s->users > 0)
		return;
	if (s->in_tree)
		RB_REMOVE(shared_tree, &s->pool->tree, s);
	pool_leave(s->pool);
	free(s);
}

struct unit_conf *
conf_pack(struct pack_pool *pool, struct unit_parts *parts)
{
	struct unit_conf *conf;

	parts->unit.rules = share(pool, PART_RULES, &parts->rules);
	parts->unit.service = share(pool, PART_SERVICE, &parts->service);
	conf = xmalloc(measure(PART_UNIT, &parts->unit));
	copy(PART_UNIT, &parts->unit, conf, NULL);
	free_pieces(PART_UNIT, &parts->unit);
	free(parts);
	return conf;
}

void
conf_pack_free(struct unit_conf *conf)
{
	if (conf == NULL)
		return;
	unshare(conf->rules);
	unshare(conf->service);
	free(conf);
}
