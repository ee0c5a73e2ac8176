/*
 * match: see the header.
 */
#include "logger/match.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/lines.h"
#include "journal/pattern.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "logger/channel.h"
#include "logger/sink.h"
#include "logger/state.h"

enum {
	/* Of matching, in each second: of a slot, and of all.  What others take leaves
	 * each slot a little, or the line that its start waits for would not be seen. */
	BUDGET_US = 50000,
	BUDGET_ALL_US = 250000,
	BUDGET_LEAST_US = 1000,
	EARLY_BYTES = 4 * 1024 * 1024, /* of the file, for patterns that come late */
};

struct rule {
	uint32_t rule, streams;
	regex_t re;
	uint32_t found; /* not yet reported */
	uint64_t seq;   /* the first of them */
	uint32_t text_len;
	char text[256];
};

struct match {
	struct rule *rules;
	size_t n;
	unsigned streams; /* of any rule */
	bool found;       /* some rule has something to report */
	uint64_t second_us, spent_us;
	uint64_t skipped; /* lines not looked at */
	struct buf list;  /* as it came */
};

void
match_free(struct logslot *ls)
{
	struct match *m = ls->match;

	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n; i++)
		regfree(&m->rules[i].re);
	free(m->rules);
	buf_free(&m->list);
	free(m);
	ls->match = NULL;
}

bool
match_wants(const struct logslot *ls, unsigned stream)
{
	return ls->match != NULL && (ls->match->streams & 1U << stream) != 0;
}

static bool
has_time(struct logger *lg, struct match *m, uint64_t now)
{
	if (now - m->second_us >= USEC_PER_SEC) {
		m->second_us = now;
		m->spent_us = 0;
	}
	if (now - lg->match_second_us >= USEC_PER_SEC) {
		lg->match_second_us = now;
		lg->match_spent_us = 0;
	}
	return m->spent_us < BUDGET_LEAST_US ||
	       (m->spent_us < BUDGET_US && lg->match_spent_us < BUDGET_ALL_US);
}

static void
hit(struct rule *r, uint64_t seq, const char *text, size_t n)
{
	/* Of several the newest: what it captures is true now. */
	r->found++;
	r->seq = seq;
	r->text_len = (uint32_t)utf8_cut(r->text, sizeof(r->text), text, n);
}

void
match_line(struct logger *lg, struct logslot *ls, unsigned stream, uint64_t seq,
    const char *text, size_t n)
{
	struct match *m = ls->match;
	uint64_t start, spent;

	if (!has_time(lg, m, clock_mono_us())) {
		m->skipped++;
		return;
	}
	/* A line that is not looked at may be the one that a start waits for: what others
	 * take of the processor does not count. */
	start = clock_cpu_us();
	if (n > PATTERN_LINE_MAX)
		n = PATTERN_LINE_MAX;
	for (size_t i = 0; i < m->n; i++) {
		struct rule *r = &m->rules[i];
		regmatch_t at = { .rm_so = 0, .rm_eo = (regoff_t)n };

		if ((r->streams & 1U << stream) == 0 ||
		    regexec(&r->re, text, 1, &at, REG_STARTEND) != 0)
			continue;
		hit(r, seq, text, n);
		if (!m->found) {
			m->found = true;
			channel_match_found(lg, ls);
		}
	}
	spent = clock_cpu_us() - start;
	m->spent_us += spent;
	lg->match_spent_us += spent;
}

bool
match_flush(struct logger *lg, struct logslot *ls)
{
	struct match *m = ls->match;
	struct msg msg;

	if (m == NULL || !m->found)
		return true;
	for (size_t i = 0; i < m->n; i++) {
		struct rule *r = &m->rules[i];

		if (r->found == 0)
			continue;
		msg_init(&msg, MSG_MATCH);
		msg.u.MATCH.slot = ls->n;
		msg.u.MATCH.rule = r->rule;
		msg.u.MATCH.seq = r->seq;
		msg.u.MATCH.count = r->found;
		msg.u.MATCH.text_len = r->text_len;
		memcpy(msg.u.MATCH.text, r->text, r->text_len);
		if (chan_send(&lg->manager, &msg) != 1)
			return false;
		r->found = 0;
	}
	m->found = false;
	if (m->skipped > 0)
		log_warnx("%s: patterns too slow, %llu lines not looked at", ls->ts->unit,
		    (unsigned long long)m->skipped);
	m->skipped = 0;
	return true;
}

