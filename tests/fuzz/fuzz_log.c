/*
 * What readers of the journal meet: the input is bytes of a program, of a log file, of an
 * event journal and of a list of patterns.  Stamped and read again it must be the same.
 */
#include <sys/mman.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/events.h"
#include "journal/layout.h"
#include "journal/line.h"
#include "journal/lines.h"
#include "journal/pattern.h"
#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/rmtree.h"
#include "logger/stamp.h"

#include "fuzz.h"

static void
stamp_and_read(const char *data, size_t size, enum line_format format)
{
	struct stamp_clock clock = { 0 };
	struct line_style style = { format, 6, true };
	struct stamp st = { .clock = &clock,
		.name = "fuzz",
		.line_max = 64,
		.out_max = SIZE_MAX / 2,
		.final = true };
	struct line_parser p = { 0 };
	struct buf out = { 0 }, back = { 0 };
	uint64_t lines = 0;
	bool full;

	stamp_clock_set(&clock, &style, UINT64_C(1795257045123456));
	if (stamp_lines(&out, &st, data, size, &lines, &full) != size || full)
		abort();
	for (size_t at = 0; at < out.len;) {
		char *end = memchr(out.data + at, '\n', out.len - at);
		struct line l;

		if (end == NULL)
			abort();
		line_parse(&p, out.data + at, (size_t)(end - out.data) - at, &l);
		if (l.wall_us != UINT64_C(1795257045123456))
			abort();
		buf_append(&back, l.text, l.text_len);
		if (l.mark == LINE_WHOLE)
			buf_addc(&back, '\n');
		at = (size_t)(end - out.data) + 1;
	}
	if (back.len != size || memcmp(buf_str(&back), data, size) != 0)
		abort();
	line_parser_clear(&p);
	buf_free(&out);
	buf_free(&back);
}

static int
memfd_of(const char *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd == -1 || full_write(fd, data, size) == -1)
		abort();
	return fd;
}

/* Forwards and backwards there are the same lines, and any of them parses. */
static void
read_lines(const char *data, size_t size)
{
	struct line_parser p = { 0 };
	size_t forwards = 0, backwards = 0, n;
	struct lines *f = lines_new_take_fd(memfd_of(data, size), false);
	struct line l;
	const char *s;

	while (lines_next(f, false, &s, &n) == 1) {
		line_parse(&p, s, n, &l);
		forwards++;
	}
	lines_free(f);
	f = lines_new_take_fd(memfd_of(data, size), false);
	while (lines_prev(f, &s, &n) == 1)
		backwards++;
	if (forwards != backwards)
		abort();
	lines_free(f);
	f = lines_new_take_fd(memfd_of(data, size), true);
	while (lines_next(f, true, &s, &n) == 1)
		;
	lines_free(f);
	line_parser_clear(&p);
}

static void
read_events(const char *data, size_t size)
{
	static int root = -1;
	static char dir[] = "/tmp/supd-fuzz.XXXXXX";
	struct events_query q = { .n = -1 };
	struct events_entry ev;
	struct events *e;
	size_t all = 0, last = 0;

	if (root == -1) {
		if (mkdtemp(dir) == NULL)
			abort();
		root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		/* It is used by its descriptor, and gone at the end by itself: only the
		 * empty name is left to remove. */
		if (root == -1 || mkdir_p_at(root, "journal/20261121", 0700) == -1)
			abort();
	}
	if (file_write_atomic(
		root, "journal/20261121/events.jsonl", data, size, 0600, false) == -1)
		abort();
	e = events_open(root, &q);
	while (events_next(e, &ev) == 1)
		all++;
	events_free(e);
	q.n = 1 << 30;
	e = events_open(root, &q);
	while (events_next(e, &ev) == 1)
		last++;
	events_free(e);
	if (all != last)
		abort();
	rm_rf_at(root, "journal", 100);
	rmdir(dir);
	fd_close(&root);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

static void
read_names(const char *data, size_t size)
{
	char name[LAYOUT_NAME_MAX + 1], text[512], day[LAYOUT_DAY_LEN + 1];
	char file[LAYOUT_FILE_MAX];
	struct layout_file lf;
	struct pattern p;
	size_t at = 0;

	while (pattern_next(data, size, &at, &p) == 1)
		(void)pattern_refused(p.text, p.flags);
	if (size >= sizeof(text))
		size = sizeof(text) - 1;
	memcpy(text, data, size);
	text[size] = '\0';
	if (!layout_name_is_valid(layout_name(name, sizeof(name), text)))
		abort();
	(void)layout_parse_target(text, day, file);
	if (layout_parse_file(text, &lf) && !layout_name_is_valid(lf.name))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	if (size > 1 << 16)
		return 0;
	stamp_and_read(text, size, LINE_TEXT);
	stamp_and_read(text, size, LINE_JSON);
	read_lines(text, size);
	read_events(text, size);
	read_names(text, size);
	return 0;
}
