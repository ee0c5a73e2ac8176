/*
 * Tests of install/: the links that enable, disable, mask and their like make and remove
 * in the root of a system, and what they refuse.
 */
#include "install_rig.h"

static void
test_enable(void **state)
{
	struct rig *r = *state;

	service(r, LIB "/web.service",
	    "WantedBy=multi-user.target want-%p.target\nRequiredBy=r.target\n"
	    "UpheldBy=u.target\nAlias=www.service %p-too.service\nAlso=log.socket\n");
	put(r, LIB "/log.socket",
	    "[Socket]\nListenStream=/run/x\n[Install]\nWantedBy=sockets.target\n");
	assert_int_equal(run(r, INSTALL_ENABLE, "web.service"), 0);
	assert_string_equal(links(r),
	    ETC "/multi-user.target.wants/web.service -> /" LIB "/web.service\n" ETC
		"/r.target.requires/web.service -> /" LIB "/web.service\n" ETC
		"/sockets.target.wants/log.socket -> /" LIB "/log.socket\n" ETC
		"/u.target.upholds/web.service -> /" LIB "/web.service\n" ETC
		"/want-web.target.wants/web.service -> /" LIB "/web.service\n" ETC
		"/web-too.service -> /" LIB "/web.service\n" ETC "/www.service -> /" LIB
		"/web.service\n");
	assert_int_equal(r->in.n, 7);
	assert_string_equal(state_of(r, "web.service"), "enabled");
	assert_string_equal(state_of(r, "www.service"), "alias");

	/* Again: nothing is left to do, and nothing is said. */
	assert_int_equal(run(r, INSTALL_ENABLE, "web.service"), 0);
	assert_int_equal(r->in.n, 0);
	assert_int_equal(r->d.n, 0);

	/* By its other name, all of it. */
	assert_int_equal(run(r, INSTALL_DISABLE, "www.service"), 0);
	assert_string_equal(links(r), "");
	assert_int_equal(r->in.n, 7);
	/* Folders of links do not stay empty. */
	assert_int_equal(faccessat(r->fd, ETC "/multi-user.target.wants", F_OK, 0), -1);
	assert_string_equal(state_of(r, "web.service"), "disabled");
}

/* Each level can have drop-ins, and each can be hidden by the one above. */
static void
test_levels(void **state)
{
	struct rig *r = *state;

	service(r, LIB "/a.service", "WantedBy=lib.target\n");
	service(r, LOCAL "/a.service", "WantedBy=local.target\n");
	put(r, LIB "/a.service.d/1.conf", "[Install]\nWantedBy=drop-lib.target\n");
	put(r, ETC "/a.service.d/2.conf", "[Install]\nWantedBy=drop-etc.target\n");
	put(r, LIB "/a.service.d/2.conf", "[Install]\nWantedBy=hidden.target\n");
	put(r, RUN "/service.d/3.conf", "[Install]\nWantedBy=of-type.target\n");
	assert_int_equal(run(r, INSTALL_ENABLE, "a.service"), 0);
	assert_string_equal(links(r),
	    ETC "/drop-etc.target.wants/a.service -> /" LOCAL "/a.service\n" ETC
		"/drop-lib.target.wants/a.service -> /" LOCAL "/a.service\n" ETC
		"/local.target.wants/a.service -> /" LOCAL "/a.service\n" ETC
		"/of-type.target.wants/a.service -> /" LOCAL "/a.service\n");
	/* The file moves: the links follow it, and nothing asks for --force. */
	assert_int_equal(unlinkat(r->fd, LOCAL "/a.service", 0), 0);
	assert_int_equal(run(r, INSTALL_REENABLE, "a.service"), 0);
	assert_non_null(
	    strstr(links(r), ETC "/lib.target.wants/a.service -> /" LIB "/a.service\n"));
	assert_null(strstr(links(r), "local.target"));
	/* An empty assignment in a drop-in takes back what was listed. */
	put(r, ETC "/a.service.d/9.conf", "[Install]\nWantedBy=\nWantedBy=last.target\n");
	assert_int_equal(run(r, INSTALL_REENABLE, "a.service"), 0);
	assert_string_equal(
	    links(r), ETC "/last.target.wants/a.service -> /" LIB "/a.service\n");

	r->in.runtime = true;
	assert_int_equal(run(r, INSTALL_ENABLE, "a.service"), 0);
	assert_non_null(strstr(links(r), RUN "/last.target.wants/a.service -> "));
	r->in.runtime = false;
	assert_int_equal(run(r, INSTALL_DISABLE, "a.service"), 0);
	assert_string_equal(state_of(r, "a.service"), "enabled-runtime");
	/* What is not the administrator's is not touched. */
	put_link(r, LIB "/v.target.wants/a.service", "../a.service");
	assert_int_equal(run(r, INSTALL_DISABLE, "a.service"), 0);
	assert_int_equal(faccessat(r->fd, LIB "/v.target.wants/a.service", F_OK, 0), 0);
}

