/*
 * pack: one list of everything that a conf owns, walked three times: to measure, to copy,
 * to free.  A field that is missing here would be lost by the copy, and is found by the
 * tests that show a packed conf, under the leak checker.
 */
#include "unit/pack.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

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
	/* Texts seen last, by what they say and where they went. */
	const char *recent[N_RECENT];
	size_t recent_at[N_RECENT];
	size_t n_recent;
};

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
			if (w->mode == WALK_COPY)
				*text = w->block + w->recent_at[i];
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
walk_arrays(struct walk *w, struct unit_conf *conf)
{
	struct service_conf *s = &conf->service;

	walk_strv_array(w, &conf->aliases);
	walk_array(w, &conf->sources, conf->n_sources * sizeof(conf->sources[0]));
	walk_strv_array(w, &conf->documentation);
	for (int i = 0; i < DEP_NKINDS; i++)
		walk_strv_array(w, &conf->deps[i]);
	walk_array(
	    w, &conf->conditions, conf->n_conditions * sizeof(conf->conditions[0]));
	walk_strv_array(w, &conf->wanted_by);
	walk_strv_array(w, &conf->required_by);
	walk_strv_array(w, &conf->alias);
	walk_strv_array(w, &conf->also);
	for (int k = 0; k < EXEC_NKINDS; k++)
		walk_exec_arrays(w, &s->exec[k]);
	walk_probe_arrays(w, &s->ready);
	walk_probe_arrays(w, &s->health);
	walk_array(
	    w, &s->kill.sequence, s->kill.n_sequence * sizeof(s->kill.sequence[0]));
	walk_context_arrays(w, &s->context);
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
walk_service_texts(struct walk *w, struct service_conf *s)
{
	for (int k = 0; k < EXEC_NKINDS; k++)
		for (size_t i = 0; i < s->exec[k].n; i++)
			walk_command_texts(w, &s->exec[k].v[i]);
	walk_text(w, &s->pid_file);
	walk_probe_texts(w, &s->ready);
	walk_probe_texts(w, &s->health);
	walk_context_texts(w, &s->context);
}

static void
walk_texts(struct walk *w, struct unit_conf *conf)
{
	walk_text(w, &conf->id);
	walk_text(w, &conf->description);
	walk_text(w, &conf->stem);
	walk_text(w, &conf->prefix);
	walk_text(w, &conf->instance);
	walk_strv_texts(w, &conf->aliases);
	walk_text(w, &conf->fragment);
	for (size_t i = 0; i < conf->n_sources; i++)
		walk_text(w, &conf->sources[i].path);
	walk_strv_texts(w, &conf->documentation);
	for (int i = 0; i < DEP_NKINDS; i++)
		walk_strv_texts(w, &conf->deps[i]);
	for (size_t i = 0; i < conf->n_conditions; i++) {
		walk_text(w, &conf->conditions[i].name);
		walk_text(w, &conf->conditions[i].arg);
	}
	walk_strv_texts(w, &conf->wanted_by);
	walk_strv_texts(w, &conf->required_by);
	walk_strv_texts(w, &conf->alias);
	walk_strv_texts(w, &conf->also);
	walk_text(w, &conf->default_instance);
	walk_service_texts(w, &conf->service);
}

struct unit_conf *
conf_pack(struct unit_conf *conf)
{
	struct walk measure = { .mode = WALK_MEASURE, .used = sizeof(*conf) };
	struct walk copy = { .mode = WALK_COPY, .used = sizeof(*conf) };
	struct walk end = { .mode = WALK_FREE };
	struct unit_conf *packed;

	static_assert(sizeof(*conf) % 8 == 0, "arrays begin right behind the struct");
	walk_arrays(&measure, conf);
	walk_texts(&measure, conf);
	packed = xmalloc(measure.used);
	memcpy(packed, conf, sizeof(*conf));
	copy.block = (char *)packed;
	walk_arrays(&copy, packed);
	walk_texts(&copy, packed);
	assert(copy.used == measure.used);
	walk_texts(&end, conf);
	walk_arrays(&end, conf);
	free(conf);
	return packed;
}
