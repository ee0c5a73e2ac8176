/*
 * session_watch: the files that a session is known by: File= of its rules, and
 * StaleFile=.
 *
 * They are watched while an invocation runs, and looked at when they change, before its
 * end is judged, and before it would be stale.  What stands in them is hostile: only so
 * much of it is read, by lines of a bounded length, in a bounded time.  What is on a
 * mount that may hang is looked at by a helper; one that does not answer says nothing,
 * which is not the same as that nothing happened.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/pattern.h"
#include "lib/as_user.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/service/helper.h"
#include "manager/service/service.h"
#include "manager/session/oracle.h"
#include "manager/session/until.h"
#include "manager/sessions/sessions_int.h"
#include "manager/units.h"
#include "manager/watch/filewatch.h"
#include "manager/watch/reach.h"

enum {
	TEXT_MAX = 64 * 1024, /* of a file; of a longer one its end */
	MATCHES_MAX = 10,     /* of a pattern: Until= counts to 9 */
};

#define ANSWER_US (2 * USEC_PER_SEC) /* a helper has so long */
#define MATCH_US (20 * USEC_PER_MSEC)

/* What is asked of a helper, and what it answers, before the text. */
struct question {
	bool text;        /* of interest */
	bool whole;       /* only if it is read whole */
	int32_t uid, gid; /* whose rights count */
	char path[PATH_MAX];
};
struct answer {
	bool there;
	bool regular;
	int32_t
	    err; /* why nobody knows what stands in it; 0: it was read, or is not there */
	uint64_t mtime_wall_us, size, ino;
};

struct watched_file {
	struct session *s;
	char *path;
	size_t rule; /* ORACLE_NO_RULE: StaleFile= */
	struct filewatch_file *watch;
	struct helper *helper;
	bool again; /* it changed while the helper looked */
	bool known; /* seen is what was found last */
	int err;    /* why it cannot be read, as it was told; 0: it can */
	struct answer seen;
};

/* ---- a look, by us or by a helper ---- */

static void
read_text(const char *path, bool whole, struct answer *a, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	off_t from;
	ssize_t n;

	if (fd == -1) {
		a->err = errno == ENOENT ? 0 : errno;
		return;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (!whole || st.st_size <= TEXT_MAX)) {
		from = st.st_size > TEXT_MAX ? st.st_size - TEXT_MAX : 0;
		n = pread(fd, buf_reserve(out, TEXT_MAX), TEXT_MAX, from);
		if (n > 0)
			buf_grew(out, (size_t)n);
		a->regular = n >= 0;
		a->err = n >= 0 ? 0 : errno;
	}
	close(fd);
}

static void
work_look(const void *question, struct buf *out)
{
	const struct question *q = question;
	struct buf text = { 0 };
	struct answer a;
	struct stat st;

	memset(&a, 0, sizeof(a));
	/* What is found stands in the evidence, which that user may see. */
	if (!as_user_begin(q->uid, q->gid)) {
		a.err = errno != 0 ? errno : EPERM;
		buf_append(out, &a, sizeof(a));
		return;
	}
	if (stat(q->path, &st) == 0) {
		a.there = true;
		a.mtime_wall_us = (uint64_t)st.st_mtim.tv_sec * USEC_PER_SEC +
				  (uint64_t)st.st_mtim.tv_nsec / 1000;
		a.size = (uint64_t)st.st_size;
		a.ino = (uint64_t)st.st_ino;
		/* What is no file is not opened: that alone can do something. */
		if (q->text && S_ISREG(st.st_mode))
			read_text(q->path, q->whole, &a, &text);
	} else if (errno != ENOENT && errno != ENOTDIR) {
		a.err = errno;
	}
	as_user_end();
	buf_append(out, &a, sizeof(a));
	if (text.len > 0)
		buf_append(out, text.data, text.len);
	buf_free(&text);
}

/* ---- what it means ---- */

static const struct rule_conf *
rule_of(const struct watched_file *f)
{
	return &session_conf(f->s)->rules.v[f->rule];
}

/* The last line that matches; false: none does, or not in the time. */
static bool
find_line(const struct rule_conf *r, char *text, size_t len, char *line, size_t size,
    struct buf *until)
{
	uint64_t end = clock_add_us(clock_mono_us(), MATCH_US);
	regmatch_t m[MATCHES_MAX];
	bool found = false;
	regex_t re;

