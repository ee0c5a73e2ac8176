/*
 * input_past: what became of the last entries that had a token.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "manager/session/input_int.h"

static void
drop_first(struct input *q)
{
	struct input_past *p = TAILQ_FIRST(&q->past);

	TAILQ_REMOVE(&q->past, p, link);
	q->n_past--;
	free(p->token);
	free(p->reason);
	free(p);
}

void
input_past_free(struct input *q)
{
	while (q->n_past > 0)
		drop_first(q);
}

void
input_remember(struct input *q, uint64_t id, const char *token, enum input_result result,
    const char *reason)
{
	struct input_known known;
	struct input_past *p;

	if (token == NULL ||
	    (input_find_token(q, token, &known) && known.result != INPUT_NONE))
		return;
	if (q->n_past == INPUT_PAST_MAX)
		drop_first(q);
	p = xcalloc(1, sizeof(*p));
	p->id = id;
	p->token = xstrdup(token);
	p->result = result;
	p->reason = xstrdup_opt(reason);
	TAILQ_INSERT_TAIL(&q->past, p, link);
	q->n_past++;
}

bool
input_find_token(const struct input *q, const char *token, struct input_known *out)
{
	const struct input_item *it;
	const struct input_past *p;

	TAILQ_FOREACH (p, &q->past, link)
		if (strcmp(p->token, token) == 0) {
			*out = (struct input_known){ p->id, p->result, p->reason };
			return true;
		}
	TAILQ_FOREACH (it, &q->list, link)
		if (it->e.token != NULL && strcmp(it->e.token, token) == 0) {
			/* A result that is not recorded yet is none. */
			*out = (struct input_known){ it->e.id, INPUT_NONE, NULL };
			return true;
		}
	return false;
}

bool
input_has_more(const struct input *q)
{
	return q->n > 1 || q->n_past > 0;
}

uint64_t
input_newest_id(const struct input *q)
{
	const struct input_item *it;
	const struct input_past *p;
	uint64_t id = 0;

	TAILQ_FOREACH (it, &q->list, link)
		id = it->e.id > id ? it->e.id : id;
	TAILQ_FOREACH (p, &q->past, link)
		id = p->id > id ? p->id : id;
	return id;
}
