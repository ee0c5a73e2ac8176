/*
 * session_file: what is remembered of sessions, in run/term/UNIT.in, .st and .hb.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/sessions/sessions.h"
#include "manager/sessions/sessions_int.h"
#include "manager/units.h"
#include "unit/conf.h"

enum { FILE_MODE = 0600, FILE_MAX = 256 * 1024 };

/* (That of input is written by session_input.c.) */
static const char *const suffixes[] = { "in", "st", "hb" };
enum { NSUFFIXES = sizeof(suffixes) / sizeof(suffixes[0]) };

char *
session_file_path(const struct unit *u, const char *suffix)
{
	return xasprintf("term/%s.%s", u->name, suffix);
}

void
session_file_write(const struct session *s, const char *suffix, struct jw *w)
{
	char *path = session_file_path(s->unit, suffix);
	struct buf text = { 0 };

	jw_take(w, &text);
	jw_free(w);
	if (file_write_atomic(s->unit->manager->run_fd, path, text.data, text.len,
		FILE_MODE, false) == -1)
		log_warn("%s: run/%s", s->unit->name, path);
	buf_free(&text);
	free(path);
}

void
session_file_read(struct session *s, const char *suffix, session_file_fn *fn)
{
	char *path = session_file_path(s->unit, suffix);
	struct json_err err = { 0 };
	struct buf text = { 0 };
	struct jv *v;

	if (file_read_at(s->unit->manager->run_fd, path, FILE_MAX, &text) == 0) {
		v = jv_parse(buf_str(&text), text.len, &err);
		if (v == NULL || fn(s, v, &err) == -1)
			log_warnx("%s: not all of run/%s can be read: %s", s->unit->name,
			    path, err.text);
		jv_free(v);
	} else if (errno != ENOENT) {
		log_warn("%s: run/%s", s->unit->name, path);
	}
	buf_free(&text);
	free(path);
}

/* ---- of units that are gone ---- */

void
sessions_remove_files(const struct unit *u)
{
	for (size_t i = 0; i < NSUFFIXES; i++) {
		char *path = session_file_path(u, suffixes[i]);

		(void)unlinkat(u->manager->run_fd, path, 0);
		free(path);
	}
}

/* The unit of such a file; NULL: it is none. */
static char *
unit_of_file(const char *name)
{
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot != NULL && i < NSUFFIXES; i++)
		if (strcmp(dot + 1, suffixes[i]) == 0)
			return xstrndup(name, (size_t)(dot - name));
	return NULL;
}

void
sessions_sweep(struct manager *m)
{
	DIR *dir = dir_open_at(m->run_fd, "term");
	struct strv names = { 0 };
	struct dirent *e;

	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL) {
		char *name = unit_of_file(e->d_name);

		/* A manager was killed while it wrote. */
		if (file_is_temp(e->d_name))
			(void)unlinkat(dirfd(dir), e->d_name, 0);
		if (name != NULL && unit_find(m, name) == NULL)
			strv_add(&names, name);
		free(name);
	}
	closedir(dir);
	for (size_t i = 0; i < names.n; i++) {
		struct unit *u = unit_get(m, names.v[i]);

		if (u != NULL)
			(void)unit_forget(u); /* with its files, if it can go */
	}
	strv_free(&names);
}