	if (regcomp(&re, r->pattern, REG_EXTENDED) != 0)
		return false;
	while (!found && len > 0 && clock_mono_us() < end) {
		size_t from, n;

		if (text[len - 1] == '\n')
			len--;
		for (from = len; from > 0 && text[from - 1] != '\n'; from--)
			;
		n = len - from < size - 1 ? len - from : size - 1;
		memcpy(line, text + from, n);
		line[n] = '\0';
		for (size_t i = 0; i < n; i++)
			if (line[i] == '\0')
				line[i] = ' ';
		found = regexec(&re, line, MATCHES_MAX, m, 0) == 0;
		len = from;
	}
	if (found && r->until != NULL)
		until_expand(until, r->until, line, m, MATCHES_MAX);
	regfree(&re);
	return found;
}

/* Of JSON the text, number or truth that Pointer= leads to; NULL: there is none. */
static char *
pointed_at(const char *pointer, const char *text, size_t len)
{
	struct jv *v = jv_parse(text, len, NULL);
	const struct jv *at = v != NULL ? jv_pointer(v, pointer) : NULL;
	struct buf out = { 0 };
	char *found = NULL;

	switch (jv_type(at)) {
	case JV_STRING:
		text = jv_strn(at, &len);
		buf_append(&out, text, len);
		break;
	case JV_INT:
		buf_addf(&out, "%" PRId64, jv_i64(at, 0));
		break;
	case JV_DOUBLE:
		buf_addf(&out, "%.15g", jv_double(at, 0));
		break;
	case JV_BOOL:
		buf_adds(&out, jv_bool(at, false) ? "true" : "false");
		break;
	default:
		at = NULL;
		break;
	}
	if (at != NULL)
		found = xstrdup(buf_str(&out));
	buf_free(&out);
	jv_free(v);
	return found;
}

static void
tell_rule(struct watched_file *f, const struct answer *a, char *text, size_t len)
{
	const struct rule_conf *r = rule_of(f);
	struct oracle_match m = { .rule = f->rule };
	char line[PATTERN_LINE_MAX + 1], when[CLOCK_TEXT_MAX];
	struct buf until = { 0 };
	char *at = NULL;

	if (r->pointer != NULL && a->regular) {
		at = pointed_at(r->pointer, text, len);
		text = at;
		len = at != NULL ? strlen(at) : 0;
	}
	if (r->pattern == NULL) {
		/* Without one it is that it is there, and when it changed. */
		if (a->there && (r->pointer == NULL || at != NULL)) {
			snprintf(line, sizeof(line), "changed %s",
			    clock_format_local(when, sizeof(when), a->mtime_wall_us));
			m.text = line;
		}
	} else if (a->regular && text != NULL &&
		   find_line(r, text, len, line, sizeof(line), &until)) {
		m.text = line;
		if (until.len > 0)
			m.until = buf_str(&until);
	}
	oracle_file(f->s->oracle, &m);
	buf_free(&until);
	free(at);
}

/* It is touched if anything of it is another than before, whatever its clock says: that
 * may be another machine's. */
static void
tell_stale(struct watched_file *f, const struct answer *a)
{
	uint64_t now = clock_mono_us(), wall = clock_wall_us(), age;

	if (!a->there)
		return;
	if (f->known && f->seen.there) {
		if (memcmp(&f->seen, a, sizeof(*a)) != 0)
			oracle_stale_file(f->s->oracle, now);
		return;
	}
	age = wall > a->mtime_wall_us ? wall - a->mtime_wall_us : 0;
	oracle_stale_file(f->s->oracle, f->known || now < age ? now : now - age);
}

static void
take(struct watched_file *f, struct buf *answer)
{
	struct answer a;

	if (answer->len < sizeof(a))
		return;
	memcpy(&a, answer->data, sizeof(a));
	if (a.err != 0) {
		/* That it cannot be read is no word about what stands in it. */
		if (a.err != f->err)
			log_warnx("%s: %s: %s: what is known of it stays",
			    f->s->unit->name, f->path, strerror(a.err));
		f->err = a.err;
		return;
	}
	f->err = 0;
	if (f->rule == ORACLE_NO_RULE)
		tell_stale(f, &a);
	else
		tell_rule(f, &a, answer->data + sizeof(a), answer->len - sizeof(a));
	f->seen = a;
	f->known = true;
}

/* ---- looking ---- */

static void look(struct watched_file *f);