static void
test_templates(void **state)
{
	struct rig *r = *state;

	service(r, LIB "/t@.service",
	    "WantedBy=multi-user.target w-%i.target\nDefaultInstance=one\n");
	service(r, LIB "/none@.service", "WantedBy=multi-user.target\n");
	service(r, LIB "/each@.service", "WantedBy=each@.target\n");
	service(r, LIB "/odd@.service", "WantedBy=x.target\nDefaultInstance=a/b\n");
	assert_int_equal(run(r, INSTALL_ENABLE, "t@.service"), 0);
	assert_string_equal(links(r),
	    ETC "/multi-user.target.wants/t@one.service -> /" LIB "/t@.service\n" ETC
		"/w-one.target.wants/t@one.service -> /" LIB "/t@.service\n");
	assert_int_equal(run(r, INSTALL_ENABLE, "t@two.service"), 0);
	assert_non_null(strstr(links(r), "w-two.target.wants/t@two.service"));
	assert_string_equal(state_of(r, "t@two.service"), "enabled");
	assert_string_equal(state_of(r, "t@three.service"), "disabled");
	/* One goes, then all of them. */
	assert_int_equal(run(r, INSTALL_DISABLE, "t@one.service"), 0);
	assert_null(strstr(links(r), "one"));
	assert_non_null(strstr(links(r), "two"));
	assert_int_equal(run(r, INSTALL_DISABLE, "t@.service"), 0);
	assert_string_equal(links(r), "");

	assert_int_equal(run(r, INSTALL_ENABLE, "none@.service"), -1);
	assert_true(told(r, "none@.service", "a template cannot be started with"));
	assert_non_null(r->d.v[0].hint);
	assert_int_equal(run(r, INSTALL_ENABLE, "each@.service"), 0);
	assert_string_equal(links(r),
	    ETC "/each@.target.wants/each@.service -> /" LIB "/each@.service\n");
	assert_int_equal(run(r, INSTALL_DISABLE, "each@.service"), 0);
	/* A default that makes no name is none. */
	assert_int_equal(run(r, INSTALL_ENABLE, "odd@.service"), -1);
	assert_true(told(r, "odd@.service", "makes no name"));
	assert_string_equal(links(r), "");
}

