/*
 * Tests of install/preset: which line of which file holds, what is no line, and what the
 * files make of a system.
 */
#include "install_rig.h"

static const char *
verdict(struct rig *r, const char *name)
{
	struct presets *p;
	char *why;

	diags_clear(&r->d);
	diags_init(&r->d);
	p = presets_load(r->paths, &r->d);
	buf_clear(&r->links);
	buf_adds(&r->links, preset_verdict_name(presets_ask(p, name, NULL, &why)));
	if (why != NULL)
		buf_addf(&r->links, " %s", why + strlen(r->root) + 1);
	free(why);
	presets_free(p);
	return buf_str(&r->links);
}

/* By the names of files, whichever folder they are in; of one name the highest counts. */
static void
test_order(void **state)
{
	struct rig *r = *state;

	assert_string_equal(verdict(r, "a.service"), "enable");
	put(r, LIB "-preset/90-all.preset", "disable *\n");
	assert_string_equal(
	    verdict(r, "a.service"), "disable " LIB "-preset/90-all.preset:1");
	put(r, ETC "-preset/95-late.preset", "enable a.service\n");
	assert_string_equal(
	    verdict(r, "a.service"), "disable " LIB "-preset/90-all.preset:1");
	put(r, LIB "-preset/50.preset", "enable a.*\n");
	assert_string_equal(verdict(r, "a.service"), "enable " LIB "-preset/50.preset:1");
	put(r, ETC "-preset/50.preset", "# another\n\n; one\n  ignore\ta.service  \n");
	assert_string_equal(verdict(r, "a.service"), "ignore " ETC "-preset/50.preset:4");
	assert_string_equal(
	    verdict(r, "b.service"), "disable " LIB "-preset/90-all.preset:1");
	/* Hidden by an empty one, and by a link to /dev/null. */
	put(r, RUN "-preset/90-all.preset", "");
	assert_string_equal(verdict(r, "b.service"), "enable");
	assert_int_equal(unlinkat(r->fd, RUN "-preset/90-all.preset", 0), 0);
	put_link(r, ETC "-preset/90-all.preset", "/dev/null");
	assert_string_equal(verdict(r, "b.service"), "enable");
	/* Other files are none. */
	put(r, ETC "-preset/1.conf", "disable *\n");
	put(r, ETC "-preset/.1.preset", "disable *\n");
	put(r, ETC "-preset/1.preset~", "disable *\n");
	put(r, ETC "/1.preset", "disable *\n");
	assert_string_equal(verdict(r, "b.service"), "enable");
	assert_int_equal(r->d.n, 0);
}

static void
test_patterns(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} cases[] = {
		{ "*", "a.service", true },
		{ "*.service", "a.socket", false },
		{ "a?.service", "ab.service", true },
		{ "a?.service", "a.service", false },
		{ "[ab].service", "b.service", true },
		{ "[!ab].service", "b.service", false },
		{ "t@*.service", "t@x.service", true },
		{ "t@*.service", "t@.service", true },
		{ "t@.service", "t@x.service", false },
		{ "A.service", "a.service", false },
		{ "[a.service", "[a.service", true },
		{ "a\\x2db.service", "a\\x2db.service", true },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = xasprintf("disable %s\n", cases[i].pattern);
		bool got;

		put(r, ETC "-preset/1.preset", text);
		got = strncmp(verdict(r, cases[i].name), "disable", 7) == 0;
		if (got != cases[i].matches)
			fail_msg("%s and %s", cases[i].pattern, cases[i].name);
		free(text);
	}
}

/* What is no line is told with its place, and the others hold. */
static void
test_wrong_lines(void **state)
{
	static const char text[] = "enabel a.service\n"
				   "disable\n"
				   "ENABLE a.service\n"
				   "disable a.service x\n"
				   "enable a.service x\n"
				   "disable t@.service x\n"
				   "ignore a.service\n";
	struct rig *r = *state;

	put(r, ETC "-preset/1.preset", text);
	assert_string_equal(verdict(r, "a.service"), "ignore " ETC "-preset/1.preset:7");
	assert_int_equal(r->d.n, 6);
	for (size_t i = 0; i < r->d.n; i++) {
		assert_int_equal(r->d.v[i].line, i + 1);
		assert_int_equal(r->d.v[i].level, DIAG_WARNING);
		assert_non_null(strstr(r->d.v[i].file, "1.preset"));
	}
	/* The last line needs no end; ends of lines of other systems are blanks. */
	put(r, ETC "-preset/1.preset", "disable b.service\r\ndisable a.service");
	assert_string_equal(verdict(r, "a.service"), "disable " ETC "-preset/1.preset:2");
	assert_string_equal(verdict(r, "b.service"), "disable " ETC "-preset/1.preset:1");
}

