/*
 * spec: every kind of item goes through; everything else is refused, cut off or bent.
 */
#include <sys/mman.h>
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/spec.h"

static void
put_all(struct spec_buf *b)
{
	static const uint32_t ids[3] = { 1, 2, 3 };
	static char *const words[] = { (char *)(uintptr_t) "one", (char *)(uintptr_t) "",
		NULL };

	spec_buf_init(b);
	spec_put_str(b, SPEC_PATH, "/bin/a");
	spec_put_str(b, SPEC_PATH, "/bin/b");
	spec_put_strv(b, SPEC_ARG, words);
	spec_put_str(b, SPEC_ENV, "A=1");
	spec_put_str(b, SPEC_ENV_PID, "LISTEN_PID");
	spec_put_u32(b, SPEC_UID, 1000);
	spec_put_u32(b, SPEC_GID, 1001);
	spec_put_ids(b, SPEC_GROUPS, ids, 3);
	spec_put_flag(b, SPEC_NO_NEW_PRIVS);
	spec_put_u64(b, SPEC_CAP_BOUNDING, 0x123456789abcdefULL);
	spec_put_u64(b, SPEC_CAP_AMBIENT, 1);
	spec_put_u32(b, SPEC_UMASK, 0077);
	spec_put_str(b, SPEC_CWD, "/tmp");
	spec_put_flag(b, SPEC_CWD_OPTIONAL);
	spec_put_flag(b, SPEC_CWD_INSTANCE);
	spec_put_dir(b, SPEC_DIR_STATE, "/var/lib", "a/b", 0750, 1000, UINT32_MAX);
	spec_put_limit(b, RLIMIT_NOFILE, 10, RLIM_INFINITY);
	spec_put_i32(b, SPEC_NICE, -5);
	spec_put_i32(b, SPEC_OOM_ADJUST, -1000);
	spec_put_u64(b, SPEC_TAG, UINT64_C(1) << 40);
	spec_put_stdin_data(b, "x\0y", 3);
	spec_put_stdio(b, SPEC_STDOUT, SPEC_IO_APPEND, "/tmp/out");
	spec_put_stdio_stored(b, SPEC_STDERR, 7);
	spec_put_u32(b, SPEC_FD, 4);
	spec_put_u32(b, SPEC_FD, 5);
	spec_put_u32(b, SPEC_NOTIFY_FD, 9);
	spec_put_flag(b, SPEC_IGNORE_SIGPIPE);
}

static void
test_everything_goes_through(void **state)
{
	const struct spec_stdio *io;
	const struct spec_dir *d;
	struct spec_item it;
	struct spec_buf b;
	struct spec s;
	uint64_t size;
	size_t at = 0;
	int fd;

	(void)state;
	put_all(&b);
	fd = spec_seal(&b, &size);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(spec_map(fd, size, &s), 0);
	assert_int_equal(spec_count(&s, SPEC_PATH), 2);
	assert_int_equal(spec_count(&s, SPEC_ARG), 2);
	assert_true(spec_next_of(&s, SPEC_ARG, &at, &it));
	assert_string_equal(it.data, "one");
	assert_true(spec_next_of(&s, SPEC_ARG, &at, &it));
	assert_string_equal(it.data, "");
	assert_false(spec_next_of(&s, SPEC_ARG, &at, &it));
	assert_int_equal(spec_u32(&s, SPEC_UID, 0), 1000);
	assert_int_equal((int32_t)spec_u32(&s, SPEC_NICE, 0), -5);
	assert_true(spec_u64(&s, SPEC_CAP_BOUNDING, 0) == 0x123456789abcdefULL);
	assert_string_equal(spec_str(&s, SPEC_CWD, NULL), "/tmp");
	assert_true(spec_has(&s, SPEC_IGNORE_SIGPIPE));
	at = 0;
	assert_true(spec_next_of(&s, SPEC_DIR, &at, &it));
	d = it.data;
	assert_string_equal(d->text, "/var/lib");
	assert_string_equal(d->text + d->base_len, "a/b");
	at = 0;
	assert_true(spec_next_of(&s, SPEC_STDIN, &at, &it));
	io = it.data;
	assert_int_equal(io->kind, SPEC_IO_DATA);
	assert_int_equal(it.len - sizeof(*io), 3);
	/* Sealed: nobody changes it any more. */
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(spec_map(fd, size + 8, &s), -1);
	assert_int_equal(errno, EBADMSG);
	munmap((void *)(uintptr_t)s.base, size);
	close(fd);
	spec_buf_clear(&b);
}

