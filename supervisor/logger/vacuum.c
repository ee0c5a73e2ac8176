/*
 * vacuum: see the header.
 */
#include "logger/vacuum.h"

#include "logger/state.h"

void
vacuum_due(struct logger *lg)
{
	(void)lg;
}

void
vacuum_run(struct logger *lg, const struct msg_vacuum *req)
{
	struct msg m;

	msg_init(&m, MSG_VACUUM_DONE);
	m.u.VACUUM_DONE.id = req->id;
	logger_answer(lg, &m);
}
