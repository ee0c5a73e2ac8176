/*
 * Any bytes into the JSON reader.  What it accepts must be written, read again and
 * written the same; what it refuses must come with a text that is safe to show.
 */
#include <stdint.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/utf8.h"

#include "fuzz.h"

static void
write_out(const struct jv *v, enum jw_mode mode, struct buf *out)
{
	struct jw *w = jw_new(mode);

	jv_write(v, w);
	jw_take(w, out);
	jw_free(w);
}

static void
check_round_trip(const struct jv *v)
{
	struct buf one = { 0 }, pretty = { 0 }, two = { 0 };
	struct json_err err;
	struct jv *again;

	write_out(v, JW_COMPACT, &one);
	write_out(v, JW_PRETTY, &pretty);
	check(utf8_is_valid(buf_str(&one), one.len));
	again = jv_parse(pretty.data, pretty.len, &err);
	check(again != NULL);
	write_out(again, JW_COMPACT, &two);
	check(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
	jv_free(again);
	buf_free(&one);
	buf_free(&pretty);
	buf_free(&two);
}

static void
check_members(const struct jv *v)
{
	for (size_t i = 0; i < jv_count(v); i++) {
		const char *key = jv_key_at(v, i);
		struct json_err err;
		const char *s;
		struct buf path = { 0 };

		if (key != NULL) {
			check(jv_get(v, key) == jv_at(v, i));
			if (jr_str(v, key, &s, &err) == -1)
				check(strlen(err.text) > 0);
		}
		jv_path(jv_at(v, i), &path);
		check(path.len > 0 || (key != NULL && key[0] == '\0'));
		buf_free(&path);
		check_members(jv_at(v, i));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_err err;
	struct jv *v = jv_parse((const char *)data, size, &err);

	if (v == NULL) {
		size_t len = strnlen(err.text, sizeof(err.text));

		check(len > 0 && len < sizeof(err.text));
		check(utf8_is_valid(err.text, len));
		check(strpbrk(err.text, "\n\r\x1b") == NULL);
		check(err.offset <= size);
		return 0;
	}
	check_members(v);
	check_round_trip(v);
	jv_free(v);
	return 0;
}
