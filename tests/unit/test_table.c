/*
 * table: layout, the refusal of foreign and damaged ones, names, and the one answer to
 * "does this child live?".
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/table.h"

enum { NSLOTS = 5 };

static struct table *
table_make(void)
{
	/* Shared, and sparse: carries that are not touched cost nothing. */
	struct table *t = mmap(NULL, table_bytes(NSLOTS), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(t, MAP_FAILED);
	table_init(t, NSLOTS);
	return t;
}

static void
table_drop(struct table *t)
{
	munmap(t, table_bytes(NSLOTS));
}

static void
test_nothing_overlaps(void **state)
{
	struct table *t = table_make();
	char *end = (char *)t + sizeof(*t);

	(void)state;
	assert_int_equal(table_used(t), 0);
	for (uint32_t i = 0; i < NSLOTS; i++) {
		struct table_slot *s = table_slot(t, i);

		assert_true((char *)s >= end);
		assert_int_equal((uintptr_t)s % 8, 0);
		end = (char *)(s + 1);
		assert_int_equal(s->state, SLOT_FREE);
	}
	for (uint32_t i = 0; i < NSLOTS; i++) {
		struct table_rare *r = table_rare(t, i);

		assert_true((char *)r >= end);
		end = (char *)(r + 1);
	}
	for (uint32_t i = 0; i < NSLOTS; i++) {
		for (unsigned stream = 0; stream < 2; stream++) {
			for (unsigned which = 0; which < 2; which++) {
				char *c = table_carry(t, i, stream, which);

				assert_true(c >= end);
				assert_int_equal((uintptr_t)c % 4096, 0);
				end = c + CARRY_BYTES;
			}
		}
	}
	assert_true(end <= (char *)t + table_bytes(NSLOTS));
	table_drop(t);
}

static void
test_foreign_tables_are_refused(void **state)
{
	struct table *t = table_make();
	uint64_t all = table_bytes(NSLOTS);

	(void)state;
	assert_null(table_invalid(t, all));
	assert_non_null(table_invalid(t, 100));
	assert_non_null(table_invalid(t, all - 1));
#define REFUSED_WITH(field, value)                      \
	do {                                            \
		struct table keep = *t;                 \
		t->field = value;                       \
		assert_non_null(table_invalid(t, all)); \
		*t = keep;                              \
		assert_null(table_invalid(t, all));     \
	} while (0)
	REFUSED_WITH(magic, 1);
	t->readable_by = TABLE_VERSION + 1; /* a newer one that we cannot use */
	assert_null(table_invalid(t, all)); /* (of this version it says nothing) */
	REFUSED_WITH(version, TABLE_VERSION + 1);
	t->readable_by = 0; /* damaged */
	REFUSED_WITH(version, TABLE_VERSION + 1);
	REFUSED_WITH(version, TABLE_READS_FROM - 1);
	t->version = TABLE_VERSION + 1;
	t->readable_by = TABLE_VERSION; /* a newer one that we can use */
	assert_null(table_invalid(t, all));
	table_sign(t);
	assert_int_equal(t->version, TABLE_VERSION);
	REFUSED_WITH(nslots, 0);
	REFUSED_WITH(nslots, NSLOTS + 1);
	REFUSED_WITH(nslots, UINT32_MAX);
	REFUSED_WITH(slot_size, sizeof(struct table_slot) + 8);
	REFUSED_WITH(slots_at, 0);
	REFUSED_WITH(rare_at, UINT64_MAX);
	REFUSED_WITH(carries_at, UINT64_MAX);
	REFUSED_WITH(total_bytes, UINT64_MAX);
#undef REFUSED_WITH
	memset(t->run, 'x', sizeof(t->run));
	assert_non_null(table_invalid(t, all));
	table_drop(t);
}

/* However it is kept, the name of the log comes back. */
static void
test_log_names(void **state)
{
	static const char *const names[][2] = {
		{ "deacon.service", "deacon" },
		{ "deacon.service", "deacon.service" },
		{ "deacon.service", "deac" },
		{ "deacon.service", "other" },
		{ "deacon.service", "" },
		{ "a.b.service", "a" },
		{ "a.b.service", "a.b" },
	};
	struct table *t = table_make();
	struct table_slot *s = table_slot(t, 1);
	char name[PROTO_NAME_MAX], longest[PROTO_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		strcpy(s->unit, names[i][0]);
		table_set_log_name(t, 1, names[i][1]);
		table_log_name(t, 1, name);
		assert_string_equal(name, names[i][1]);
	}
	memset(longest, 'n', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	table_set_log_name(t, 1, longest);
	table_log_name(t, 1, name);
	assert_string_equal(name, longest);
	assert_int_equal(table_rare(t, 2)->name[0], 0);
	/* Only what is not the unit's own touches the pages of names. */
	strcpy(s->unit, "x.service");
	memset(table_rare(t, 1)->name, 0, PROTO_NAME_MAX);
	table_set_log_name(t, 1, "x");
	assert_int_equal(table_rare(t, 1)->name[0], 0);
	/* A length that was damaged leads nowhere. */
	s->stem_len = UINT32_MAX;
	table_log_name(t, 1, name);
	assert_string_equal(name, "");
	table_drop(t);
}

static void
test_cgroup_names(void **state)
{
	struct table *t = table_make();
	struct table_slot *s = table_slot(t, 0);
	char name[NAME_MAX + 1];

	(void)state;
	strcpy(s->unit, "deacon.service");
	table_cgroup_name(s, 0, name);
	assert_string_equal(name, "deacon.service.0");
	s->cgroup_gen = 3;
	table_cgroup_name(s, 16383, name);
	assert_string_equal(name, "deacon.service.16383.3");
	memset(s->unit, 'u', sizeof(s->unit) - 1);
	s->cgroup_gen = UINT32_MAX;
	table_cgroup_name(s, UINT32_MAX, name);
	assert_true(strlen(name) <= NAME_MAX);
	assert_non_null(strstr(name, ".4294967295.4294967295"));
	table_drop(t);
}

static void
test_a_child_is_claimed_or_given_up(void **state)
{
	struct table *t = table_make();
	struct table_proc *p = &table_slot(t, 0)->proc[0];

	(void)state;
	for (int round = 0; round < 200; round++) {
		int st;
		pid_t pid;
		bool mine;

		p->claimed = 0;
		pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0)
			_exit(table_proc_claim(p) ? 1 : 0);
		mine = table_proc_give_up(p);
		assert_int_equal(waitpid(pid, &st, 0), pid);
		assert_int_equal(WEXITSTATUS(st), mine ? 0 : 1);
		assert_false(table_proc_claim(p));
		assert_false(table_proc_give_up(p));
	}
	table_drop(t);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_overlaps),
		cmocka_unit_test(test_foreign_tables_are_refused),
		cmocka_unit_test(test_log_names),
		cmocka_unit_test(test_cgroup_names),
		cmocka_unit_test(test_a_child_is_claimed_or_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
