/*
 * instances_memory: what the source of a template named, in run/instances/TEMPLATE, for
 * the next manager.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "manager/instances_int.h"
#include "manager/manager.h"
#include "manager/units.h"
#include "unit/instance_set.h"
#include "unit/name.h"

#define FOLDER "instances"

enum {
	NODES_EACH = 8, /* values of one instance, with room */
	BYTES_EACH = 512,
};

static void
path_of(const struct instances *s, char *path, size_t size)
{
	snprintf(path, size, FOLDER "/%s", s->unit->name);
}

static void
write_member(const struct member *mb, struct jw *w)
{
	jw_kv_obj(w, mb->name);
	jw_kv_str(w, "ref", mb->ref);
	if (mb->gone)
		jw_kv_bool(w, "gone", true);
	jw_end(w);
}

static void
on_note(void *arg)
{
	struct instances *s = arg;
	int run = s->m->run_fd;
	struct jw *w = jw_new(JW_COMPACT);
	struct buf text = { 0 };
	char path[PROTO_UNIT_MAX + 16];
	struct member *mb;

	s->noting = false;
	path_of(s, path, sizeof(path));
	jw_obj(w);
	jw_kv_u64(w, "device", s->device);
	jw_kv_u64(w, "read", s->read_wall_us);
	jw_kv_obj(w, "instances");
	TAILQ_FOREACH (mb, &s->members, next)
		write_member(mb, w);
	jw_end(w);
	jw_end(w);
	jw_take(w, &text);
	jw_free(w);
	if ((mkdirat(run, FOLDER, 0700) == -1 && errno != EEXIST) ||
	    file_write_atomic(run, path, text.data, text.len, 0600, false) == -1)
		log_warn("%s: what it has of instances cannot be noted", s->unit->name);
	buf_free(&text);
}

void
instances_note(struct instances *s)
{
	/* Many may go at once. */
	s->noting = true;
	loop_post(s->m->loop, on_note, s);
}

void
instances_note_flush(struct instances *s)
{
	if (!s->noting)
		return;
	loop_post_cancel(s->m->loop, on_note, s);
	on_note(s);
}

static void
recall_member(struct instances *s, const char *name, const struct jv *v)
{
	char *template = unit_name_template(name);
	struct member *mb;

	if (template != NULL && strcmp(template, s->unit->name) == 0 &&
	    map_get(&s->by_name, name) == NULL && (mb = member_new(s, name)) != NULL) {
		strlcpy(mb->ref, jv_str(jv_get(v, "ref"), ""), sizeof(mb->ref));
		mb->gone = jv_bool(jv_get(v, "gone"), false);
		if (mb->gone)
			s->n_named--;
	}
	free(template);
}

void
instances_recall(struct instances *s)
{
	static const struct json_limits limits = { .max_bytes =
						       2 * INSTANCE_SET_MAX * BYTES_EACH,
		.max_nodes = 2 * INSTANCE_SET_MAX * NODES_EACH,
		.max_depth = 8 };
	char path[PROTO_UNIT_MAX + 16];
	struct json_err err = { .text = "" };
	struct buf text = { 0 };
	const struct jv *list;
	struct jv *v;

	path_of(s, path, sizeof(path));
	if (file_read_at(s->m->run_fd, path, limits.max_bytes, &text) == -1) {
		if (errno != ENOENT)
			log_warn("%s/%s", s->m->run_path, path);
		goto out;
	}
	v = jv_parse_limits(buf_str(&text), text.len, &limits, &err);
	if (v == NULL)
		log_warnx("%s/%s: %s", s->m->run_path, path, err.text);
	s->device = (dev_t)jv_i64(jv_get(v, "device"), 0);
	s->read_wall_us = (uint64_t)jv_i64(jv_get(v, "read"), 0);
	list = jv_get(v, "instances");
	for (size_t i = 0; jv_type(list) == JV_OBJECT && i < jv_count(list); i++)
		recall_member(s, jv_key_at(list, i), jv_at(list, i));
	jv_free(v);
out:
	buf_free(&text);
}

void
instances_note_remove(struct instances *s)
{
	char path[PROTO_UNIT_MAX + 16];

	s->noting = false;
	loop_post_cancel(s->m->loop, on_note, s);
	path_of(s, path, sizeof(path));
	if (unlinkat(s->m->run_fd, path, 0) == -1 && errno != ENOENT)
		log_warn("%s/%s", s->m->run_path, path);
	(void)unlinkat(s->m->run_fd, FOLDER, AT_REMOVEDIR);
}
