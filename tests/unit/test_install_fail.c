/*
 * Tests of install/: each call to the system that a request makes fails once, in each way
 * that disks fail.  It is told where, and what to do; no half of a link is left, nothing
 * that was there is lost, and the same request afterwards does all of it.
 */
#include <sys/syscall.h>

#include <dlfcn.h>
#include <errno.h>

#include "install_rig.h"

/* The call that fails: counted down. */
static unsigned fail_in;
static int fail_with;
static const char *failed; /* it was this one */

static bool
fails(const char *call)
{
	if (fail_in == 0 || --fail_in > 0)
		return false;
	failed = call;
	errno = fail_with;
	return true;
}

/* What changes the disk, as all of it calls it. */
int
symlink(const char *target, const char *path)
{
	return fails("symlink") ? -1
				: (int)syscall(SYS_symlinkat, target, AT_FDCWD, path);
}

int
symlinkat(const char *target, int dirfd, const char *path)
{
	return fails("symlinkat") ? -1 : (int)syscall(SYS_symlinkat, target, dirfd, path);
}

int
renameat(int from, const char *old, int to, const char *new)
{
	return fails("renameat") ? -1
				 : (int)syscall(SYS_renameat2, from, old, to, new, 0);
}

int
unlink(const char *path)
{
	return fails("unlink") ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int
mkdirat(int dirfd, const char *path, mode_t mode)
{
	return fails("mkdirat") ? -1 : (int)syscall(SYS_mkdirat, dirfd, path, mode);
}

int
rmdir(const char *path)
{
	return fails("rmdir") ? -1
			      : (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

/* And what looks at it. */
ssize_t
readlink(const char *path, char *buf, size_t size)
{
	return fails("readlink")
		   ? -1
		   : (ssize_t)syscall(SYS_readlinkat, AT_FDCWD, path, buf, size);
}

DIR *
opendir(const char *path)
{
	int fd = fails("opendir") ? -1
				  : (int)syscall(SYS_openat, AT_FDCWD, path,
					O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	return fd == -1 ? NULL : fdopendir(fd);
}

struct dirent *
readdir(DIR *d)
{
	static struct dirent *(*real)(DIR *);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "readdir");
	return fails("readdir") ? NULL : real(d);
}

struct case_of {
	const char *what;
	enum install_verb verb;
	const char *names;
	bool force;
	const char *before; /* done first: a verb, a blank, a name */
};

static const struct case_of cases[] = {
	{ "enable", INSTALL_ENABLE, "a.service b.service", false, NULL },
	{ "a link that moves", INSTALL_ENABLE, "moved.service", false, NULL },
	{ "reenable", INSTALL_REENABLE, "a.service", false, "enable a.service" },
	{ "disable", INSTALL_DISABLE, "a.service", false, "enable a.service" },
	{ "mask", INSTALL_MASK, "a.service c.service", false, NULL },
	{ "mask over a link", INSTALL_MASK, "linked.service", true, NULL },
	{ "unmask", INSTALL_UNMASK, "a.service", false, "mask a.service" },
	{ "link", INSTALL_LINK, "/opt/far.service", false, NULL },
	{ "enable of a path", INSTALL_ENABLE, "/opt/far.service", false, NULL },
	{ "revert", INSTALL_REVERT, "b.service", false, NULL },
	{ "preset", INSTALL_PRESET, "a.service b.service", false, "enable b.service" },
	{ "preset-all", INSTALL_PRESET_ALL, "", false, "enable b.service" },
	{ "add-wants", INSTALL_ADD_WANTS, "a.service", false, NULL },
};

/* The system before the request. */
static void
make_system(struct rig *r, const struct case_of *c)
{
	char *copy = c->before != NULL ? xstrdup(c->before) : NULL;
	char *blank = copy != NULL ? strchr(copy, ' ') : NULL;

	assert_int_equal(rm_rf_at(r->fd, "etc", 1000), 0);
	assert_int_equal(rm_rf_at(r->fd, "usr", 1000), 0);
	service(r, LIB "/a.service",
	    "WantedBy=multi-user.target x.target\nAlias=other.service\nAlso=c.service\n");
	service(r, LIB "/b.service", "WantedBy=multi-user.target\n");
	service(r, LIB "/c.service", "RequiredBy=x.target\n");
	service(r, LIB "/moved.service", "WantedBy=x.target\nAlias=m.service\n");
	service(r, LIB "/linked.service", "");
	service(r, "opt/far.service", "WantedBy=x.target\n");
	put(r, LIB "/multi-user.target", "[Unit]\n");
	put(r, ETC "-preset/1.preset", "disable b.service\nenable *\n");
	put(r, ETC "/b.service.d/x.conf", "[Unit]\n");
	if (strcmp(c->names, "linked.service") == 0)
		put_link(r, ETC "/linked.service", "/opt/far.service");
	if (strcmp(c->names, "moved.service") == 0)
		put_link(r, ETC "/m.service", "/old/place/moved.service");
	if (blank != NULL) {
		*blank = '\0';
		assert_int_equal(run(r, install_verb_find(copy), blank + 1), 0);
	}
	free(copy);
	r->in.force = c->force;
}

/* Links of the request that are there, those of what nobody asked for, and nothing else.
 */
static void
check_half(struct rig *r, const char *before, const char *whole)
{
	char *copy = xstrdup(links(r)), *save = NULL;

	for (char *line = strtok_r(copy, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save))
		if (strstr(before, line) == NULL && strstr(whole, line) == NULL)
			fail_msg("after %s: %s", failed, line);
	free(copy);
}

/* All that was told as done is done; what it is about is not lost between two states. */
static void
check_changes(struct rig *r)
{
	for (size_t i = 0; i < r->in.n; i++) {
		const struct install_change *c = &r->in.v[i];
		bool last = true;
		struct stat st;

		for (size_t k = i + 1; k < r->in.n; k++)
			last = last && strcmp(r->in.v[k].path, c->path) != 0;
		if (last)
			assert_int_equal(lstat(c->path, &st), c->removed ? -1 : 0);
	}
}

static void
fail_each_call(struct rig *r, const struct case_of *c, int error)
{
	char *before, *whole;
	unsigned n = 0;

	make_system(r, c);
	before = xstrdup(links(r));
	assert_int_equal(run(r, c->verb, c->names), 0);
	whole = xstrdup(links(r));
	for (failed = ""; failed != NULL; n++) {
		int rc;

		make_system(r, c);
		failed = NULL;
		fail_with = error;
		fail_in = n + 1;
		rc = run(r, c->verb, c->names);
		fail_in = 0;
		if (failed == NULL)
			break;
		check_half(r, before, whole);
		check_changes(r);
		if (rc == 0 && strcmp(links(r), whole) != 0)
			fail_msg("%s: %s fails with %s, which is not told; left:\n%s",
			    c->what, failed, strerror(error), links(r));
		if (rc == 0)
			continue;
		for (size_t i = 0; i < r->d.n; i++)
			assert_true(
			    r->d.v[i].file[0] != '\0' && r->d.v[i].text[0] != '\0');
		r->in.force = c->force;
		assert_int_equal(run(r, c->verb, c->names), 0);
		if (strcmp(links(r), whole) != 0)
			fail_msg("%s: after %s: again makes\n%s\nwanted\n%s", c->what,
			    "a failure", links(r), whole);
	}
	print_message("%s: %u calls\n", c->what, n);
	assert_true(n > 0);
	free(before);
	free(whole);
}

static void
test_each_call(void **state)
{
	static const int errors[] = { EACCES, EIO };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t k = 0; k < sizeof(errors) / sizeof(errors[0]); k++)
			fail_each_call(*state, &cases[i], errors[k]);
}

/* What can be done about it. */
static void
test_next_steps(void **state)
{
	static const struct {
		int error;
		const char *text, *hint;
	} said[] = {
		{ EACCES, "Permission denied", "root" },
		{ EROFS, "Read-only file system", "--runtime" },
		{ ENOSPC, "No space left", "make room" },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		fail_in = 1;
		fail_with = said[i].error;
		assert_int_equal(run(r, INSTALL_MASK, "a.service"), -1);
		fail_in = 0;
		assert_true(told(r, ETC, said[i].text));
		assert_non_null(strstr(r->d.v[0].hint, said[i].hint));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_call, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_next_steps, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
