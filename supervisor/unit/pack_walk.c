/*
 * pack_walk: the walk.
 */
#include "unit/pack_walk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "unit/conf.h"

enum { N_RECENT = 8 };

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
	walk_strv_array(w, &x->load_credentials);
	walk_strv_array(w, &x->set_credentials);
	walk_array(w, &x->limits, x->n_limits * sizeof(x->limits[0]));
	walk_array(w, &x->cpus, x->n_cpus * sizeof(x->cpus[0]));
	for (int i = 0; i < DIR_NKINDS; i++) {
		walk_strv_array(w, &x->dirs[i].names);
		walk_strv_array(w, &x->dirs[i].links);
	}
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
	walk_strv_array(w, &s->sockets);
	walk_context_arrays(w, &s->context);
}

static void
walk_session_arrays(struct walk *w, void *at)
{
	struct unit_session *s = at;
	struct heartbeat_conf *h = &s->heartbeat;
	struct rule_list *rules = &s->rules;

	walk_array(w, &h->tiers, h->n_tiers * sizeof(h->tiers[0]));
	walk_strv_array(w, &s->session.stale_files);
	walk_strv_array(w, &h->messages);
	/* As the lists above: the outer array first, but for FREE. */
	if (w->mode != WALK_FREE)
		walk_array(w, &rules->v, rules->n * sizeof(rules->v[0]));
	for (size_t i = 0; i < rules->n; i++)
		walk_strv_array(w, &rules->v[i].keys);
	if (w->mode == WALK_FREE)
		walk_array(w, &rules->v, rules->n * sizeof(rules->v[0]));
	walk_array(
	    w, &s->budget.sources, s->budget.n_sources * sizeof(s->budget.sources[0]));
}

static void
walk_trigger_arrays(struct walk *w, void *at)
{
	struct unit_trigger *t = at;
	struct timer_when *when = &t->timer.when;

	walk_strv_array(w, &when->calendars);
	walk_array(w, &when->spans, when->n_spans * sizeof(when->spans[0]));
	walk_array(
	    w, &t->socket.listen.v, t->socket.listen.n * sizeof(t->socket.listen.v[0]));
	walk_strv_array(w, &t->socket.symlinks);
	walk_array(w, &t->path.watch.v, t->path.watch.n * sizeof(t->path.watch.v[0]));
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
	walk_strv_array(w, &r->upheld_by);
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
	walk_strv_texts(w, &x->load_credentials);
	walk_strv_texts(w, &x->set_credentials);
	for (int i = 0; i < DIR_NKINDS; i++) {
		walk_strv_texts(w, &x->dirs[i].names);
		walk_strv_texts(w, &x->dirs[i].links);
	}
	walk_text(w, &x->tty_path);
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
	walk_text(w, &s->bus_name);
	walk_probe_texts(w, &s->ready);
	walk_probe_texts(w, &s->health);
	walk_text(w, &s->pool);
	walk_text(w, &s->status_group);
	walk_strv_texts(w, &s->sockets);
	walk_context_texts(w, &s->context);
}

static void
walk_session_texts(struct walk *w, void *at)
{
	struct unit_session *s = at;
	struct session_conf *c = &s->session;
	struct heartbeat_conf *h = &s->heartbeat;

	walk_text(w, &c->profile);
	walk_text(w, &c->initial_input);
	walk_text(w, &c->input_clear);
	walk_text(w, &c->drain_message);
	walk_strv_texts(w, &c->stale_files);
	walk_text(w, &h->activity_file);
	walk_strv_texts(w, &h->messages);
	walk_text(w, &h->message_file);
	walk_text(w, &h->coalesce);
	walk_text(w, &h->only_if_new);
	for (size_t i = 0; i < s->rules.n; i++) {
		struct rule_conf *r = &s->rules.v[i];

		walk_text(w, &r->name);
		walk_text(w, &r->pattern);
		walk_text(w, &r->file);
		walk_text(w, &r->pointer);
		walk_text(w, &r->text);
		walk_strv_texts(w, &r->keys);
		walk_text(w, &r->until);
	}
	for (size_t i = 0; i < s->budget.n_sources; i++) {
		struct budget_source *b = &s->budget.sources[i];

		walk_text(w, &b->arg);
		for (int k = 0; k < BUDGET_NCOUNTED; k++)
			walk_text(w, &b->pointer[k]);
	}
	walk_text(w, &s->instances.json_file);
	walk_text(w, &s->instances.json_pointer);
	walk_text(w, &s->instances.glob);
}

static void
walk_socket_texts(struct walk *w, struct socket_conf *s)
{
	walk_text(w, &s->service);
	walk_text(w, &s->user);
	walk_text(w, &s->group);
	walk_text(w, &s->fd_name);
	walk_text(w, &s->bind_to_device);
	walk_text(w, &s->congestion);
	for (size_t i = 0; i < s->listen.n; i++)
		walk_text(w, &s->listen.v[i].address);
	walk_strv_texts(w, &s->symlinks);
}

static void
walk_trigger_texts(struct walk *w, void *at)
{
	struct unit_trigger *t = at;

	walk_text(w, &t->timer.unit);
	walk_strv_texts(w, &t->timer.when.calendars);
	walk_text(w, &t->path.unit);
	for (size_t i = 0; i < t->path.watch.n; i++)
		walk_text(w, &t->path.watch.v[i].path);
	walk_socket_texts(w, &t->socket);
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
		walk_text(w, &r->conditions[i].file);
	}
	walk_strv_texts(w, &r->wanted_by);
	walk_strv_texts(w, &r->required_by);
	walk_strv_texts(w, &r->upheld_by);
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

/* ---- the parts ---- */

typedef void walk_fn(struct walk *w, void *at);

static const struct {
	size_t bytes;
	walk_fn *arrays, *texts;
} part_info[] = {
	[PART_UNIT] = { sizeof(struct unit_conf), walk_unit_arrays, walk_unit_texts },
	[PART_RULES] = { sizeof(struct unit_rules), walk_rules_arrays, walk_rules_texts },
	[PART_SERVICE] = { sizeof(struct service_conf), walk_service_arrays,
	    walk_service_texts },
	[PART_SESSION] = { sizeof(struct unit_session), walk_session_arrays,
	    walk_session_texts },
	[PART_TRIGGER] = { sizeof(struct unit_trigger), walk_trigger_arrays,
	    walk_trigger_texts },
};
static_assert(sizeof(struct unit_conf) % 8 == 0 && sizeof(struct unit_rules) % 8 == 0 &&
		  sizeof(struct service_conf) % 8 == 0 &&
		  sizeof(struct unit_session) % 8 == 0 &&
		  sizeof(struct unit_trigger) % 8 == 0,
    "arrays begin right behind the struct");

size_t
part_measure(enum part part, void *from)
{
	struct walk w = { .mode = WALK_MEASURE, .used = part_info[part].bytes };

	part_info[part].arrays(&w, from);
	part_info[part].texts(&w, from);
	return w.used;
}

void
part_copy(enum part part, const void *from, void *block, struct offsets *pointers)
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

void
part_free_pieces(enum part part, void *from)
{
	struct walk w = { .mode = WALK_FREE };

	part_info[part].texts(&w, from);
	part_info[part].arrays(&w, from);
}
