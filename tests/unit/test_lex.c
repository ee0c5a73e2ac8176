/*
 * Tests of unit/quote, unit/lex, unit/specifier.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/lex.h"
#include "unit/quote.h"
#include "unit/specifier.h"

/* The words of TEXT joined by `|', or "!WHY". */
static char *
split(const char *text, enum quote_mode mode)
{
	struct buf word = { 0 };
	struct buf out = { 0 };
	const char *why = NULL;
	int n = 0;
	int r;

	while ((r = quote_next(&text, mode, &word, NULL, &why)) == 1)
		buf_addf(&out, "%s%s", n++ > 0 ? "|" : "", buf_str(&word));
	if (r == -1)
		buf_addf(&out, "!%s", why);
	buf_free(&word);
	return buf_take(&out);
}

static void
check_words(const char *text, enum quote_mode mode, const char *want)
{
	char *got = split(text, mode);

	assert_string_equal(got, want);
	free(got);
}

static void
words(void **state)
{
	(void)state;
	check_words("a  b\tc ", QUOTE_UNESCAPE, "a|b|c");
	check_words("\"a b\" 'c d'", QUOTE_UNESCAPE, "a b|c d");
	check_words("--o=\"a b\"x", QUOTE_UNESCAPE, "--o=a bx");
	check_words("'a\"b' \"c'd\"", QUOTE_UNESCAPE, "a\"b|c'd");
	check_words("a\\x41\\101\\u00e9\\s\\\\", QUOTE_UNESCAPE, "aAA\xc3\xa9 \\");
	check_words("'in \\x41 single'", QUOTE_UNESCAPE, "in A single");
	check_words("a\\qb", QUOTE_UNESCAPE, "a\\qb");
	check_words("tail\\", QUOTE_UNESCAPE, "tail\\");
	check_words("a\\ b", QUOTE_UNESCAPE, "a\\ b");
	check_words("\"\" ''", QUOTE_UNESCAPE, "|");
	check_words("a\\x2db", QUOTE_RETAIN, "a\\x2db");
	check_words("\"open", QUOTE_UNESCAPE, "!this quote is never closed");
	check_words("ok 'open", QUOTE_UNESCAPE, "ok!this quote is never closed");
	check_words("\\x00", QUOTE_UNESCAPE, "!a NUL byte cannot be part of a value");
	check_words("\\000", QUOTE_UNESCAPE, "!a NUL byte cannot be part of a value");
	check_words(
	    "\\ud800 \\U00110000 \\x4", QUOTE_UNESCAPE, "\\ud800|\\U00110000|\\x4");
	check_words("", QUOTE_UNESCAPE, "");
}

static void
quoted_words_come_back(void **state)
{
	static const char *const texts[] = { "", "plain", "two words", "q\"uo'te", "\\",
		";", "\n\t\x01\x7f", "\xc3\xa9", "\xff\xfe", "$HOME", "%i" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct buf b = { 0 };

		quote_append(&b, texts[i]);
		check_words(buf_str(&b), QUOTE_UNESCAPE, texts[i]);
		buf_free(&b);
	}
}

/* Items of TEXT as "[S]" and "K=V@LINE:COL", joined by blanks, then "." or "REJECT". */
static char *
lex_all(const char *text, size_t len)
{
	struct buf out = { 0 };
	enum lex_kind kind;
	struct lex lx;

	lex_init(&lx, "f", text, len, NULL);
	while ((kind = lex_next(&lx)) == LEX_SECTION || kind == LEX_KEY) {
		uint32_t line, col;

		if (kind == LEX_SECTION) {
			buf_addf(&out, "[%s] ", lx.name);
			continue;
		}
		lex_where(&lx, lx.value, &line, &col);
		buf_addf(&out, "%s=%s@%u:%u ", lx.name, lx.value, line, col);
	}
	buf_adds(&out, kind == LEX_REJECT ? "REJECT" : ".");
	lex_clear(&lx);
	return buf_take(&out);
}

static void
check_lex(const char *text, const char *want)
{
	char *got = lex_all(text, strlen(text));

	assert_string_equal(got, want);
	free(got);
}

