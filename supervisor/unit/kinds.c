/*
 * kinds: single values.  A reader keeps the field as it was when it fails.
 */
#include "unit/kinds.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "unit/load.h"
#include "unit/name.h"
#include "unit/parse.h"
#include "unit/quote.h"
#include "unit/signame.h"
#include "unit/span.h"

const char *const service_type_words[] = { "simple", "exec", "forking", "oneshot",
	"notify", "idle", "notify-reload", "dbus", NULL };
const char *const service_exit_words[] = { "main", "cgroup", NULL };
const char *const restart_words[] = { "no", "always", "on-success", "on-failure",
	"on-abnormal", "on-abort", "on-watchdog", NULL };
const char *const notify_access_words[] = { "none", "main", "exec", "all", NULL };
const char *const kill_mode_words[] = { "control-group", "mixed", "process", "none",
	NULL };
const char *const keyring_mode_words[] = { "inherit", "private", "shared", NULL };
const char *const timeout_mode_words[] = { "terminate", "abort", "kill", NULL };
const char *const oom_policy_words[] = { "stop", "continue", "kill", NULL };
const char *const ready_when_words[] = { "all", "any", NULL };
const char *const health_action_words[] = { "restart", "report", NULL };
const char *const preserve_words[] = { "no", "yes", "restart", NULL };
const char *const action_words[] = { "none", "exit", "exit-force", "reboot",
	"reboot-force", "reboot-immediate", "poweroff", "poweroff-force",
	"poweroff-immediate", NULL };
const char *const job_mode_words[] = { "replace", "fail", "replace-irreversibly",
	"isolate", "flush", "ignore-dependencies", "ignore-requirements", NULL };
const char *const collect_words[] = { "inactive", "inactive-or-failed", NULL };
const char *const restart_mode_words[] = { "normal", "direct", NULL };
const char *const log_overflow_words[] = { "block", "drop", NULL };
const char *const log_format_words[] = { "text", "json", "raw", NULL };
const char *const log_sync_words[] = { "never", "interval", "each", NULL };
const char *const log_mirror_words[] = { "auto", "no", "stdout", NULL };
const char *const log_precision_words[] = { "s", "ms", "us", NULL };
const char *const log_zone_words[] = { "local", "UTC", NULL };
const char *const on_exit_words[] = { "stop", "leave", NULL };
const char *const isolation_words[] = { "warn", "require", NULL };
const char *const unknown_keys_words[] = { "warn", "error", NULL };

static int
not_understood(struct parse *p, const struct directive *d, const char *value)
{
	parse_error(p, NULL, NULL,
	    errno == ERANGE ? "\"%s\" is out of range for %s=, which takes %s"
			    : "\"%s\" is not understood: %s= takes %s",
	    value, d->key, d->kind->syntax);
	return -1;
}

/* ---- enums ---- */

static const char *
nearest_word(const char *const *words, const char *value)
{
	for (; *words != NULL; words++)
		if (edit_distance(value, *words, 2) <= 2 && strlen(*words) > 2)
			return *words;
	return NULL;
}

/* Values of newer systemd that run here as something near to them. */
static const char *
old_or_new_word(const char *value)
{
	bool b;

	/* Words that are also booleans: Restart=, RuntimeDirectoryPreserve=, LogMirror=.
	 */
	if (bool_parse(value, &b) == 0)
		return b ? "yes" : "no";
	return value;
}

int
set_enum(struct parse *p, const struct directive *d, void *field, const char *value)
{
	const char *const *words = d->kind->words;
	const char *near;
	char *hint = NULL;
	struct buf b = { 0 };
	int found = -1;

	if (parse_expand(p, value, value, &b) == -1)
		goto out;
	value = old_or_new_word(buf_str(&b));
	for (int i = 0; words[i] != NULL && found == -1; i++)
		if (strcmp(value, words[i]) == 0)
			found = i;
	if (found != -1) {
		*(int *)field = found;
		goto out;
	}
	value = buf_str(&b);
	near = nearest_word(words, value);
	if (near != NULL)
		hint = xasprintf("did you mean %s?", near);
	parse_error(p, NULL, hint, "\"%s\" is not understood: %s= takes %s", value,
	    d->key, d->kind->syntax);
	free(hint);
out:
	buf_free(&b);
	return found == -1 ? -1 : 0;
}