/* Circles end, each unit is enabled once; what only Also= names may be missing. */
static void
test_also(void **state)
{
	struct rig *r = *state;

	service(r, LIB "/a.service", "WantedBy=x.target\nAlso=b.service\n");
	service(r, LIB "/b.service", "WantedBy=x.target\nAlso=c.service b.service\n");
	service(
	    r, LIB "/c.service", "Also=a.service gone.service %p-%i\nAlias=d.service");
	assert_int_equal(run(r, INSTALL_ENABLE, "a.service"), 0);
	assert_string_equal(links(r), ETC
	    "/d.service -> /" LIB "/c.service\n" ETC "/x.target.wants/a.service -> /" LIB
	    "/a.service\n" ETC "/x.target.wants/b.service -> /" LIB "/b.service\n");
	assert_true(told(r, "gone.service", "there is no such unit"));
	assert_true(told(r, "c-", "not the name of a unit"));
	assert_int_equal(run(r, INSTALL_DISABLE, "c.service"), 0);
	assert_string_equal(links(r), "");
	assert_string_equal(state_of(r, "c.service"), "disabled");

	/* Alone in [Install]: there is something to do. */
	service(r, LIB "/only.service", "Also=b.service\n");
	assert_int_equal(run(r, INSTALL_ENABLE, "only.service"), 0);
	assert_int_equal(r->in.n_silent, 0);
	assert_string_equal(state_of(r, "only.service"), "indirect");
	put(r, LIB "/static.service", "[Service]\nExecStart=/bin/true\n");
	assert_int_equal(run(r, INSTALL_ENABLE, "static.service"), 0);
	assert_int_equal(r->in.n_silent, 1);
}

static void
test_alias(void **state)
{
	static const char *const wrong[][2] = {
		{ "p.service", "p.socket" },
		{ "p.service", "p" },
		{ "p.service", "../p2.service" },
		{ "p.service", "/etc/p2.service" },
		{ "p.service", "t@.service" },
		{ "p.service", "t@x.service" },
		{ "p.service", ".service" },
		{ "q@.service", "plain.service" },
		{ "q@.service", "q@.timer" },
		{ "q@x.service", "q2@y.service" },
		{ "q@x.service", "%N" },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		bool is_template = wrong[i][0][0] == 'q';
		char *install = xasprintf(
		    "Alias=%s fine%s.service\n", wrong[i][1], is_template ? "@" : "");

		service(r, is_template ? LIB "/q@.service" : LIB "/p.service", install);
		assert_int_equal(run(r, INSTALL_ENABLE, wrong[i][0]), -1);
		assert_true(told(r, "", "cannot be another name of"));
		/* The others are made. */
		assert_non_null(strstr(links(r), ETC "/fine"));
		assert_ptr_equal(strchr(links(r), '\n')[1], 0);
		assert_int_equal(
		    run(r, INSTALL_DISABLE, is_template ? "q@.service" : "p.service"), 0);
		assert_string_equal(links(r), "");
		free(install);
	}
	/* Its own name is no other name, nor an error. */
	service(r, LIB "/p.service", "Alias=p.service\n");
	assert_int_equal(run(r, INSTALL_ENABLE, "p.service"), 0);
	assert_string_equal(links(r), "");
	/* An instance has the template's other name with its own part. */
	service(r, LIB "/q@.service", "Alias=z@.service\n");
	assert_int_equal(run(r, INSTALL_ENABLE, "q@i.service"), 0);
	assert_string_equal(links(r), ETC "/z@i.service -> /" LIB "/q@.service\n");
}

static void
test_hostile_names(void **state)
{
	static const char *const names[] = { "..", ".", "../x.service", "a/b.service",
		"x", ".service", "@.service", "x.nothing", "a\tb.service", "x.service/",
		"\xff.service", "a@b@.service@", "x.wants" };
	static const enum install_verb verbs[] = { INSTALL_ENABLE, INSTALL_DISABLE,
		INSTALL_REENABLE, INSTALL_MASK, INSTALL_UNMASK, INSTALL_REVERT,
		INSTALL_ADD_WANTS, INSTALL_LINK };
	struct rig *r = *state;
	char *longest = xcalloc(300, 1);

	for (size_t v = 0; v < sizeof(verbs) / sizeof(verbs[0]); v++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			assert_int_equal(run(r, verbs[v], names[i]), -1);
			assert_int_equal(r->in.n, 0);
			assert_true(r->d.n > 0);
		}
		memset(longest, 'x', 280);
		memcpy(longest + 272, ".service", 8);
		(void)run(r, verbs[v], longest);
		assert_int_equal(r->in.n, 0);
	}
	assert_string_equal(links(r), "");
	free(longest);

	/* What files of units name is not better. */
	service(r, LIB "/h.service",
	    "WantedBy=../../../evil.target a/b.target\nRequiredBy=%%n /x\n"
	    "Also=../../h2.service\n");
	assert_int_equal(run(r, INSTALL_ENABLE, "h.service"), -1);
	assert_string_equal(links(r), "");
	assert_true(told(r, "h.service", "is not the name of a unit"));
}

