#include "init/fdstore.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "init/core.h"
#include "init/role.h"

/* Entries from here on may be untold. */
static uint32_t untold_from;

void
fdstore_recover(void)
{
	for (uint32_t i = 0; i < STORED_MAX; i++) {
		struct table_stored *s = &tab->stored[i];

		if (!s->used || (s->fd > 2 && fcntl(s->fd, F_GETFD) != -1))
			continue;
		s->used = 0;
		s->fd = -1;
	}
	fdstore_forget_manager();
}

void
fdstore_on_put(struct msg *m)
{
	const struct msg_stored *q = &m->u.FD_PUT;

	for (uint32_t i = 0; i < STORED_MAX; i++) {
		struct table_stored *s = &tab->stored[i];

		if (s->used)
			continue;
		memcpy(s->unit, q->unit, sizeof(s->unit));
		memcpy(s->fdname, q->fdname, sizeof(s->fdname));
		s->unit[sizeof(s->unit) - 1] = s->fdname[sizeof(s->fdname) - 1] = '\0';
		s->poll = q->poll;
		s->fd = m->fds[0];
		s->told = 0;
		s->used = 1;
		m->fds[0] = -1;
		keep_over_exec(s->fd);
		if (i < untold_from)
			untold_from = i;
		return;
	}
	init_complain("no room to keep another descriptor for", q->unit, 0);
}

static bool
is_meant(const struct table_stored *s, uint32_t id, const struct msg_stored *q)
{
	if (!s->used || strncmp(s->unit, q->unit, sizeof(s->unit)) != 0)
		return false;
	return q->id != 0 ? q->id == id
			  : strncmp(s->fdname, q->fdname, sizeof(s->fdname)) == 0;
}

void
fdstore_on_drop(const struct msg *m)
{
	for (uint32_t i = 0; i < STORED_MAX; i++) {
		struct table_stored *s = &tab->stored[i];

		if (!is_meant(s, i + 1, &m->u.FD_DROP))
			continue;
		s->used = 0;
		close(s->fd);
		s->fd = -1;
	}
}

int
fdstore_tell(void)
{
	for (; untold_from < STORED_MAX; untold_from++) {
		struct table_stored *s = &tab->stored[untold_from];
		struct msg m;

		if (!s->used || s->told)
			continue;
		msg_init(&m, MSG_STORED);
		m.u.STORED.id = untold_from + 1;
		m.u.STORED.poll = s->poll;
		memcpy(m.u.STORED.unit, s->unit, sizeof(s->unit));
		memcpy(m.u.STORED.fdname, s->fdname, sizeof(s->fdname));
		m.fds[0] = s->fd;
		m.nfds = 1;
		if (role_send(ROLE_MANAGER, &m) != 1)
			return 0;
		s->told = 1;
	}
	return 1;
}

void
fdstore_forget_manager(void)
{
	for (uint32_t i = 0; i < STORED_MAX; i++)
		tab->stored[i].told = 0;
	untold_from = 0;
}
