/*
 * lib/hostload and part/pool_gate: what the kernel's files say, whatever is in them, and
 * when that keeps somebody out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/hostload.h"
#include "manager/part/pool_gate.h"
#include "unit/conf.h"

static const char meminfo[] = "MemTotal:       24576000 kB\nMemFree:          100 kB\n"
			      "MemAvailable:    6144000 kB\n";

static void
loads_are_read(void **st)
{
	static const char *const bad[] = { "", "x", "-1.00 ", "3", ".5", "3,5" };
	unsigned centi = 7;

	(void)st;
	assert_int_equal(hostload_average_of("3.25 1.00 0.50 2/300 1\n", &centi), 0);
	assert_int_equal(centi, 325);
	assert_int_equal(hostload_average_of("123.07 ", &centi), 0);
	assert_int_equal(centi, 12307);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(hostload_average_of(bad[i], &centi), -1);
}

static void
memory_is_read(void **st)
{
	uint64_t available, total;

	(void)st;
	assert_int_equal(
	    hostload_memory_of(meminfo, NULL, NULL, NULL, &available, &total), 0);
	assert_true(available == UINT64_C(6144000) * 1024);
	assert_true(total == UINT64_C(24576000) * 1024);
	/* A container has what its cgroup leaves it. */
	assert_int_equal(hostload_memory_of(meminfo, "1048576\n", "1000000\n",
			     "anon 5\ninactive_file 500000\n", &available, &total),
	    0);
	assert_true(total == 1048576 && available == 1048576 - 500000);
	assert_int_equal(
	    hostload_memory_of(meminfo, "1000\n", "2000\n", NULL, &available, &total), 0);
	assert_true(total == 1000 && available == 0);
	assert_int_equal(hostload_memory_of(meminfo, "max\n", "2000\n",
			     "inactive_file 9\n", &available, &total),
	    0);
	assert_true(total == UINT64_C(24576000) * 1024);
	assert_int_equal(
	    hostload_memory_of("MemTotal: 5 kB\n", NULL, NULL, NULL, &available, &total),
	    -1);
	assert_int_equal(
	    hostload_memory_of("MemTotal: 18446744073709551615 kB\nMemAvailable: 1 kB\n",
		NULL, NULL, NULL, &available, &total),
	    -1);
}

static void
pressure_is_read(void **st)
{
	static const char text[] =
	    "some avg10=8.52 avg60=17.79 avg300=20.58 total=308563213\n"
	    "full avg10=0.10 avg60=0.20 avg300=0.30 total=0\n";
	unsigned permyriad;

	(void)st;
	assert_int_equal(hostload_pressure_of(text, "some", 10, &permyriad), 0);
	assert_int_equal(permyriad, 852);
	assert_int_equal(hostload_pressure_of(text, "full", 300, &permyriad), 0);
	assert_int_equal(permyriad, 30);
	/* Not what stands in the next line. */
	assert_int_equal(hostload_pressure_of("some avg60=1.00\nfull avg10=2.00\n",
			     "some", 10, &permyriad),
	    -1);
	assert_int_equal(hostload_pressure_of("", "some", 10, &permyriad), -1);
	assert_int_equal(
	    hostload_pressure_of("some avg10=x", "some", 10, &permyriad), -1);
}

static void
assert_shut(
    const struct pool_conf *c, const struct pool_gate_world *w, const char *wanted)
{
	struct buf why = { 0 };

	assert_int_equal(pool_gate_is_open(c, w, &why), wanted == NULL);
	assert_string_equal(buf_str(&why), wanted == NULL ? "" : wanted);
	buf_free(&why);
}

static void
who_is_kept_out(void **st)
{
	struct pool_gate_world w = { .has_load = true,
		.has_memory = true,
		.has_pressure = { true, true, true },
		.load_centi = 350,
		.processors = 2,
		.memory_available = UINT64_C(3) << 30,
		.memory_total = UINT64_C(24) << 30,
		.pressure_permyriad = { 852, 0, 2000 } };
	struct pool_conf c = { .slots = 1 };

	(void)st;
	assert_shut(&c, &w, NULL);
	c.max_load = (struct pool_load){ .centi = 350 };
	assert_shut(&c, &w, NULL);
	c.max_load.centi = 349;
	assert_shut(&c, &w, "the load is 3.50, more than 3.49 (MaxLoad=)");
	c.max_load = (struct pool_load){ .centi = 15000, .of_processors = true };
	assert_shut(&c, &w, "the load is 3.50, more than 3.00 (MaxLoad=)");
	w.processors = 4;
	assert_shut(&c, &w, NULL);
	c.min_memory.bytes = UINT64_C(4) << 30;
	assert_shut(&c, &w, "there are 3G of memory, less than 4G (MinMemoryAvailable=)");
	c.min_memory = (struct pool_memory){ .permyriad = 1000 };
	assert_shut(&c, &w, NULL);
	c.max_pressure[POOL_PRESSURE_CPU] = (struct pool_pressure){ 852, 10 };
	assert_shut(&c, &w, NULL);
	c.max_pressure[POOL_PRESSURE_IO] = (struct pool_pressure){ 1000, 60 };
	assert_shut(&c, &w,
	    "something waits for a disk 20.00% of the time, more than 10.00% "
	    "(MaxPressure=)");
	/* What is not known holds nobody up. */
	w.has_pressure[POOL_PRESSURE_IO] = false;
	assert_shut(&c, &w, NULL);
}

static void
this_machine_is_looked_at(void **st)
{
	struct pool_conf c = { .slots = 1, .min_memory = { .permyriad = 10000 } };
	struct buf why = { 0 };

	(void)st;
	assert_false(pool_gate_look(&c, &why));
	buf_clear(&why);
	c.min_memory = (struct pool_memory){ .bytes = 1 };
	assert_true(pool_gate_look(&c, &why));
	buf_free(&why);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_are_read),
		cmocka_unit_test(memory_is_read),
		cmocka_unit_test(pressure_is_read),
		cmocka_unit_test(who_is_kept_out),
		cmocka_unit_test(this_machine_is_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