static void
test_all_or_nothing(void **state)
{
	struct rig *r = *state;

	service(r, LIB "/a.service", "WantedBy=x.target\n");
	assert_int_equal(run(r, INSTALL_ENABLE, "a.service missing.service"), -1);
	assert_string_equal(links(r), "");
	assert_true(told(r, "missing.service", "there is no such unit"));
	assert_int_equal(run(r, INSTALL_MASK, "a.service no-name"), -1);
	assert_string_equal(links(r), "");
	assert_int_equal(run(r, INSTALL_ENABLE, "a.service"), 0);
	/* What cannot be found anew is not taken away before. */
	assert_int_equal(run(r, INSTALL_REENABLE, "a.service missing.service"), -1);
	assert_non_null(strstr(links(r), "x.target.wants/a.service"));
}

static void
test_mask(void **state)
{
	struct rig *r = *state;

	service(r, LIB "/m.service", "WantedBy=x.target\n");
	assert_int_equal(run(r, INSTALL_MASK, "m.service not-there.service"), 0);
	assert_string_equal(links(r),
	    ETC "/m.service -> /dev/null\n" ETC "/not-there.service -> /dev/null\n");
	assert_string_equal(state_of(r, "m.service"), "masked");
	assert_int_equal(run(r, INSTALL_ENABLE, "m.service"), -1);
	assert_true(told(r, "m.service", "it is masked"));
	assert_int_equal(run(r, INSTALL_MASK, "m.service"), 0);
	assert_int_equal(r->in.n, 0);
	assert_int_equal(run(r, INSTALL_UNMASK, "m.service not-there.service"), 0);
	assert_string_equal(links(r), "");
	r->in.runtime = true;
	assert_int_equal(run(r, INSTALL_MASK, "m.service"), 0);
	assert_string_equal(state_of(r, "m.service"), "masked-runtime");
	assert_int_equal(run(r, INSTALL_UNMASK, "m.service"), 0);
	r->in.runtime = false;
	/* An empty file is a mask, too; one with text is somebody's. */
	put(r, ETC "/m.service", "");
	assert_string_equal(state_of(r, "m.service"), "masked");
	assert_int_equal(run(r, INSTALL_UNMASK, "m.service"), 0);
	assert_string_equal(state_of(r, "m.service"), "disabled");
	put(r, ETC "/m.service", "[Service]\nExecStart=/bin/true\n");
	assert_int_equal(run(r, INSTALL_UNMASK, "m.service"), 0);
	assert_int_equal(run(r, INSTALL_MASK, "m.service"), -1);
	assert_true(told(r, ETC "/m.service", "not written over"));
	/* A link that is no mask stays, and is not replaced unless it is forced. */
	put_link(r, ETC "/l.service", "/opt/l.service");
	assert_int_equal(run(r, INSTALL_UNMASK, "l.service"), 0);
	assert_int_equal(run(r, INSTALL_MASK, "l.service"), -1);
	assert_true(told(r, ETC "/l.service", "link to /opt/l.service"));
	r->in.force = true;
	assert_int_equal(run(r, INSTALL_MASK, "l.service"), 0);
	assert_string_equal(links(r), ETC "/l.service -> /dev/null\n");
}

