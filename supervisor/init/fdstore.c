#include "init/fdstore.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "init/complain.h"
#include "init/core.h"
#include "init/role.h"

/* table_stored.told */
enum { TOLD_NOT, TOLD_STORED, OWED_UNSTORED };

enum {
	RESERVED = 256, /* places for units that keep few */
	FEW = 16,
};

/* Entries from here on may be untold. */
static uint32_t untold_from;
/* Who stores chooses how often it is refused; it is said once until there is room. */
static int full_said;

void
fdstore_recover(void)
{
	for (uint32_t i = 0; i < table_stored_used(tab); i++) {
		struct table_stored *s = &tab->stored[i];

		if (!s->used || fd_is_open(s->fd))
			continue;
		s->used = 0;
		s->fd = -1;
	}
	fdstore_forget_manager();
}

/* The last places are for those who have few: a unit that fills the store does not take
 * it from the others. */
static int
is_fair(const char *unit)
{
	uint32_t all = 0, mine = 0;

	for (uint32_t i = 0; i < tab->stored_high; i++) {
		const struct table_stored *s = &tab->stored[i];

		if (!s->used)
			continue;
		all++;
		mine += strncmp(s->unit, unit, sizeof(s->unit)) == 0;
	}
	return mine < FEW || all < STORED_MAX - RESERVED;
}

/* A free place in the table; UINT32_MAX: there is none for that unit. */
static uint32_t
find_place(const char *unit)
{
	for (uint32_t i = is_fair(unit) ? 0 : STORED_MAX; i < STORED_MAX; i++) {
		struct table_stored *s = &tab->stored[i];

		if (i >= tab->stored_high) {
			if (!table_make_room(s, sizeof(*s)))
				break;
			tab->stored_high = i + 1;
		}
		/* A number gets a new meaning when the manager knows that the old is
		 * over.
		 */
		if (!s->used && s->told != OWED_UNSTORED)
			return i;
	}
	return UINT32_MAX;
}

static void
tell_later(uint32_t i)
{
	if (i < untold_from)
		untold_from = i;
}

static void
name_it(struct table_stored *s, const struct msg_stored *q)
{
	memcpy(s->unit, q->unit, sizeof(s->unit));
	memcpy(s->fdname, q->fdname, sizeof(s->fdname));
	s->unit[sizeof(s->unit) - 1] = s->fdname[sizeof(s->fdname) - 1] = '\0';
}

static void
keep(uint32_t i, const struct msg_stored *q, uint32_t poll, int fd)
{
	struct table_stored *s = &tab->stored[i];

	name_it(s, q);
	s->poll = poll;
	s->fd = fd;
	s->told = TOLD_NOT;
	s->used = 1;
	keep_over_exec(fd);
	tell_later(i);
}

void
fdstore_on_put(struct msg *m)
{
	const struct msg_stored *q = &m->u.FD_PUT;
	uint32_t i = find_place(q->unit);
	struct msg no;

	if (i != UINT32_MAX) {
		keep(i, q, q->poll, m->fds[0]);
		m->fds[0] = -1;
		return;
	}
	/* Lost when the channel is full: who waits for it has a time limit. */
	msg_init(&no, MSG_UNSTORED);
	memcpy(no.u.UNSTORED.unit, q->unit, sizeof(q->unit));
	memcpy(no.u.UNSTORED.fdname, q->fdname, sizeof(q->fdname));
	(void)role_send(ROLE_MANAGER, &no);
	if (full_said++ > 0)
		return;
	init_complain("no room to keep another descriptor for", q->unit, 0);
}

/* A number that the manager knows, of that unit. */
static struct table_stored *
find_known(uint32_t id, const char *unit)
{
	struct table_stored *s;

	if (id == 0 || id > table_stored_used(tab))
		return NULL;
	s = &tab->stored[id - 1];
	return s->used && (unit == NULL || strncmp(s->unit, unit, sizeof(s->unit)) == 0)
		   ? s
		   : NULL;
}

void
fdstore_on_accept(const struct msg *m)
{
	const struct msg_stored *q = &m->u.FD_ACCEPT;
	struct table_stored *l = find_known(q->id, q->unit);
	int flags = l == NULL ? 0 : fcntl(l->fd, F_GETFL);

	if (l == NULL)
		return;
	/* init never waits, whatever others made of the file that they share with it. */
	for (uint32_t n = 0; n < q->poll && flags != -1 && (flags & O_NONBLOCK) != 0;
	     n++) {
		uint32_t i = find_place(q->unit);
		int fd = i == UINT32_MAX ? -1 : accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd == -1)
			break;
		keep(i, q, 0, fd);
		l->poll++;
	}
	l->told = TOLD_NOT;
	tell_later(q->id - 1);
}

void
fdstore_on_rename(const struct msg *m)
{
	const struct msg_stored *q = &m->u.FD_RENAME;
	struct table_stored *s = find_known(q->id, NULL);

	if (s != NULL)
		name_it(s, q);
}

static bool
is_meant(const struct table_stored *s, uint32_t id, const struct msg_stored *q)
{
	if (!s->used || strncmp(s->unit, q->unit, sizeof(s->unit)) != 0)
		return false;
	if (q->id != 0)
		return q->id == id;
	/* Without number and name: all of the unit. */
	return q->fdname[0] == '\0' ||
	       strncmp(s->fdname, q->fdname, sizeof(s->fdname)) == 0;
}

void
fdstore_on_drop(const struct msg *m)
{
	for (uint32_t i = 0; i < table_stored_used(tab); i++) {
		struct table_stored *s = &tab->stored[i];

		if (!is_meant(s, i + 1, &m->u.FD_DROP))
			continue;
		s->used = 0;
		close(s->fd);
		s->fd = -1;
		full_said = 0;
		if (s->told == TOLD_STORED) {
			s->told = OWED_UNSTORED;
			tell_later(i);
		}
	}
}

/* 1: sent. */
static int
tell_one(struct table_stored *s, uint32_t id)
{
	bool is_kept = s->told == TOLD_NOT;
	struct msg m;

	msg_init(&m, is_kept ? MSG_STORED : MSG_UNSTORED);
	/* Both have the same payload. */
	m.u.STORED.id = id;
	m.u.STORED.poll = s->poll;
	memcpy(m.u.STORED.unit, s->unit, sizeof(s->unit));
	memcpy(m.u.STORED.fdname, s->fdname, sizeof(s->fdname));
	if (is_kept) {
		m.fds[0] = s->fd;
		m.nfds = 1;
	}
	if (role_send(ROLE_MANAGER, &m) != 1)
		return 0;
	s->told = is_kept ? TOLD_STORED : TOLD_NOT;
	return 1;
}

int
fdstore_tell(void)
{
	for (; untold_from < table_stored_used(tab); untold_from++) {
		struct table_stored *s = &tab->stored[untold_from];

		if ((s->used ? s->told == TOLD_NOT : s->told == OWED_UNSTORED) &&
		    tell_one(s, untold_from + 1) != 1)
			return 0;
	}
	return 1;
}

void
fdstore_forget_manager(void)
{
	for (uint32_t i = 0; i < table_stored_used(tab); i++)
		tab->stored[i].told = TOLD_NOT;
	untold_from = 0;
}