static void
test_unsealed_is_refused(void **state)
{
	struct spec_buf b;
	struct spec s;
	uint64_t size;
	int sealed, fd;

	(void)state;
	put_all(&b);
	sealed = spec_seal(&b, &size);
	fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(write(fd, b.data, b.len), (ssize_t)b.len);
	assert_int_equal(spec_map(fd, size, &s), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(spec_map(-1, size, &s), -1);
	close(fd);
	close(sealed);
	spec_buf_clear(&b);
}

/* Every cut and every bent byte is refused or harmless: never read beyond the end (the
 * copy ends where the heap block ends, so that a sanitizer sees it). */
static void
test_cut_and_bent(void **state)
{
	struct spec_buf b;
	struct spec s;
	uint64_t size;
	int fd;

	(void)state;
	put_all(&b);
	fd = spec_seal(&b, &size);
	close(fd);
	for (size_t n = 0; n < b.len; n++) {
		char *copy = malloc(n == 0 ? 1 : n);

		assert_non_null(copy);
		memcpy(copy, b.data, n);
		assert_int_equal(spec_check(copy, n, &s), -1);
		if (n >= sizeof(struct spec_head)) {
			/* The same with a head that agrees. */
			((struct spec_head *)(void *)copy)->size = n;
			(void)spec_check(copy, n, &s);
		}
		free(copy);
	}
	for (size_t i = 0; i < b.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			char *copy = malloc(b.len);

			assert_non_null(copy);
			memcpy(copy, b.data, b.len);
			copy[i] = (char)(copy[i] ^ (1 << bit));
			(void)spec_check(copy, b.len, &s);
			free(copy);
		}
	}
	spec_buf_clear(&b);
}

static void
expect(struct spec_buf *b, int err)
{
	uint64_t size;
	int fd = spec_seal(b, &size);

	if (err == 0) {
		assert_int_not_equal(fd, -1);
		close(fd);
	} else {
		assert_int_equal(fd, -1);
		assert_int_equal(errno, err);
	}
	spec_buf_clear(b);
}

static void
minimal(struct spec_buf *b)
{
	spec_buf_init(b);
	spec_put_str(b, SPEC_PATH, "/bin/a");
	spec_put_str(b, SPEC_ARG, "a");
}