static void
test_link(void **state)
{
	struct rig *r = *state;

	service(r, "opt/far.service", "WantedBy=x.target\n");
	service(r, LIB "/near.service", "WantedBy=x.target\n");
	assert_int_equal(mkdirat(r->fd, "opt/dir.service", 0755), 0);
	put_link(r, "opt/gone.service", "/nowhere.service");
	assert_int_equal(
	    run(r, INSTALL_LINK, "/opt/far.service /" LIB "/near.service"), 0);
	assert_string_equal(links(r), ETC "/far.service -> /opt/far.service\n");
	assert_string_equal(state_of(r, "far.service"), "linked");
	assert_int_equal(run(r, INSTALL_ENABLE, "far.service"), 0);
	assert_string_equal(links(r),
	    ETC "/far.service -> /opt/far.service\n" ETC
		"/x.target.wants/far.service -> /opt/far.service\n");
	assert_int_equal(run(r, INSTALL_DISABLE, "far.service"), 0);
	assert_string_equal(links(r), "");
	assert_string_equal(state_of(r, "far.service"), "not-found");
	/* Enable takes a path, for which the file is linked. */
	assert_int_equal(run(r, INSTALL_ENABLE, "/opt/far.service"), 0);
	assert_string_equal(state_of(r, "far.service"), "enabled");
	/* Another file of that name is something else. */
	service(r, "srv/far.service", "");
	assert_int_equal(run(r, INSTALL_LINK, "/srv/far.service"), -1);
	assert_true(told(r, ETC "/far.service", "which is something else"));

	assert_int_equal(run(r, INSTALL_LINK, "/opt/dir.service"), -1);
	assert_true(told(r, "/opt/dir.service", "not a regular file"));
	assert_int_equal(run(r, INSTALL_LINK, "/opt/gone.service"), -1);
	assert_true(told(r, "/opt/gone.service", "No such file"));
	assert_int_equal(run(r, INSTALL_LINK, "/opt/no-unit.conf"), -1);
	assert_int_equal(run(r, INSTALL_LINK, "near.service"), -1);
	assert_true(told(r, "near.service", "absolute path"));
	/* All of them or none. */
	service(r, "opt/other.service", "");
	assert_int_equal(run(r, INSTALL_LINK, "/opt/other.service /opt/dir.service"), -1);
	assert_null(strstr(links(r), "other"));
}