void
show_enum(const struct directive *d, const void *field, struct buf *b)
{
	buf_adds(b, d->kind->words[*(const int *)field]);
}

/* ---- numbers ---- */

int
set_bool(struct parse *p, const struct directive *d, void *field, const char *value)
{
	if (bool_parse(value, field) == 0)
		return 0;
	return not_understood(p, d, value);
}

void
show_bool(const struct directive *d, const void *field, struct buf *b)
{
	(void)d;
	buf_adds(b, *(const bool *)field ? "yes" : "no");
}

int
set_count(struct parse *p, const struct directive *d, void *field, const char *value)
{
	uint64_t n;

	if (number_parse(value, UINT32_MAX, &n) == -1)
		return not_understood(p, d, value);
	*(uint32_t *)field = (uint32_t)n;
	return 0;
}

int
set_integer(struct parse *p, const struct directive *d, void *field, const char *value)
{
	int64_t n;

	if (integer_parse(value, INT32_MIN, INT32_MAX, &n) == -1)
		return not_understood(p, d, value);
	*(int *)field = (int)n;
	return 0;
}

int
set_tty_size(struct parse *p, const struct directive *d, void *field, const char *value)
{
	uint64_t n;

	if (number_parse(value, UINT16_MAX, &n) == -1)
		return not_understood(p, d, value);
	*(uint32_t *)field = (uint32_t)n;
	return 0;
}

int
set_slots(struct parse *p, const struct directive *d, void *field, const char *value)
{
	uint64_t n;

	errno = ERANGE;
	if (number_parse(value, 65536, &n) == -1 || n == 0)
		return not_understood(p, d, value);
	*(uint32_t *)field = (uint32_t)n;
	return 0;
}

void
show_count(const struct directive *d, const void *field, struct buf *b)
{
	(void)d;
	buf_addf(b, "%u", *(const uint32_t *)field);
}

int
set_span_inf(struct parse *p, const struct directive *d, void *field, const char *value)
{
	if (span_parse(value, 1000000, field) == 0)
		return 0;
	return not_understood(p, d, value);
}

int
set_span(struct parse *p, const struct directive *d, void *field, const char *value)
{
	uint64_t us;

	if (span_parse(value, 1000000, &us) == -1)
		return not_understood(p, d, value);
	if (us == UNIT_INFINITY) {
		parse_error(p, NULL, NULL, "%s= needs a time that ends", d->key);
		return -1;
	}
	*(uint64_t *)field = us;
	return 0;
}

void
show_span(const struct directive *d, const void *field, struct buf *b)
{
	(void)d;
	span_format(b, *(const uint64_t *)field);
}

int
set_timeout(struct parse *p, const struct directive *d, void *field, const char *value)
{
	uint64_t us;

	if (span_parse(value, 1000000, &us) == -1)
		return not_understood(p, d, value);
	*(uint64_t *)field = us == 0 ? UNIT_INFINITY : us;
	return 0;
}

int
set_timeout_both(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	static const char *const keys[] = { "TimeoutStartSec", "TimeoutStopSec" };
	uint64_t us;

	(void)field;
	if (set_timeout(p, d, &us, value) == -1)
		return -1;
	for (size_t i = 0; i < 2; i++) {
		const struct directive *row = directive_find(SECTION_SERVICE, keys[i]);
		size_t bit = directive_index(row);

		*(uint64_t *)(void *)((char *)p->target + row->offset) = us;
		p->set[bit / 64] |= UINT64_C(1) << (bit % 64);
	}
	return 0;
}

