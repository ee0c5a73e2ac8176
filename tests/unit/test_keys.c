/*
 * Tests of unit/keys: names of keys and what they send.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/buf.h"
#include "unit/keys.h"

static void
sends(const char *word, bool app_cursor, const char *bytes, size_t n)
{
	struct buf b = { 0 };
	enum key_kind kind = key_bytes(word, app_cursor, &b);

	if (kind != KEY_NAMED || b.len != n || memcmp(b.data, bytes, n) != 0)
		fail_msg("%s: kind %d, %zu bytes \"%s\"", word, kind, b.len, buf_str(&b));
	assert_int_equal(key_bytes(word, app_cursor, NULL), KEY_NAMED);
	buf_free(&b);
}

#define SENDS(word, bytes) sends(word, false, bytes, sizeof(bytes) - 1)
#define SENDS_APP(word, bytes) sends(word, true, bytes, sizeof(bytes) - 1)

static void
keys_send_what_xterm_sends(void **state)
{
	(void)state;
	SENDS("Enter", "\r");
	SENDS("enter", "\r");
	SENDS("Return", "\r");
	SENDS("Tab", "\t");
	SENDS("BTab", "\033[Z");
	SENDS("S-Tab", "\033[Z");
	SENDS("Escape", "\033");
	SENDS("Space", " ");
	SENDS("BSpace", "\177");
	SENDS("Up", "\033[A");
	SENDS("Left", "\033[D");
	SENDS("Home", "\033[H");
	SENDS("End", "\033[F");
	SENDS("Insert", "\033[2~");
	SENDS("DC", "\033[3~");
	SENDS("PgUp", "\033[5~");
	SENDS("PageDown", "\033[6~");
	SENDS("F1", "\033OP");
	SENDS("F4", "\033OS");
	SENDS("F5", "\033[15~");
	SENDS("F12", "\033[24~");
}

static void
cursor_keys_have_an_application_form(void **state)
{
	(void)state;
	SENDS_APP("Up", "\033OA");
	SENDS_APP("Home", "\033OH");
	SENDS_APP("F1", "\033OP");
	SENDS_APP("Delete", "\033[3~");
	/* Not with a modifier. */
	SENDS_APP("S-Up", "\033[1;2A");
	SENDS_APP("C-Right", "\033[1;5C");
}

static void
modifiers_change_what_is_sent(void **state)
{
	(void)state;
	SENDS("C-c", "\003");
	SENDS("^c", "\003");
	SENDS("C-C", "\003");
	SENDS("C-a", "\001");
	SENDS("C-z", "\032");
	SENDS("C-[", "\033");
	SENDS("C-\\", "\034");
	SENDS("C-/", "\037");
	SENDS("C-?", "\177");
	SENDS("C-@", "\0");
	SENDS("C-Space", "\0");
	SENDS("M-x", "\033x");
	SENDS("M-Enter", "\033\r");
	SENDS("C-M-c", "\033\003");
	SENDS("M-C-c", "\033\003");
	SENDS("S-a", "A");
	SENDS("M-\xc3\x9f", "\033\xc3\x9f");
	SENDS("C-Up", "\033[1;5A");
	SENDS("C-M-S-Up", "\033[1;8A");
	SENDS("S-F1", "\033[1;2P");
	SENDS("C-F5", "\033[15;5~");
	SENDS("M-Delete", "\033[3;3~");
}

static void
one_character_is_its_key(void **state)
{
	(void)state;
	SENDS("a", "a");
	SENDS("-", "-");
	SENDS("^", "^");
	SENDS("C", "C");
	SENDS("\xc3\x9f", "\xc3\x9f");
}

static void
is(const char *word, enum key_kind kind, const char *bytes)
{
	struct buf b = { 0 };

	if (key_bytes(word, false, &b) != kind || strcmp(buf_str(&b), bytes) != 0)
		fail_msg(
		    "%s: %d, \"%s\"", word, key_bytes(word, false, NULL), buf_str(&b));
	buf_free(&b);
}

static void
other_words_are_text_or_no_keys(void **state)
{
	(void)state;
	is("hello", KEY_TEXT, "hello");
	is("C-", KEY_TEXT, "C-");
	is("c-c", KEY_TEXT, "c-c");
	is("", KEY_TEXT, "");
	is("two words", KEY_TEXT, "two words");
	is("^cc", KEY_TEXT, "^cc");
	is("\033", KEY_TEXT, "\033");
	is("Fx", KEY_TEXT, "Fx");
	is("C-foo", KEY_BAD, "");
	is("C-C-c", KEY_BAD, "");
	is("C--", KEY_BAD, "");
	is("C-\xc3\x9f", KEY_BAD, "");
	is("S-1", KEY_BAD, "");
	is("C-Enter", KEY_BAD, "");
	is("M-Escape-x", KEY_BAD, "");
	is("F13", KEY_BAD, "");
	is("S-F0", KEY_BAD, "");
}

static void
misspelt_names_are_seen(void **state)
{
	(void)state;
	assert_string_equal(key_nearest("Entr"), "Enter");
	assert_string_equal(key_nearest("C-Rigt"), "Right");
	assert_string_equal(key_nearest("escpe"), "Escape");
	assert_null(key_nearest("Enter"));
	assert_null(key_nearest("hello"));
	assert_null(key_nearest("up2"));
	assert_null(key_nearest("y"));
	assert_null(key_nearest("F13"));
}

static void
every_name_is_a_key(void **state)
{
	size_t n = 0;

	(void)state;
	for (; key_name_at(n) != NULL; n++) {
		struct buf b = { 0 };

		assert_int_equal(key_bytes(key_name_at(n), false, &b), KEY_NAMED);
		assert_true(b.len > 0);
		buf_free(&b);
	}
	assert_true(n > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_send_what_xterm_sends),
		cmocka_unit_test(cursor_keys_have_an_application_form),
		cmocka_unit_test(modifiers_change_what_is_sent),
		cmocka_unit_test(one_character_is_its_key),
		cmocka_unit_test(other_words_are_text_or_no_keys),
		cmocka_unit_test(misspelt_names_are_seen),
		cmocka_unit_test(every_name_is_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
