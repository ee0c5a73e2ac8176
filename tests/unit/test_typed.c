/* typed: what is a draft, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "terminal/typed.h"

static void
test_drafts(void **state)
{
	static const struct {
		const char *bytes; /* in pieces, divided by | */
		bool draft, key;   /* key: of the last piece */
	} c[] = {
		{ "a", true, true },
		{ "ls -l\r", false, true },
		{ "ls|\r", false, true },
		{ "ls\n", false, true },
		{ "ls|\003", false, true },
		{ "ls\rmore", true, true },
		{ "\033[A", true, true },
		{ "x|\033", true, true },
		{ "\033", false, true },
		{ "\033|\r", false, true },
		{ "one\033\r", true, true },
		{ "\033[200~a\rb\r\033[201~", true, true },
		{ "\033[200~a\r|b\r\033[201~|\r", false, true },
		{ "\033OM", false, true },
		{ "a|\033[13u", false, true },
		{ "\033[13;2u", true, true },
		{ "\033OA", true, true },
		{ "\033[1;2R", true, true },
		{ "\033[24;80R", false, false },
		{ "\033[I", false, false },
		{ "\033[O\033[I", false, false },
		{ "\033[<35;10;5M", false, false },
		{ "\033[<0;10;5m", false, false },
		{ "\033[32;10;5M", false, false },
		{ "\033[M !!", false, false },
		{ "\033[?62;22c", false, false },
		{ "\033[>0;1;2c", false, false },
		{ "\033[?2004;1$y", false, false },
		{ "\033]11;rgb:0000/0000/0000\033\\", false, false },
		{ "\033]11;rgb:0000/0000/0000\007", false, false },
		{ "\033P1$r0m\033\\", false, false },
		{ "draft|\033[I", true, false },
		{ "\033]|x", true, true },
		{ "\033[", true, true },
		{ "\033[M", false, false },
		{ "\033[I\r", false, true },
		{ "\xc3\xa9", true, true },
		{ "", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct typed t = { 0 };
		const char *p = c[i].bytes, *end;
		bool key;

		do {
			end = strchrnul(p, '|');
			key = typed_feed(&t, p, (size_t)(end - p));
			p = end + 1;
		} while (*end != '\0');
		if (t.draft != c[i].draft || key != c[i].key)
			fail_msg("%zu: draft %d, key %d", i, t.draft, key);
		assert_false(t.paste);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drafts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