/* ---- taking a list ---- */

static void
add_rule(struct match *m, const struct logslot *ls, const struct pattern *p)
{
	const char *why = pattern_refused(p->text, p->flags);
	int flags = REG_EXTENDED | ((p->flags & PATTERN_ICASE) != 0 ? REG_ICASE : 0);
	struct rule *r;

	if (m->n >= PATTERN_MAX)
		why = "too many patterns";
	if (why == NULL) {
		m->rules = xreallocarray(m->rules, m->n + 1, sizeof(*m->rules));
		r = &m->rules[m->n];
		memset(r, 0, sizeof(*r));
		if (regcomp(&r->re, p->text, flags) == 0) {
			r->rule = p->rule;
			r->streams = p->streams & 3;
			m->streams |= r->streams;
			m->n++;
			return;
		}
		why = "not a regular expression";
	}
	log_warnx("%s: pattern %u is refused: %s", ls->ts->unit, p->rule, why);
}

/* What this invocation logged before the patterns came. */
static void
match_early(struct logger *lg, struct logslot *ls)
{
	struct line_parser parser = { 0 };
	uint64_t seq = 0;
	struct lines *f;
	struct line l;
	char file[LAYOUT_FILE_MAX];
	const char *s;
	size_t n;
	int dir, fd;

	if (ls->ts->log.day[0] == '\0' || ls->ts->log.lines == 0)
		return;
	if (ls->sink.fd == -1) {
		uint64_t size;

		logger_clock(lg, ls);
		if (sink_ready(lg, ls, &size) == -1)
			return;
	}
	dir = sink_day_fd(lg, ls->sink.day);
	fd = dir == -1 ? -1 : open_at(dir, sink_file(ls, file), O_RDONLY | O_NONBLOCK, 0);
	f = fd == -1 ? NULL : lines_new_take_fd(fd, false);
	if (f == NULL)
		return;
	if (lines_size(f) > EARLY_BYTES)
		lines_seek(f, lines_size(f) - EARLY_BYTES);
	while (lines_next(f, true, &s, &n) == 1) {
		line_parse(&parser, s, n, &l);
		seq++;
		if (l.stream <= LINE_STDERR && match_wants(ls, l.stream))
			match_line(lg, ls, l.stream, seq, l.text, l.text_len);
	}
	lines_free(f);
	line_parser_clear(&parser);
	/* Counted as when they came: the file may be of the last day only. */
	for (size_t i = 0; i < ls->match->n && seq < ls->ts->log.lines; i++)
		if (ls->match->rules[i].seq != 0)
			ls->match->rules[i].seq += ls->ts->log.lines - seq;
}

/* Another manager asks for the same: the one before may have died with the answer unread.
 * By the number of the line it knows what it has heard. */
static void
tell_again(struct logger *lg, struct logslot *ls)
{
	struct match *m = ls->match;

	for (size_t i = 0; i < m->n; i++) {
		struct rule *r = &m->rules[i];

		if (r->seq == 0 || r->found != 0)
			continue;
		r->found = 1;
		if (!m->found) {
			m->found = true;
			channel_match_found(lg, ls);
		}
	}
}

void
match_set(struct logger *lg, struct logslot *ls, int fd)
{
	struct buf data = { 0 };
	struct pattern p;
	struct stat st;
	size_t at = 0;
	int r = -1;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0 &&
	    st.st_size <= PATTERN_BYTES_MAX) {
		size_t size = (size_t)st.st_size;
		ssize_t got = pread(fd, buf_reserve(&data, size + 1), size, 0);

		if (got >= 0)
			buf_grew(&data, (size_t)got);
		r = 0;
	}
	if (r == 0 && ls->match != NULL && ls->match->list.len == data.len &&
	    memcmp(buf_str(&ls->match->list), buf_str(&data), data.len) == 0) {
		tell_again(lg, ls);
		buf_free(&data);
		return;
	}
	match_free(ls);
	ls->match = xcalloc(1, sizeof(*ls->match));
	if (r == 0)
		while (
		    data.len > 0 && (r = pattern_next(data.data, data.len, &at, &p)) == 1)
			add_rule(ls->match, ls, &p);
	if (r == -1)
		log_warnx("%s: a list of patterns cannot be read", ls->ts->unit);
	ls->match->list = data;
	if (ls->match->n == 0)
		match_free(ls);
	else
		match_early(lg, ls);
}