static void
test_instances(void **state)
{
	struct rig *r = *state;

	service(r, LIB "/t@.service", "WantedBy=x.target\n");
	put(r, ETC "-preset/1.preset", "enable t@.service one two\ndisable *\n");
	assert_int_equal(run(r, INSTALL_PRESET, "t@.service"), 0);
	assert_string_equal(links(r),
	    ETC "/x.target.wants/t@one.service -> /" LIB "/t@.service\n" ETC
		"/x.target.wants/t@two.service -> /" LIB "/t@.service\n");
	assert_int_equal(run(r, INSTALL_ENABLE, "t@three.service"), 0);
	assert_int_equal(run(r, INSTALL_PRESET, "t@one.service t@three.service"), 0);
	assert_null(strstr(links(r), "three"));
	assert_non_null(strstr(links(r), "one"));
}

static void
test_requests(void **state)
{
	struct rig *r = *state;

	service(r, LIB "/on.service", "WantedBy=x.target\nAlias=on2.service\n");
	service(r, LIB "/off.service", "WantedBy=x.target\n");
	service(r, LIB "/kept.service", "WantedBy=x.target\n");
	service(r, LIB "/masked.service", "WantedBy=x.target\n");
	put_link(r, ETC "/masked.service", "/dev/null");
	put_link(r, LIB "/vendor.service", "on.service");
	put(r, ETC "-preset/1.preset",
	    "enable on*\ndisable off.service\nignore kept.service\ndisable vendor*\n");
	assert_int_equal(run(r, INSTALL_ENABLE, "off.service kept.service"), 0);

	assert_int_equal(preset_mode_find("enable-only"), PRESET_ENABLE_ONLY);
	assert_int_equal(preset_mode_find("no"), -1);
	install_clear(&r->in);
	install_begin(&r->in, r->paths, &r->d);
	assert_int_equal(install_preset_all(&r->in, PRESET_ENABLE_ONLY), 0);
	assert_non_null(strstr(links(r), "x.target.wants/on.service"));
	assert_non_null(strstr(links(r), "x.target.wants/off.service"));
	assert_int_equal(run(r, INSTALL_DISABLE, "on.service"), 0);
	install_clear(&r->in);
	install_begin(&r->in, r->paths, &r->d);
	assert_int_equal(install_preset_all(&r->in, PRESET_DISABLE_ONLY), 0);
	assert_null(strstr(links(r), "x.target.wants/on.service"));
	assert_null(strstr(links(r), "x.target.wants/off.service"));
	assert_non_null(strstr(links(r), "x.target.wants/kept.service"));
	assert_int_equal(run(r, INSTALL_PRESET_ALL, ""), 0);
	assert_string_equal(links(r), ETC
	    "/masked.service -> /dev/null\n" ETC "/on2.service -> /" LIB
	    "/on.service\n" ETC "/x.target.wants/kept.service -> /" LIB
	    "/kept.service\n" ETC "/x.target.wants/on.service -> /" LIB "/on.service\n");
}

/* A file that cannot be read may say no: nothing is enabled because of that. */
static void
test_unreadable(void **state)
{
	static const enum install_verb verbs[] = { INSTALL_PRESET, INSTALL_PRESET_ALL };
	struct rig *r = *state;

	service(r, LIB "/a.service", "WantedBy=x.target\n");
	assert_int_equal(mkdir_p_at(r->fd, ETC "-preset/1.preset", 0755), 0);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		assert_int_equal(run(r, verbs[i], "a.service"), -1);
		assert_true(told(r, "1.preset", "cannot be read"));
		assert_string_equal(links(r), "");
	}
	assert_int_equal(unlinkat(r->fd, ETC "-preset/1.preset", AT_REMOVEDIR), 0);
	put_link(r, ETC "-preset/1.preset", "/nowhere");
	assert_int_equal(run(r, INSTALL_PRESET, "a.service"), 0);
	assert_non_null(strstr(links(r), "a.service"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_order),
		TEST(test_patterns),
		TEST(test_wrong_lines),
		TEST(test_instances),
		TEST(test_requests),
		TEST(test_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