/* OnFailureIsolate=: of it and OnFailureJobMode= the last one counts. */
int
set_isolate_mode(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	const struct directive *row = directive_find(SECTION_UNIT, "OnFailureJobMode");
	size_t bit = directive_index(row);
	bool isolate = false;

	if (*value != '\0' && set_bool(p, d, &isolate, value) == -1)
		return -1;
	*(int *)field = isolate ? UNIT_JOB_ISOLATE : UNIT_JOB_REPLACE;
	p->set[bit / 64] |= UINT64_C(1) << (bit % 64);
	parse_warn(p, p->lex->name, isolate ? "write OnFailureJobMode=isolate" : NULL,
	    "OnFailureIsolate= is the old name of OnFailureJobMode=");
	return 0;
}

int
set_timeout_auto(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	if (strcmp(value, "auto") != 0)
		return set_timeout(p, d, field, value);
	*(uint64_t *)field = SUPD_TIMEOUT_AUTO;
	return 0;
}

void
show_timeout_auto(const struct directive *d, const void *field, struct buf *b)
{
	if (*(const uint64_t *)field == SUPD_TIMEOUT_AUTO)
		buf_adds(b, "auto");
	else
		show_span(d, field, b);
}

int
set_watchdog(struct parse *p, const struct directive *d, void *field, const char *value)
{
	uint64_t us;

	if (span_parse(value, 1000000, &us) == -1)
		return not_understood(p, d, value);
	*(uint64_t *)field = us == UNIT_INFINITY ? 0 : us;
	return 0;
}

int
set_size(struct parse *p, const struct directive *d, void *field, const char *value)
{
	uint64_t n;

	if (size_parse(value, &n) == -1)
		return not_understood(p, d, value);
	*(uint64_t *)field = n == UINT64_MAX ? 0 : n;
	return 0;
}

void
show_size(const struct directive *d, const void *field, struct buf *b)
{
	(void)d;
	size_format(b, *(const uint64_t *)field);
}

int
set_mode(struct parse *p, const struct directive *d, void *field, const char *value)
{
	if (mode_parse(value, field) == 0)
		return 0;
	return not_understood(p, d, value);
}

void
show_mode(const struct directive *d, const void *field, struct buf *b)
{
	(void)d;
	buf_addf(b, "%04o", (unsigned)*(const mode_t *)field);
}

int
set_signal(struct parse *p, const struct directive *d, void *field, const char *value)
{
	int signo = signal_from_name(value);

	errno = EINVAL;
	if (signo == -1)
		return not_understood(p, d, value);
	*(int *)field = signo;
	return 0;
}

void
show_signal(const struct directive *d, const void *field, struct buf *b)
{
	int signo = *(const int *)field;

	(void)d;
	if (signo > 0)
		buf_adds(b, signal_name(signo));
}

int
set_fd(struct parse *p, const struct directive *d, void *field, const char *value)
{
	int64_t n;

	if (integer_parse(value, 3, 1023, &n) == -1)
		return not_understood(p, d, value);
	*(int *)field = (int)n;
	return 0;
}

int
set_status(struct parse *p, const struct directive *d, void *field, const char *value)
{
	int64_t n;

	if (integer_parse(value, 0, 255, &n) == -1)
		return not_understood(p, d, value);
	*(int *)field = (int)n;
	return 0;
}

void
show_fd(const struct directive *d, const void *field, struct buf *b)
{
	int n = *(const int *)field;

	(void)d;
	if (n >= 0)
		buf_addf(b, "%d", n);
}

/* ---- text ---- */

static void
replace(void *field, char *text)
{
	char **s = field;

	free(*s);
	*s = text;
}

void
show_nothing(const struct directive *d, const void *field, struct buf *b)
{
	(void)d;
	(void)field;
	(void)b;
}

