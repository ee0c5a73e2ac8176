/*
 * The profiles of units/profiles against screens of their programs, tests/screens/
 * PROFILE/NAME.txt, drawn for the tests.  The first line of each says what is meant:
 *
 *	STATE RULE [UNTIL]	the first rule that holds and names a state; when it ends
 *	none			no rule names one
 *	exit STATUS ACTION RULE	what the end with that status means, after this output
 *	exit STATUS none	nothing special
 *
 * It is a Sunday, 15:30 in Berlin.  A rule that no screen is meant for fails, too: nobody
 * would see when it breaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "lib/zone.h"
#include "manager/session/until.h"
#include "unit/keys.h"
#include "unit/load.h"

#define NOW "2026-11-29T14:30:00Z"

enum {
	ROWS_MAX = 100,
	SCREEN_MAX = 64 * 1024,
	MATCHES_MAX = 10,
};

struct screen {
	struct buf text;
	char *want;
	char *row[ROWS_MAX]; /* without the blank ones, as rules are tried */
	size_t n;
};

static char *
source_path(const char *path)
{
	const char *source = getenv("SUPD_SOURCE");

	return xasprintf("%s/%s", source != NULL ? source : ".", path);
}

static void
screen_read(struct screen *s, const char *path)
{
	char *save = NULL;
	char *line;

	memset(s, 0, sizeof(*s));
	assert_int_equal(file_read_at(AT_FDCWD, path, SCREEN_MAX, &s->text), 0);
	buf_addc(&s->text, '\0');
	s->want = strtok_r(s->text.data, "\n", &save);
	assert_non_null(s->want);
	while ((line = strtok_r(NULL, "\n", &save)) != NULL) {
		assert_true(s->n < ROWS_MAX);
		s->row[s->n++] = line;
	}
}

/* The last row of the last N (0: of all) that the pattern is true of. */
static const char *
find(const char *pattern, uint32_t lines, const struct screen *s, regmatch_t *m)
{
	size_t from = lines > 0 && lines < s->n ? s->n - lines : 0;
	const char *row = NULL;
	regex_t re;

	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED), 0);
	for (size_t i = s->n; i-- > from && row == NULL;)
		if (regexec(&re, s->row[i], MATCHES_MAX, m, 0) == 0)
			row = s->row[i];
	regfree(&re);
	return row;
}

static const struct zone *
berlin(void)
{
	static struct zone *zone;

	if (zone == NULL)
		zone = zone_load("Europe/Berlin");
	return zone;
}

static void
add_until(
    struct buf *out, const struct rule_conf *r, const char *row, const regmatch_t *m)
{
	struct buf text = { 0 };
	struct until_time t;
	const char *why = "";
	uint64_t now = 0;
	char shown[CLOCK_TEXT_MAX];

	if (r->until == NULL)
		return;
	assert_int_equal(clock_parse(NOW, &now), 0);
	until_expand(&text, r->until, row, m, MATCHES_MAX);
	if (until_parse(buf_str(&text), now, berlin(), &t, &why) == -1) {
		buf_addf(out, " `%s' is no time: %s", buf_str(&text), why);
	} else {
		clock_format_utc(shown, sizeof(shown), t.wall_us);
		buf_addf(out, " %.19sZ", shown); /* without the fraction */
	}
	buf_free(&text);
}

static size_t
judge_screen(const struct rule_list *rules, const struct screen *s, struct buf *out)
{
	regmatch_t m[MATCHES_MAX];

	for (size_t i = 0; i < rules->n; i++) {
		const struct rule_conf *r = &rules->v[i];
		const char *row;

		if (r->source != RULE_SCREEN || r->state == SESSION_UNKNOWN ||
		    (row = find(r->pattern, r->lines, s, m)) == NULL)
			continue;
		buf_addf(out, "%s %s", session_state_name(r->state), r->name);
		add_until(out, r, row, m);
		return i;
	}
	buf_adds(out, "none");
	return rules->n;
}

static size_t
judge_exit(const struct rule_list *rules, const struct screen *s, struct buf *out)
{
	int status = atoi(s->want + strlen("exit "));
	regmatch_t m[MATCHES_MAX];

	buf_addf(out, "exit %d ", status);
	for (size_t i = 0; i < rules->n; i++) {
		const struct rule_conf *r = &rules->v[i];

		if (r->source != RULE_EXIT ||
		    (r->exit_status_set &&
			(r->exit_status.status[status / 64] >> (status % 64) & 1) == 0) ||
		    (r->pattern != NULL && find(r->pattern, 0, s, m) == NULL))
			continue;
		buf_addf(out, "%s %s", rule_action_name(r->action), r->name);
		return i;
	}
	buf_adds(out, "none");
	return rules->n;
}

