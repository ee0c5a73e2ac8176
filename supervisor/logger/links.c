/*
 * links: see the header.
 *
 * Which invocation has a link is remembered; at first it is read from the disk, as a
 * logger before us left it.
 */
#include "logger/links.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/xalloc.h"
#include "logger/channel.h"
#include "logger/sink.h"
#include "logger/state.h"

enum {
	LINKS_SPARE = 1024,            /* names that are remembered without a slot */
	KEY_MAX = LAYOUT_NAME_MAX + 8, /* of links_key */
};

/* ---- what is remembered ---- */

/* (No name has a slash in it.) */
static const char *
links_key(char *dst, const char *name, bool cast)
{
	snprintf(dst, KEY_MAX, "%s%s", cast ? "cast/" : "", name);
	return dst;
}

/* All but those of the slots we hold.  Of one that comes back, the links themselves are
 * looked at again. */
static void
linkrecs_forget(struct logger *lg)
{
	struct map old = lg->links;
	char key[KEY_MAX];

	lg->links = (struct map){ 0 };
	for (uint32_t i = 0; i < table_used(lg->t); i++) {
		const struct logslot *ls = lg->slots[i];

		for (int cast = 0; ls != NULL && cast < 2; cast++) {
			struct linkrec *r =
			    map_del(&old, links_key(key, ls->name, cast != 0));

			if (r != NULL)
				map_set(&lg->links, key, r);
		}
	}
	map_clear(&old, free);
}

static struct linkrec *
linkrec_get(struct logger *lg, const char *name, bool cast)
{
	char key[KEY_MAX];
	struct linkrec *r = map_get(&lg->links, links_key(key, name, cast));

	if (r == NULL) {
		if (lg->links.n >= LINKS_SPARE + 2 * (size_t)table_used(lg->t))
			linkrecs_forget(lg);
		r = xcalloc(1, sizeof(*r));
		map_set(&lg->links, key, r);
	}
	return r;
}

/* ---- what is on the disk ---- */

/* Whether a file of that ref is one of the slot; other: under another name (ALT). */
static bool
is_ref_of(const char *ref, const struct logslot *ls, bool other)
{
	size_t n = strlen(ls->ref);

	if (strncmp(ref, ls->ref, n) != 0)
		return false;
	return other ? ref[n] == '.' && ref[n + 1] >= '1' && ref[n + 1] <= '9' &&
			   ref[n + 2] == '\0'
		     : ref[n] == '\0';
}

static const struct logslot *
find_slot(struct logger *lg, const char *name, const char *ref)
{
	for (int other = 0; other < 2; other++) {
		for (uint32_t i = 0; i < table_used(lg->t); i++) {
			const struct logslot *ls = lg->slots[i];

			if (ls != NULL && is_ref_of(ref, ls, other != 0) &&
			    strcmp(ls->name, name) == 0)
				return ls;
		}
	}
	return NULL;
}

/* The rank of the invocation that a link of an earlier logger points to: that of a slot
 * we hold, else told by the refs. */
static uint64_t
order_of_link(struct logger *lg, const struct logslot *ls, bool cast, const char *file)
{
	uint64_t mine = ls->ts->conf.order;
	const struct logslot *of;
	struct layout_file lf;

	if (!(cast ? layout_cast_is_of : layout_file_is_of)(file, ls->name, &lf))
		return 0;
	of = find_slot(lg, ls->name, lf.ref);
	if (of != NULL)
		return of->ts->conf.order;
	if (lf.ref[0] >= '0' && lf.ref[0] <= '9' && ls->ref[0] >= '0' &&
	    ls->ref[0] <= '9' && layout_ref_cmp(lf.ref, ls->ref) > 0)
		return mine + 1;
	return 0;
}

static const char *
link_file(char *dst, const struct logslot *ls, bool cast)
{
	return (cast ? layout_cast_link_file : layout_link_file)(
	    dst, LAYOUT_FILE_MAX, ls->name);
}

static uint64_t
order_on_disk(struct logger *lg, const struct logslot *ls, bool cast, int dir, bool top)
{
	char link[LAYOUT_FILE_MAX], target[PATH_MAX], day[LAYOUT_DAY_LEN + 1];
	char file[LAYOUT_FILE_MAX];
	ssize_t n =
	    readlinkat(dir, link_file(link, ls, cast), target, sizeof(target) - 1);

	if (n <= 0)
		return 0;
	target[n] = '\0';
	if (!top)
		return order_of_link(lg, ls, cast, target);
	return (cast ? layout_parse_cast_target : layout_parse_target)(target, day, file)
		   ? order_of_link(lg, ls, cast, file)
		   : 0;
}

/* ---- making them ---- */

bool
links_cannot_be(struct logger *lg, int err)
{
	/* (A folder that we may not write is EACCES.) */
	if (err != EPERM && err != EOPNOTSUPP && err != ENOSYS)
		return false;
	if (!lg->no_links)
		log_warnx(
		    "the file system of the journal has no symbolic links: %s; logs "
		    "go on without",
		    strerror(err));
	lg->no_links = true;
	return true;
}

static int
make_link(struct logger *lg, struct logslot *ls, bool cast, int dir, const char *target)
{
	char link[LAYOUT_FILE_MAX];

	if (symlink_atomic(dir, target, link_file(link, ls, cast)) == 0)
		return 0;
	if (errno == EEXIST) {
		/* Something that is no link has that name.  It is not ours. */
		channel_report(lg, ls, cast ? STREAM_OF_CAST : STREAM_OF_FILE,
		    STREAM_DISTURBED, EEXIST);
		return 0;
	}
	return links_cannot_be(lg, errno) ? 0 : -1;
}

int
links_set(
    struct logger *lg, struct logslot *ls, bool cast, const char *day, const char *file)
{
	struct linkrec *r = linkrec_get(lg, ls->name, cast);
	uint64_t mine = ls->ts->conf.order;
	int day_fd = sink_day_fd(lg, day), top = sink_day_fd(lg, "");
	char target[LAYOUT_PATH_MAX];

	if (day_fd == -1 || top == -1)
		return -1;
	if (strcmp(r->day, day) != 0) {
		r->day_order = order_on_disk(lg, ls, cast, day_fd, false);
		strlcpy(r->day, day, sizeof(r->day));
	}
	if (r->top_order == 0)
		r->top_order = order_on_disk(lg, ls, cast, top, true);
	if (mine >= r->day_order) {
		if (make_link(lg, ls, cast, day_fd, file) == -1)
			return -1;
		r->day_order = mine;
	}
	if (mine >= r->top_order) {
		layout_link_target(target, sizeof(target), day, file);
		if (make_link(lg, ls, cast, top, target) == -1)
			return -1;
		r->top_order = mine;
	}
	return 0;
}