int
set_text(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf b = { 0 };

	(void)d;
	if (*value == '\0') {
		replace(field, NULL);
		return 0;
	}
	if (parse_expand(p, value, value, &b) == -1) {
		buf_free(&b);
		return -1;
	}
	replace(field, buf_take(&b));
	return 0;
}

void
show_text(const struct directive *d, const void *field, struct buf *b)
{
	const char *s = *(char *const *)field;

	(void)d;
	if (s != NULL)
		buf_adds(b, s);
}

int
set_string(struct parse *p, const struct directive *d, void *field, const char *value)
{
	if (strpbrk(value, " \t/") != NULL) {
		errno = EINVAL;
		return not_understood(p, d, value);
	}
	return set_text(p, d, field, value);
}

/* DIR[:DIR...][:], as in $SYSTEMD_UNIT_PATH. */
int
set_unit_path(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct strv dirs = { 0 };
	bool absolute = strlen(value) < UNIT_PATH_TEXT_MAX;

	strv_split(&dirs, value, ":");
	for (size_t i = 0; i < dirs.n; i++)
		absolute = absolute && dirs.v[i][0] == '/';
	strv_free(&dirs);
	if (!absolute) {
		errno = EINVAL;
		return not_understood(p, d, value);
	}
	return set_text(p, d, field, value);
}

int
set_day(struct parse *p, const struct directive *d, void *field, const char *value)
{
	if (*value != '\0') {
		int month, day;

		errno = EINVAL;
		if (strlen(value) != 8 || strspn(value, "0123456789") != 8)
			return not_understood(p, d, value);
		month = (value[4] - '0') * 10 + value[5] - '0';
		day = (value[6] - '0') * 10 + value[7] - '0';
		if (month < 1 || month > 12 || day < 1 || day > 31)
			return not_understood(p, d, value);
	}
	return set_text(p, d, field, value);
}

int
set_unit_name(struct parse *p, const struct directive *d, void *field, const char *value)
{
	char *name;

	if (*value == '\0')
		return set_text(p, d, field, value);
	name = unit_name_add_suffix(value);
	if (name == NULL || unit_name_is_template(name)) {
		free(name);
		errno = EINVAL;
		return not_understood(p, d, value);
	}
	replace(field, name);
	return 0;
}

/* A path without `//', `/./' and a trailing slash. */
static char *
simplify(const char *path)
{
	struct buf b = { 0 };

	while (*path != '\0') {
		size_t n;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (n > 0 && !(n == 1 && *path == '.')) {
			buf_addc(&b, '/');
			buf_append(&b, path, n);
		}
		path += n;
	}
	if (b.len == 0)
		buf_addc(&b, '/');
	return buf_take(&b);
}

int
set_run_path(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf b = { 0 };
	char *path;

	if (*value == '\0')
		return set_text(p, d, field, value);
	if (parse_expand(p, value, value, &b) == -1) {
		buf_free(&b);
		return -1;
	}
	if (*buf_str(&b) == '/') {
		path = simplify(buf_str(&b));
	} else {
		const char *base =
		    p->spec != NULL ? p->spec->host->base[DIR_RUNTIME] : NULL;
		char *joined =
		    xasprintf("%s/%s", base != NULL ? base : "/run", buf_str(&b));

		path = simplify(joined);
		free(joined);
	}
	buf_free(&b);
	if (strncmp(path, "/var/run/", 9) == 0) {
		char *run = xstrdup(path + 4);

		parse_warn(p, NULL, run, "%s= is below /var/run, which is /run", d->key);
		free(path);
		path = run;
	}
	if (strstr(path, "/../") != NULL) {
		parse_error(p, NULL, NULL, "%s= may not go up by `..'", d->key);
		free(path);
		return -1;
	}
	replace(field, path);
	return 0;
}

/* ---- lists of words ---- */