static void
lines(void **state)
{
	(void)state;
	check_lex("", ".");
	check_lex("[A]\nK=v\n", "[A] K=v@2:3 .");
	check_lex("  [A]  \n  K  =  v  \n", "[A] K=v@2:9 .");
	check_lex("[A]\r\nK=v\r\n", "[A] K=v@2:3 .");
	check_lex("\xef\xbb\xbf[A]\nK=v", "[A] K=v@2:3 .");
	check_lex("# c\n; c\n  # c\nK=v # data", "K=v # data@4:3 .");
	check_lex("K=a\\\n  b", "K=a   b@1:3 .");
	check_lex("K=\\\nb", "K=b@2:1 .");
	check_lex("K=a\\\\\nL=b", "K=a\\\\@1:3 L=b@2:3 .");
	check_lex("K=a \\\n# c\n;c\nb", "K=a  b@1:3 .");
	check_lex("K=a\\\n\nL=b", "K=a@1:3 L=b@3:3 .");
	check_lex("K=a\\", "K=a@1:3 .");
	check_lex("K==v=w", "K==v=w@1:3 .");
	check_lex("=v\nstray\nK=", "K=@3:3 .");
	check_lex("[A", "REJECT");
	check_lex("[A\"]", "REJECT");
	check_lex("K=\xff\nL=1", "L=1@2:3 .");
}

static void
hostile_lines(void **state)
{
	size_t n = (1 << 20) + 10;
	char *text = xmalloc(n);
	char *got;

	(void)state;
	memset(text, 'a', n);
	got = lex_all(text, n);
	assert_string_equal(got, "REJECT");
	free(got);
	/* The same length by continuation. */
	for (size_t i = 0; i + 1 < n; i += 2)
		memcpy(text + i, "\\\n", 2);
	got = lex_all(text, n);
	assert_string_equal(got, ".");
	free(got);
	memcpy(text, "K=a\0b\nL=1\n", 10);
	got = lex_all(text, 10);
	assert_string_equal(got, "L=1@2:3 .");
	free(got);
	free(text);
}

static void
columns_over_joined_lines(void **state)
{
	struct lex lx;
	uint32_t line, col;
	const char *text = "K=one \\\n  two \\\n# note\n three";

	(void)state;
	lex_init(&lx, "f", text, strlen(text), NULL);
	assert_int_equal(lex_next(&lx), LEX_KEY);
	lex_where(&lx, strstr(lx.value, "two"), &line, &col);
	assert_int_equal(line, 2);
	assert_int_equal(col, 3);
	lex_where(&lx, strstr(lx.value, "three"), &line, &col);
	assert_int_equal(line, 4);
	assert_int_equal(col, 2);
	lex_clear(&lx);
}

static void
specifiers(void **state)
{
	struct specifier_host host;
	struct specifier s = {
		.host = &host,
		.id = "foo-bar@a-b\\x20c.service",
		.prefix = "foo-bar",
		.instance = "a-b\\x20c",
		.fragment = "/etc/units/foo-bar@.service",
	};
	static const struct {
		const char *text;
		const char *want; /* NULL: refused */
	} rows[] = {
		{ "%n", "foo-bar@a-b\\x20c.service" },
		{ "%N", "foo-bar@a-b\\x20c" },
		{ "%p %P", "foo-bar foo/bar" },
		{ "%i|%I", "a-b\\x20c|a/b c" },
		{ "%j %J", "bar bar" },
		{ "%f", "/a/b c" },
		{ "%y %Y", "/etc/units/foo-bar@.service /etc/units" },
		{ "%Y/../x -C %Y/.. %Y/..", "/etc/x -C /etc /etc" },
		{ "%Y/../../x %Y/..x %Y/...", "/etc/../x /etc/units/..x /etc/units/..." },
		{ "100%% 5% %- %", "100% 5% %- %" },
		{ "%X", NULL },
		{ "%1", NULL },
		{ "a%", "a%" },
	};

	(void)state;
	specifier_host_init(&host);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b = { 0 };
		const char *bad, *why;
		int r = specifier_expand(&s, rows[i].text, &b, &bad, &why);

		assert_int_equal(r, rows[i].want == NULL ? -1 : 0);
		if (r == 0)
			assert_string_equal(buf_str(&b), rows[i].want);
		else
			assert_int_equal(*bad, '%');
		buf_free(&b);
	}
	/* Each of these has a value on any host. */
	for (const char *c = "HlavuUgGhstSCLETVDowBWAM"; *c != '\0'; c++)
		assert_non_null(host.value[(unsigned char)*c]);
	specifier_host_clear(&host);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(quoted_words_come_back),
		cmocka_unit_test(lines),
		cmocka_unit_test(hostile_lines),
		cmocka_unit_test(columns_over_joined_lines),
		cmocka_unit_test(specifiers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
