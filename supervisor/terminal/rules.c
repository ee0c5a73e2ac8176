/*
 * rules: see the header.
 */
#include "terminal/rules.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "terminal/peers.h"
#include "terminal/session.h"
#include "terminal/state.h"

enum {
	BYTES_MAX = 4 * 1024 * 1024,
	BUDGET_US = 20 * 1000, /* of one look; what is left is tried in another */
	FIRST_US = 500 * 1000, /* of the first one, before which there is none */
};

struct rule {
	uint32_t number;
	uint32_t lines; /* only the last so many that are not blank; 0: all */
	regex_t re;
	char *text; /* the row that was told; NULL: it does not hold */
};

struct rules {
	size_t n, next; /* next: where a look that ran out of time goes on */
	size_t left;    /* so many were not tried at the screen as it is */
	bool tried;
	uint64_t held;
	struct rule v[RULES_MAX];
};

void
rules_free(struct rules *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++) {
		regfree(&r->v[i].re);
		free(r->v[i].text);
	}
	free(r);
}

static void
add(struct session *s, struct rules *r, const struct jv *v)
{
	int64_t number = jv_i64(jv_get(v, "rule"), -1);
	int64_t lines = jv_i64(jv_get(v, "lines"), 0);
	const char *pattern = jv_str(jv_get(v, "pattern"), NULL);
	struct rule *rule = &r->v[r->n];

	if (r->n == RULES_MAX || number < 0 || number >= RULES_MAX || pattern == NULL ||
	    regcomp(&rule->re, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
		log_warnx("%s: a rule for its screen is left out", s->ts->unit);
		return;
	}
	rule->number = (uint32_t)number;
	rule->lines = lines > 0 && lines <= UINT16_MAX ? (uint32_t)lines : 0;
	rule->text = NULL;
	r->n++;
}

void
rules_set(struct session *s, const struct msg *m)
{
	uint64_t size = m->u.TERM_RULES.size;
	struct jv *list = NULL;
	struct stat st;
	void *p = MAP_FAILED;

	rules_free(s->rules);
	s->rules = NULL;
	s->ruled = true;
	/* Also when they change nothing: who sends them may not know how it is. */
	peers_report(s);
	if (size > 0 && size <= BYTES_MAX && fstat(m->fds[0], &st) == 0 &&
	    (uint64_t)st.st_size >= size)
		p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, m->fds[0], 0);
	if (p == MAP_FAILED) {
		log_warnx("%s: its rules cannot be read", s->ts->unit);
		session_look(s);
		return;
	}
	list = jv_parse(p, size, NULL);
	munmap(p, size);
	s->rules = xcalloc(1, sizeof(*s->rules));
	for (size_t i = 0; i < jv_count(list); i++)
		add(s, s->rules, jv_at(list, i));
	jv_free(list);
	session_look(s);
}

/* ---- looking ---- */

/* The rows of the screen as they are tried: without the blank ones. */
struct rows {
	struct buf text; /* one behind the other, each with its NUL */
	size_t at[SCREEN_ROWS_MAX];
	size_t n;
};

static void
read_rows(struct session *s, struct rows *rows)
{
	struct screen_look look;

	session_screen_look(s, &look);
	rows->n = 0;
	for (uint16_t i = 0; i < look.rows; i++) {
		size_t at = rows->text.len;

		screen_row(session_screen(s), i, &rows->text);
		if (rows->text.len == at)
			continue;
		buf_addc(&rows->text, '\0');
		rows->at[rows->n++] = at;
	}
}

/* The last row that it is true of; NULL: none. */
static const char *
find(const struct rule *rule, const struct rows *rows)
{
	size_t from =
	    rule->lines > 0 && rule->lines < rows->n ? rows->n - rule->lines : 0;

	for (size_t i = rows->n; i-- > from;) {
		const char *row = rows->text.data + rows->at[i];

		if (regexec(&rule->re, row, 0, NULL, 0) == 0)
			return row;
	}
	return NULL;
}

static void
tell(struct session *s, const struct rule *rule)
{
	struct msg m;
	size_t n;

	msg_init(&m, MSG_TERM_MATCH);
	n = utf8_cut(m.u.TERM_MATCH.text, sizeof(m.u.TERM_MATCH.text) - 1, rule->text,
	    strlen(rule->text));
	m.u.TERM_MATCH.slot = s->slot;
	m.u.TERM_MATCH.rule = rule->number;
	m.u.TERM_MATCH.count = 1;
	m.u.TERM_MATCH.text_len = (uint32_t)n;
	peers_answer(s->t, &m);
}

static void
try_rule(struct session *s, struct rule *rule, const struct rows *rows)
{
	const char *row = find(rule, rows);
	uint64_t bit = UINT64_C(1) << rule->number;

	if (row == NULL) {
		free(rule->text);
		rule->text = NULL;
		s->rules->held &= ~bit;
		return;
	}
	s->rules->held |= bit;
	if (rule->text != NULL && strcmp(rule->text, row) == 0)
		return;
	free(rule->text);
	rule->text = xstrdup(row);
	tell(s, rule);
}

uint64_t
rules_look(struct session *s, bool changed)
{
	static struct rows rows; /* (its buffer is kept: one look at a time) */
	struct rules *r = s->rules;
	uint64_t until = clock_mono_us();

	if (r == NULL || r->n == 0)
		return 0;
	until += r->tried ? BUDGET_US : FIRST_US;
	r->tried = true;
	if (changed)
		r->left = r->n;
	buf_clear(&rows.text);
	read_rows(s, &rows);
	while (r->left > 0) {
		try_rule(s, &r->v[r->next], &rows);
		r->next = (r->next + 1) % r->n;
		r->left--;
		if (clock_mono_us() >= until)
			break;
	}
	return r->held;
}

bool
rules_left(const struct session *s)
{
	return s->rules != NULL && s->rules->left > 0;
}