void
kinds_unknown_escape(struct parse *p, const char *at, const char *what)
{
	/* Behind the backslash there may be nothing, or the first byte of several. */
	int shown = at[1] > ' ' && at[1] < 0x7f ? 2 : 1;

	parse_warn(p, at, "write \\\\ for a backslash", "escape %.*s means nothing%s",
	    shown, at, what);
}

int
kinds_each_word(struct parse *p, const struct directive *d, enum quote_mode mode,
    const char *value, void *field, kinds_word *add)
{
	struct buf word = { 0 };
	struct buf expanded = { 0 };
	const char *q = value;
	const char *unknown = NULL;
	const char *why;
	int result = 0;
	int r;

	for (;;) {
		const char *at = q + strspn(q, " \t");

		r = quote_next(&q, mode, &word, &unknown, &why);
		if (r != 1)
			break;
		if (parse_expand(p, buf_str(&word), at, &expanded) == -1 ||
		    add(p, d, buf_str(&expanded), at, field) == -1)
			result = -1;
	}
	if (r == -1) {
		parse_error(p, q, NULL, "%s", why);
		result = -1;
	} else if (unknown != NULL) {
		kinds_unknown_escape(p, unknown,
		    mode == QUOTE_STRICT ? ": this word and those after it are left out"
					 : " and is kept as it is");
	}
	buf_free(&word);
	buf_free(&expanded);
	return result;
}

int
kinds_list(struct parse *p, const struct directive *d, const char *value,
    struct strv *list, kinds_word *add)
{
	if (*value == '\0') {
		strv_free(list);
		return 0;
	}
	return kinds_each_word(p, d, QUOTE_UNESCAPE, value, list, add);
}

static int
add_word(struct parse *p, const struct directive *d, const char *word, const char *at,
    void *field)
{
	struct strv *list = field;

	(void)d;
	if (!parse_has_room(p, at, list->n))
		return -1;
	strv_add_unique(list, word);
	return 0;
}

int
set_words(struct parse *p, const struct directive *d, void *field, const char *value)
{
	return kinds_list(p, d, value, field, add_word);
}

void
show_strv(const struct directive *d, const void *field, struct buf *b)
{
	const struct strv *list = field;
	size_t start = b->len;

	(void)d;
	for (size_t i = 0; i < list->n; i++)
		quote_append_next(b, start, list->v[i]);
}

static int
add_unit(struct parse *p, const struct directive *d, const char *word, const char *at,
    void *field)
{
	struct strv *list = field;
	char *hint = NULL;
	char *full;

	if (!parse_has_room(p, at, list->n))
		return -1;
	if (unit_name_is_valid(word)) {
		strv_add_unique(list, word);
		return 0;
	}
	full = unit_name_type(word) == UNIT_TYPE_NONE ? unit_name_add_suffix(word) : NULL;
	if (full != NULL)
		hint = xasprintf("write %s", full);
	parse_warn(p, at, hint, "\"%s\" is not the name of a unit, ignored in %s=", word,
	    d->key);
	free(hint);
	free(full);
	return 0;
}

int
set_units(struct parse *p, const struct directive *d, void *field, const char *value)
{
	if (*value == '\0') {
		/* Dependencies cannot be taken back, names for enable can. */
		if (d->section == SECTION_INSTALL)
			strv_free(field);
		else
			parse_warn(p, p->lex->name,
			    "mask or replace the file that has them",
			    "an empty %s= does not remove dependencies", d->key);
		return 0;
	}
	return kinds_each_word(p, d, QUOTE_RETAIN, value, field, add_unit);
}

/* Backslashes in names stay: they are not quoted. */
void
show_units(const struct directive *d, const void *field, struct buf *b)
{
	const struct strv *list = field;

	(void)d;
	for (size_t i = 0; i < list->n; i++)
		buf_addf(b, "%s%s", i > 0 ? " " : "", list->v[i]);
}