/* Whatever lies where links are: it is said, or passed by, and never followed. */
static void
test_strange_links(void **state)
{
	struct rig *r = *state;

	service(r, LIB "/a.service", "WantedBy=x.target\nAlias=b.service\n");
	put_link(r, ETC "/dangling.service", "/nowhere/gone.service");
	put_link(r, ETC "/loop.service", "loop.service");
	put_link(r, ETC "/loop1.service", "loop2.service");
	put_link(r, ETC "/loop2.service", "loop1.service");
	put_link(r, ETC "/x.target.wants/dangling.service", "../../../../nowhere");
	assert_string_equal(state_of(r, "dangling.service"), "bad");
	assert_int_equal(run(r, INSTALL_ENABLE, "dangling.service"), -1);
	assert_int_equal(run(r, INSTALL_ENABLE, "loop.service"), -1);
	assert_int_equal(run(r, INSTALL_ENABLE, "loop1.service"), -1);
	/* Links of what is gone can be removed. */
	assert_int_equal(run(r, INSTALL_DISABLE, "dangling.service"), 0);
	assert_null(strstr(links(r), "dangling"));
	assert_int_equal(run(r, INSTALL_DISABLE, "loop.service loop1.service"), 0);
	assert_string_equal(links(r), "");

	/* A folder of links that is a link itself is somebody's arrangement. */
	assert_int_equal(mkdirat(r->fd, "elsewhere", 0755), 0);
	put_link(r, "elsewhere/a.service", "/" LIB "/a.service");
	put_link(r, ETC "/x.target.wants", "../../../elsewhere");
	assert_int_equal(run(r, INSTALL_DISABLE, "a.service"), 0);
	assert_int_equal(
	    faccessat(r->fd, "elsewhere/a.service", F_OK, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(unlinkat(r->fd, ETC "/x.target.wants", 0), 0);

	/* A file in its place. */
	put(r, ETC "/x.target.wants", "no folder");
	assert_int_equal(run(r, INSTALL_ENABLE, "a.service"), -1);
	assert_true(told(r, ETC "/x.target.wants", ""));
	assert_string_equal(links(r), ETC "/b.service -> /" LIB "/a.service\n");
}

static void
test_add(void **state)
{
	struct rig *r = *state;

	service(r, LIB "/a.service", "WantedBy=x.target\n");
	service(r, LIB "/t@.service", "WantedBy=x.target\nDefaultInstance=d\n");
	put(r, LIB "/multi-user.target", "[Unit]\n");
	assert_int_equal(run(r, INSTALL_ADD_WANTS, "a.service t@i.service"), 0);
	assert_string_equal(links(r),
	    ETC "/multi-user.target.wants/a.service -> /" LIB "/a.service\n" ETC
		"/multi-user.target.wants/t@i.service -> /" LIB "/t@.service\n");
	assert_int_equal(run(r, INSTALL_ADD_REQUIRES, "a.service missing.service"), -1);
	assert_null(strstr(links(r), "requires"));
	assert_int_equal(run(r, INSTALL_DISABLE, "a.service t@.service"), 0);
	assert_string_equal(links(r), "");
}

static void
test_revert(void **state)
{
	struct rig *r = *state;

	service(r, LIB "/v.service", "");
	service(r, ETC "/v.service", "");
	put(r, ETC "/v.service.d/a.conf", "[Unit]\n");
	put(r, ETC "/v.service.d/notes", "mine\n");
	put(r, RUN "/v.service.d/b.conf", "[Unit]\n");
	put(r, LIB "/v.service.d/c.conf", "[Unit]\n");
	service(r, ETC "/own.service", "");
	put(r, ETC "/own.service.d/a.conf", "[Unit]\n");
	assert_int_equal(run(r, INSTALL_REVERT, "v.service own.service"), 0);
	assert_int_equal(faccessat(r->fd, ETC "/v.service", F_OK, 0), -1);
	assert_int_equal(faccessat(r->fd, ETC "/v.service.d/a.conf", F_OK, 0), -1);
	assert_int_equal(faccessat(r->fd, ETC "/v.service.d/notes", F_OK, 0), 0);
	assert_int_equal(faccessat(r->fd, RUN "/v.service.d", F_OK, 0), -1);
	assert_int_equal(faccessat(r->fd, LIB "/v.service.d/c.conf", F_OK, 0), 0);
	/* Without a vendor's the file is all there is. */
	assert_int_equal(faccessat(r->fd, ETC "/own.service", F_OK, 0), 0);
	assert_int_equal(faccessat(r->fd, ETC "/own.service.d", F_OK, 0), -1);
	/* A mask of what the vendor has. */
	assert_int_equal(run(r, INSTALL_MASK, "v.service"), 0);
	assert_int_equal(run(r, INSTALL_REVERT, "v.service"), 0);
	assert_string_equal(links(r), "");
}

/* No folder for links: nothing is done, and the next step is said. */
static void
test_no_folder(void **state)
{
	struct rig *r = *state;
	struct unit_paths *all = r->paths;

	r->paths = unit_paths_new();
	unit_paths_set_root(r->paths, r->root);
	unit_paths_add(r->paths, "/" LIB, UNIT_PATH_VENDOR);
	service(r, LIB "/a.service", "WantedBy=x.target\n");
	for (int v = 0; v < INSTALL_NVERBS; v++) {
		if (v == INSTALL_REVERT)
			continue;
		assert_int_equal(run(r, (enum install_verb)v, "a.service"), -1);
		assert_true(told(r, "the search path", "no folder for links"));
	}
	unit_paths_free(r->paths);
	r->paths = all;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_enable),
		TEST(test_levels),
		TEST(test_templates),
		TEST(test_also),
		TEST(test_alias),
		TEST(test_hostile_names),
		TEST(test_all_or_nothing),
		TEST(test_mask),
		TEST(test_link),
		TEST(test_strange_links),
		TEST(test_add),
		TEST(test_revert),
		TEST(test_no_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
