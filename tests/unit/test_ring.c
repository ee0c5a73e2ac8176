/*
 * ring: what is put comes out, in order, over many rounds; a full ring drops; damage is
 * noticed, not followed.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/ring.h"

enum { BYTES = sizeof(struct ring) + 4 * RING_LINE_MAX + 40 };

static struct ring *
ring_make(void)
{
	struct ring *r = calloc(1, BYTES);

	assert_non_null(r);
	ring_init(r, BYTES);
	assert_true(ring_valid(r, BYTES));
	return r;
}

/* A line whose length and bytes follow from its number. */
static uint32_t
line_of(uint64_t seq, char *line)
{
	uint32_t len = (uint32_t)(1 + seq * 2654435761U % RING_LINE_MAX);

	for (uint32_t i = 0; i + 1 < len; i++)
		line[i] = (char)('a' + (seq + i) % 26);
	line[len - 1] = '\n';
	return len;
}

static void
test_many_rounds(void **state)
{
	struct ring *r = ring_make();
	static char line[RING_LINE_MAX];
	uint64_t put = 0, got = 0, at = 0;

	(void)state;
	while (got < 20000) {
		const struct ring_record *rec;

		while (ring_put(r, put + 1, put % 3 == 0 ? RING_WISH : 0, line,
			   line_of(put + 1, line)) == 0)
			put++;
		assert_int_equal(r->seq_written, put);
		/* Read some of it, not always all. */
		for (uint64_t n = 1 + put % 5; n > 0 && (rec = ring_next(r, &at)) != NULL;
		     n--) {
			got++;
			assert_int_equal(rec->seq, got);
			assert_int_equal(rec->flags, (got - 1) % 3 == 0 ? RING_WISH : 0);
			assert_int_equal(rec->len, line_of(got, line));
			assert_memory_equal(rec->text, line, rec->len);
		}
		r->tail = at;
		assert_true(ring_valid(r, BYTES));
	}
	assert_true(r->dropped > 0);
	free(r);
}

/* What is read is given back, what is not stays as it was put. */
static void
test_trim(void **state)
{
	enum { TOTAL = 1 << 20 };
	int fd = memfd_create("ring", MFD_CLOEXEC);
	static char line[RING_LINE_MAX];
	uint64_t put = 0, got = 0, at = 0, trimmed = 0;
	struct stat st;
	struct ring *r;

	(void)state;
	assert_int_equal(ftruncate(fd, TOTAL), 0);
	r = mmap(NULL, TOTAL, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(r != MAP_FAILED);
	ring_init(r, TOTAL);
	while (got < 5000) {
		const struct ring_record *rec;

		for (uint64_t n = 1 + got % 300; n > 0; n--) {
			if (ring_put(r, put + 1, 0, line, line_of(put + 1, line)) == -1)
				break;
			put++;
		}
		/* Not before all is read. */
		ring_trim(r, &trimmed);
		while ((rec = ring_next(r, &at)) != NULL) {
			got++;
			assert_int_equal(rec->seq, got);
			assert_int_equal(rec->len, line_of(got, line));
			assert_memory_equal(rec->text, line, rec->len);
		}
		assert_int_equal(got, put);
		r->tail = at;
		ring_trim(r, &trimmed);
		assert_true(ring_valid(r, TOTAL));
		assert_int_equal(fstat(fd, &st), 0);
		assert_in_range(st.st_blocks * 512, 1, RING_TRIM_BYTES + 4 * 4096);
	}
	munmap(r, TOTAL);
	close(fd);
}

static void
test_wrong_lines_are_dropped(void **state)
{
	struct ring *r = ring_make();
	static char line[RING_LINE_MAX + 1];
	uint64_t at = 0;

	(void)state;
	assert_int_equal(ring_put(r, 1, 0, line, 0), -1);
	assert_int_equal(ring_put(r, 1, 0, line, RING_LINE_MAX + 1), -1);
	assert_int_equal(r->dropped, 2);
	assert_int_equal(r->head, 0);
	/* Nobody outside can make a record that is skipped. */
	assert_int_equal(ring_put(r, 1, RING_PAD, "x\n", 2), 0);
	assert_non_null(ring_next(r, &at));
	assert_null(ring_next(r, &at));
	free(r);
}

static void
test_damage_is_noticed(void **state)
{
	struct ring *r = ring_make();
	struct ring_record *rec;
	uint64_t at = 0;

	(void)state;
	assert_int_equal(ring_put(r, 1, 0, "one\n", 4), 0);
	rec = (struct ring_record *)(void *)r->data;
	rec->len = 0x7fffffff;
	assert_null(ring_next(r, &at));
	assert_int_equal(at, 0);
	rec->len = 0;
	assert_null(ring_next(r, &at));
	at = 4; /* not where a record can be */
	assert_null(ring_next(r, &at));

	assert_false(ring_valid(r, sizeof(struct ring)));
	assert_false(ring_valid(r, BYTES / 2));
	r->tail = r->head + 8;
	assert_false(ring_valid(r, BYTES));
	r->tail = 0;
	r->head = r->size + 8;
	assert_false(ring_valid(r, BYTES));
	r->head = 0;
	r->version++;
	r->readable_by = RING_VERSION; /* a newer one that we can use */
	assert_true(ring_valid(r, BYTES));
	r->readable_by = RING_VERSION + 1; /* and one that we cannot */
	assert_false(ring_valid(r, BYTES));
	r->version--;
	r->size = 12;
	assert_false(ring_valid(r, BYTES));
	free(r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_rounds),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_wrong_lines_are_dropped),
		cmocka_unit_test(test_damage_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