static void
test_rules(void **state)
{
	struct spec_buf b;

	(void)state;
	minimal(&b);
	expect(&b, 0);
	spec_buf_init(&b);
	spec_put_str(&b, SPEC_ARG, "a");
	expect(&b, EBADMSG); /* nothing to exec */
#define REFUSED(call)                \
	do {                         \
		minimal(&b);         \
		call;                \
		expect(&b, EBADMSG); \
	} while (0)
	REFUSED(spec_put_u32(&b, SPEC_UID, UINT32_MAX));
	REFUSED(spec_put_u32(&b, SPEC_UMASK, 01000));
	REFUSED(spec_put_str(&b, SPEC_ENV, "NOVALUE"));
	REFUSED(spec_put_str(&b, SPEC_ENV, "=x"));
	REFUSED(spec_put_str(&b, SPEC_ENV_PID, "A=B"));
	REFUSED(spec_put(&b, SPEC_ARG, "a\0b", 4));
	REFUSED(spec_put(&b, SPEC_ARG, "ab", 2));
	REFUSED(spec_put(&b, SPEC_UID, "ab", 2));
	REFUSED(spec_put(&b, (enum spec_tag)61, "ab", 2));
	REFUSED(spec_put(&b, (enum spec_tag)4711, NULL, 0));
	REFUSED((spec_put_u32(&b, SPEC_UID, 1), spec_put_u32(&b, SPEC_UID, 0)));
	REFUSED(spec_put_limit(&b, RLIM_NLIMITS, 1, 1));
	REFUSED(spec_put_limit(&b, RLIMIT_CORE, 2, 1));
	REFUSED(spec_put_dir(&b, SPEC_DIR_LOGS, "/var/log", "../x", 0755, 0, 0));
	REFUSED(spec_put_dir(&b, SPEC_DIR_LOGS, "/var/log", "a/./x", 0755, 0, 0));
	REFUSED(spec_put_dir(&b, SPEC_DIR_LOGS, "/var/log", "/x", 0755, 0, 0));
	REFUSED(spec_put_dir(&b, SPEC_DIR_LOGS, "/var/log", "", 0755, 0, 0));
	REFUSED(spec_put_dir(&b, SPEC_DIR_LOGS, "log", "x", 0755, 0, 0));
	REFUSED(spec_put_dir(&b, SPEC_DIR_LOGS, "/var/log", "x", 010000, 0, 0));
	REFUSED(spec_put_stdio(&b, SPEC_STDIN, SPEC_IO_LOG, NULL));
	REFUSED(spec_put_stdio(&b, SPEC_STDIN, SPEC_IO_APPEND, "/x"));
	REFUSED(spec_put_stdio(&b, SPEC_STDOUT, SPEC_IO_DATA, NULL));
	REFUSED(spec_put_stdio(&b, SPEC_STDOUT, SPEC_IO_FILE, "x"));
	REFUSED(spec_put_stdio(&b, SPEC_STDOUT, SPEC_IO_FILE, NULL));
	REFUSED(spec_put_stdio(&b, SPEC_STDOUT, SPEC_IO_NULL, "/x"));
	REFUSED(spec_put_stdio(&b, SPEC_STDOUT, SPEC_IO_N, NULL));
	REFUSED(spec_put_u32(&b, SPEC_NOTIFY_FD, 2));
	REFUSED(spec_put_u32(&b, SPEC_NOTIFY_FD, SPEC_FD_HIGH + 1));
	REFUSED((spec_put_u32(&b, SPEC_FD, 1), spec_put_u32(&b, SPEC_NOTIFY_FD, 3)));
#undef REFUSED
	minimal(&b);
	for (int i = 0; i <= SPEC_FDS_MAX; i++)
		spec_put_u32(&b, SPEC_FD, 1);
	expect(&b, EBADMSG);
	minimal(&b);
	spec_put_ids(&b, SPEC_GROUPS, NULL, SPEC_GROUPS_MAX + 1);
	expect(&b, E2BIG);
	minimal(&b);
	spec_put(&b, SPEC_STDIN, NULL, (size_t)SPEC_BYTES_MAX + 1);
	expect(&b, E2BIG);
}

static void
test_phases_are_those_of_systemd(void **state)
{
	(void)state;
	assert_string_equal(spec_phase_name(203), "exec");
	assert_string_equal(spec_phase_name(200), "chdir");
	assert_string_equal(spec_phase_name(216), "group");
	assert_string_equal(spec_phase_name(217), "user");
	assert_string_equal(spec_phase_name(245), "ksm");
	assert_null(spec_phase_name(0));
	assert_null(spec_phase_name(223));
	assert_int_equal(spec_dir_phase(SPEC_DIR_CACHE), 239);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_goes_through),
		cmocka_unit_test(test_unsealed_is_refused),
		cmocka_unit_test(test_cut_and_bent),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_phases_are_those_of_systemd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
