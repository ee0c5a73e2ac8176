/*
 * pathwatch: one inotify for all that is watched by path (pathlook.h), because a user may
 * have but few of them, and who is told of what happens.
 *
 * A thing has one watch in the kernel, whoever looks at it, with the masks of all.  What
 * comes of it is told to those only whose own mask and name it meets, and to nobody of
 * what happened before he began.  A mask that is left over wakes up once; then it is
 * trimmed.
 */
#ifndef SUPD_MANAGER_PATHWATCH_H
#define SUPD_MANAGER_PATHWATCH_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct manager;
struct pathwatch;
struct way;

/* What a way is to its watcher. */
enum way_kind {
	WAY_THING, /* the thing itself */
	WAY_NAME,  /* that name in the folder */
	WAY_WILD,  /* names in it that match */
	WAY_GONE,  /* any name that goes */
	WAY_END,   /* all that the mask says counts, as a hit */
};

/* Whoever is told; zeroed but for fn and arg it watches nothing. */
struct watcher {
	LIST_ENTRY(watcher) next;
	TAILQ_ENTRY(watcher) due;
	bool begun, is_due;
	LIST_HEAD(, way) ways;
	size_t n;    /* of these */
	ssize_t hit; /* the number of the first end to which it happened; -1: to none */
	bool lost;   /* too much happened to be told */
	void (*fn)(void *arg); /* from the loop, once for all that happened meanwhile */
	void *arg;
};

/* From now on; what was watched is forgotten.  -1: there is no inotify (errno). */
int watcher_begin(struct manager *m, struct watcher *w);
/* name is that of a WAY_NAME or WAY_WILD, number that of a WAY_END.  -1: errno is that of
 * inotify_add_watch(2). */
int watcher_add(struct manager *m, struct watcher *w, const char *path, uint32_t mask,
    enum way_kind kind, const char *name, size_t number);
/* Nothing is watched any more, and fn not called for what was. */
void watcher_end(struct manager *m, struct watcher *w);

#endif