static void
on_helper(void *arg, const struct buf *answer)
{
	struct watched_file *f = arg;
	struct session *s = f->s;
	struct buf copy = { 0 };

	f->helper = NULL;
	if (answer != NULL) {
		buf_append(&copy, answer->data, answer->len);
		take(f, &copy);
		buf_free(&copy);
	} else if (f->rule == ORACLE_NO_RULE) {
		/* Nobody can say that it was not touched. */
		log_warnx("%s: StaleFile=%s does not answer", s->unit->name, f->path);
		oracle_stale_file(s->oracle, clock_mono_us());
	}
	if (f->again) {
		f->again = false;
		look(f);
	}
	session_watch_looked(s);
}

/* False: it cannot be asked. */
static bool
question(const struct watched_file *f, struct question *q)
{
	*q = (struct question){
		.text = f->rule != ORACLE_NO_RULE, .uid = f->s->uid, .gid = f->s->gid
	};
	q->whole = q->text && rule_of(f)->pointer != NULL;
	return strlcpy(q->path, f->path, sizeof(q->path)) < sizeof(q->path);
}

static void
look(struct watched_file *f)
{
	struct manager *m = f->s->unit->manager;
	struct question q;
	struct buf answer = { 0 };

	if (f->helper != NULL) {
		f->again = true;
		return;
	}
	if (!question(f, &q))
		return;
	if (!reach_is_local(m->reach, f->path, true)) {
		f->helper = helper_new(
		    m->loop, work_look, &q, sizeof(q), ANSWER_US, on_helper, f);
		return;
	}
	work_look(&q, &answer);
	take(f, &answer);
	buf_free(&answer);
}

/* What is judged now is not judged by an older look: on a share for as long as reach.h
 * waits for one that answers. */
void
session_watch_judge(struct session *s)
{
	struct reach *reach = s->unit->manager->reach;

	for (size_t i = 0; i < s->n_watched; i++) {
		struct watched_file *f = &s->watched[i];
		struct buf answer = { 0 };
		struct question q;

		if (f->rule == ORACLE_NO_RULE || !question(f, &q))
			continue;
		if (reach_is_local(reach, f->path, true))
			look(f);
		else if (reach_ask(reach, f->path, work_look, &q, &answer) == 0)
			take(f, &answer);
		buf_free(&answer);
	}
}

static void
on_changed(void *arg)
{
	look(arg);
}

bool
session_watch_look(struct session *s)
{
	bool waits = false;

	for (size_t i = 0; i < s->n_watched; i++) {
		look(&s->watched[i]);
		waits = waits || s->watched[i].helper != NULL;
	}
	return !waits;
}

bool
session_watch_wait(const struct session *s)
{
	for (size_t i = 0; i < s->n_watched; i++)
		if (s->watched[i].helper != NULL)
			return true;
	return false;
}

/* ---- life ---- */

static void
add(struct session *s, const char *path, size_t rule)
{
	struct watched_file *f = &s->watched[s->n_watched++];

	*f = (struct watched_file){ .s = s, .path = xstrdup(path), .rule = rule };
}

void
session_watch_begin(struct session *s)
{
	const struct unit_session *c = session_conf(s);
	size_t n = c->session.stale_files.n;

	session_watch_end(s);
	for (size_t i = 0; i < c->rules.n; i++)
		n += c->rules.v[i].source == RULE_FILE && c->rules.v[i].file != NULL;
	if (n == 0)
		return;
	s->watched = xcalloc(n, sizeof(*s->watched));
	for (size_t i = 0; i < c->session.stale_files.n; i++)
		add(s, c->session.stale_files.v[i], ORACLE_NO_RULE);
	for (size_t i = 0; i < c->rules.n; i++)
		if (c->rules.v[i].source == RULE_FILE && c->rules.v[i].file != NULL)
			add(s, c->rules.v[i].file, i);
	/* Watched first: what happens before the look is in it, what happens after is
	 * told. */
	for (size_t i = 0; i < s->n_watched; i++)
		s->watched[i].watch = filewatch_add(
		    s->unit->manager, s->watched[i].path, on_changed, &s->watched[i]);
	(void)session_watch_look(s);
}

void
session_watch_end(struct session *s)
{
	for (size_t i = 0; i < s->n_watched; i++) {
		filewatch_remove(s->watched[i].watch);
		helper_free(s->watched[i].helper);
		free(s->watched[i].path);
	}
	free(s->watched);
	s->watched = NULL;
	s->n_watched = 0;
}