/* As a unit that names it gets it. */
static struct unit_conf *
load_profile(const char *name)
{
	struct unit_paths *paths = unit_paths_new();
	char *units = source_path("units");
	char *text = xasprintf(
	    "[Service]\nExecStart=/bin/a\n[Session]\nTerminal=yes\nProfile=%s\n", name);
	struct unit_conf *c;
	struct diags d;
	bool bad = false;

	diags_init(&d);
	unit_paths_add(paths, units, UNIT_PATH_FOLDER);
	c = unit_load_text(paths, NULL, "a.service", "a.service", text, strlen(text), &d);
	for (size_t i = 0; i < d.n; i++) {
		char *line = diag_format(&d.v[i]);

		if (strstr(line, "is not acted on yet") == NULL) {
			print_error("%s\n", line);
			bad = true;
		}
		free(line);
	}
	if (bad || c->load_state != UNIT_LOADED || c->session->rules.n == 0)
		fail_msg("the profile %s does not load cleanly", name);
	diags_clear(&d);
	unit_paths_free(paths);
	free(units);
	free(text);
	return c;
}

static bool
try_screen(const struct rule_list *rules, const char *path, bool *used)
{
	struct buf got = { 0 };
	struct screen s;
	size_t rule;
	bool same;

	screen_read(&s, path);
	rule = strncmp(s.want, "exit ", 5) == 0 ? judge_exit(rules, &s, &got)
						: judge_screen(rules, &s, &got);
	if (rule < rules->n)
		used[rule] = true;
	same = strcmp(buf_str(&got), s.want) == 0;
	if (!same)
		print_error("%s: %s, not %s\n", path, buf_str(&got), s.want);
	buf_free(&got);
	buf_free(&s.text);
	return same;
}

static void
check_profile(const char *name)
{
	struct unit_conf *c = load_profile(name);
	const struct rule_list *rules = &c->session->rules;
	bool used[UNIT_RULES_MAX] = { false };
	char *rel = xasprintf("tests/screens/%s", name);
	char *folder = source_path(rel);
	DIR *dir = opendir(folder);
	size_t n = 0, wrong = 0;
	struct dirent *de;

	assert_non_null(dir);
	while ((de = readdir(dir)) != NULL) {
		char *path = xasprintf("%s/%s", folder, de->d_name);

		if (de->d_name[0] != '.') {
			n++;
			wrong += !try_screen(rules, path, used);
		}
		free(path);
	}
	closedir(dir);
	for (size_t i = 0; i < rules->n; i++) {
		if (used[i])
			continue;
		print_error(
		    "%s: no screen is one of its rule %s\n", name, rules->v[i].name);
		wrong++;
	}
	free(folder);
	free(rel);
	unit_conf_free(c);
	assert_true(n > 3);
	if (wrong > 0)
		fail_msg("%s: %zu of %zu screens and their rules", name, wrong, n);
}

#define PROFILE(name)                  \
	static void name(void **state) \
	{                              \
		(void)state;           \
		check_profile(#name);  \
	}

PROFILE(demo)
PROFILE(claude)
PROFILE(codex)
PROFILE(gemini)
PROFILE(aider)
PROFILE(qwen)
PROFILE(opencode)
PROFILE(copilot)
PROFILE(crush)
PROFILE(shell)
PROFILE(repl)

static const char *const checked[] = { "demo", "claude", "codex", "gemini", "aider",
	"qwen", "opencode", "copilot", "crush", "shell", "repl" };

static void
every_profile_has_its_test(void **state)
{
	char *folder = source_path("units/profiles");
	DIR *dir = opendir(folder);
	struct dirent *de;
	size_t n = 0;

	(void)state;
	assert_non_null(dir);
	while ((de = readdir(dir)) != NULL) {
		size_t i = 0, len = strcspn(de->d_name, ".");

		if (len == 0)
			continue;
		n++;
		while (i < sizeof(checked) / sizeof(checked[0]) &&
		       (strlen(checked[i]) != len ||
			   strncmp(checked[i], de->d_name, len) != 0))
			i++;
		if (i == sizeof(checked) / sizeof(checked[0]))
			fail_msg("%s has no test here", de->d_name);
	}
	closedir(dir);
	free(folder);
	assert_int_equal(n, sizeof(checked) / sizeof(checked[0]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_profile_has_its_test),
		cmocka_unit_test(demo),
		cmocka_unit_test(claude),
		cmocka_unit_test(codex),
		cmocka_unit_test(gemini),
		cmocka_unit_test(aider),
		cmocka_unit_test(qwen),
		cmocka_unit_test(opencode),
		cmocka_unit_test(copilot),
		cmocka_unit_test(crush),
		cmocka_unit_test(shell),
		cmocka_unit_test(repl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
