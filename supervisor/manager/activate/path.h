/*
 * path: when a path unit starts its unit.
 *
 * Pure: what is there, what is watched and what the unit does comes from struct path_ops,
 * so that tests can play all of it.
 *
 * A path unit waits while what it starts is down, and watches.  A level (PathExists=,
 * PathExistsGlob=, DirectoryNotEmpty=) that holds starts the unit; so does an edge
 * (PathChanged=, PathModified=) that is seen while it waits.  From the trigger on it is
 * running, and watches nothing, until the unit is down again and has no start to come;
 * then levels are asked anew and edges begin from what is there.  What changes meanwhile
 * starts nothing, as with systemd.
 *
 * What an edge was last seen as is remembered (a sign), so that a change while no manager
 * was there is one all the same; and so is a trigger until the start that it asked for
 * was tried, so that it is not lost between the decision and the job.
 */
#ifndef SUPD_MANAGER_ACTIVATE_PATH_H
#define SUPD_MANAGER_ACTIVATE_PATH_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unit/conf.h"

struct jv;
struct jw;
struct path;

enum path_state {
	PATH_DEAD,
	PATH_WAITING,
	PATH_RUNNING,
	PATH_FAILED,
};

enum path_result {
	PATH_OK,
	PATH_RESOURCES,
	PATH_TRIGGER_LIMIT,
	PATH_UNIT_START_LIMIT,
};

struct path_ops {
	/* Does that level hold now? */
	bool (*holds)(void *arg, const struct path_spec *s);
	/* What is there, as a number that changes when it does; 0: nothing. */
	uint64_t (*sign)(void *arg, const struct path_spec *s);
	/* Begin to watch all of them, anew, or no more.  -1: not all can be watched. */
	int (*watch)(void *arg, bool on);
	/* The unit is up, or on its way, or a start of it is to come. */
	bool (*is_up)(void *arg);
	/* It failed by its start limit. */
	bool (*is_limited)(void *arg);
	/* Why a start of it would be refused (static text), NULL: it would not. */
	const char *(*refusal)(void *arg);
	/* A start of it was tried since then, whatever came of it. */
	bool (*was_tried)(void *arg, uint64_t since_wall_us);
	/* Start it; s is what it was triggered by.  -1: there is no such unit. */
	int (*start)(void *arg, const struct path_spec *s);
	/* The state is another one (old), or what must be remembered. */
	void (*tell)(void *arg, enum path_state old);
	void *arg;
};

/* conf is kept, and must outlive it. */
struct path *path_new(const struct path_conf *conf, const struct path_ops *ops);
void path_free(struct path *p);
/* Other settings: what is watched is looked at again. */
void path_set_conf(struct path *p, const struct path_conf *conf);

void path_start(struct path *p);
void path_stop(struct path *p);
void path_reset_failed(struct path *p);
/* It failed because it could not watch, and maybe can now: what changed meanwhile was
 * not missed. */
void path_recover(struct path *p);
/* Something happened to what is watched.  edge: to the end of that one, -1: on the way.
 * lost: the kernel does not say what. */
void path_on_watch(struct path *p, ssize_t edge, bool lost);
/* Look at all of it: a file system came, went or answers again. */
void path_look(struct path *p);
/* The active state of the unit is another one, or the start that was asked for ended. */
void path_on_unit(struct path *p);
/* The start that was asked for has ended. */
void path_on_started(struct path *p);

/* Members of an open object; and back, in a new manager, before path_resume. */
void path_write(const struct path *p, struct jw *w);
void path_restore(struct path *p, const struct jv *v, bool is_up);
void path_resume(struct path *p);

enum path_state path_state(const struct path *p);
enum path_result path_result(const struct path *p);
const char *path_state_name(enum path_state st);
const char *path_result_name(enum path_result r);

struct path_view {
	uint64_t last_wall_us; /* of the last trigger; 0: none */
	const char *last_path; /* NULL: of a path that is not there any more */
	uint64_t count;
	const char *refused; /* why the last one started nothing, NULL: it did */
};
void path_view(const struct path *p, struct path_view *out);

#endif
