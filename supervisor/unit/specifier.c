/*
 * specifier: expands %x.  Only specifier_host_init touches the system.
 */
#include "unit/specifier.h"

#include <sys/utsname.h>

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fcntl.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/xalloc.h"
#include "unit/env.h"
#include "unit/name.h"

enum { HOST_FILE_MAX = 64 * 1024 };

/* The first line of a small file, NULL if it cannot be read or is empty. */
static char *
read_line_of(const char *path)
{
	struct buf b = { 0 };
	char *line = NULL;

	if (file_read_follow_at(AT_FDCWD, path, HOST_FILE_MAX, &b) == 0) {
		size_t n = strcspn(buf_str(&b), "\r\n");

		if (n > 0)
			line = xstrndup(buf_str(&b), n);
	}
	buf_free(&b);
	return line;
}

/* An id without its dashes. */
static char *
read_id(const char *path)
{
	char *id = read_line_of(path);
	char *to = id;

	if (id == NULL)
		return NULL;
	for (const char *p = id; *p != '\0'; p++)
		if (*p != '-')
			*to++ = *p;
	*to = '\0';
	return id;
}

static void
ask_os_release(struct specifier_host *h)
{
	static const struct {
		char letter;
		const char *name;
	} rows[] = { { 'o', "ID" }, { 'w', "VERSION_ID" }, { 'B', "BUILD_ID" },
		{ 'W', "VARIANT_ID" }, { 'A', "IMAGE_VERSION" }, { 'M', "IMAGE_ID" } };
	static const char *const paths[] = { "/etc/os-release", "/usr/lib/os-release" };
	struct strv env = { 0 };
	struct buf b = { 0 };

	for (size_t i = 0; i < 2 && b.len == 0; i++)
		if (file_read_follow_at(AT_FDCWD, paths[i], HOST_FILE_MAX, &b) == -1)
			buf_clear(&b);
	if (b.len > 0)
		env_file_parse("os-release", b.data, b.len, &env, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *v = strv_env_get(&env, rows[i].name);

		/* systemd gives an empty text, not an error, for what is not set. */
		h->value[(unsigned char)rows[i].letter] = xstrdup(v == NULL ? "" : v);
	}
	strv_free(&env);
	buf_free(&b);
}

/* systemd's names of architectures, where they differ from the kernel's. */
static const char *
architecture(const char *machine)
{
	static const struct {
		const char *kernel;
		const char *name;
	} rows[] = { { "x86_64", "x86-64" }, { "i386", "x86" }, { "i486", "x86" },
		{ "i586", "x86" }, { "i686", "x86" }, { "aarch64", "arm64" },
		{ "aarch64_be", "arm64-be" }, { "armv6l", "arm" }, { "armv7l", "arm" },
		{ "armv8l", "arm" }, { "ppc64le", "ppc64-le" } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(machine, rows[i].kernel) == 0)
			return rows[i].name;
	return machine;
}

static void
ask_kernel(struct specifier_host *h)
{
	struct strv env = { 0 };
	struct buf b = { 0 };
	const char *pretty;
	struct utsname u;

	if (uname(&u) == 0) {
		h->value['H'] = xstrdup(u.nodename);
		h->value['l'] = xstrndup(u.nodename, strcspn(u.nodename, "."));
		h->value['v'] = xstrdup(u.release);
		h->value['a'] = xstrdup(architecture(u.machine));
	}
	if (file_read_follow_at(AT_FDCWD, "/etc/machine-info", HOST_FILE_MAX, &b) == 0)
		env_file_parse("machine-info", buf_str(&b), b.len, &env, NULL);
	pretty = strv_env_get(&env, "PRETTY_HOSTNAME");
	h->value['q'] = xstrdup_opt(pretty != NULL ? pretty : h->value['H']);
	strv_free(&env);
	buf_free(&b);
	h->value['b'] = read_id("/proc/sys/kernel/random/boot_id");
	h->value['m'] = read_id("/etc/machine-id");
}

static void
ask_user(struct specifier_host *h)
{
	const struct passwd *pw = getpwuid(geteuid());
	const struct group *gr;

	h->value['U'] = xasprintf("%u", (unsigned)geteuid());
	h->value['G'] = xasprintf("%u", (unsigned)getegid());
	h->value['u'] = xstrdup(pw != NULL ? pw->pw_name : h->value['U']);
	h->value['s'] = xstrdup_opt(pw != NULL ? pw->pw_shell : NULL);
	h->value['h'] = xstrdup_opt(pw != NULL ? pw->pw_dir : getenv("HOME"));
	if (geteuid() != 0 && getenv("HOME") != NULL && *getenv("HOME") == '/') {
		free(h->value['h']);
		h->value['h'] = xstrdup(getenv("HOME"));
	}
	if (h->value['h'] == NULL)
		h->value['h'] = xstrdup("/");
	if (h->value['s'] == NULL)
		h->value['s'] = xstrdup("/bin/sh");
	gr = getgrgid(getegid());
	h->value['g'] = xstrdup(gr != NULL ? gr->gr_name : h->value['G']);
}

/* An XDG folder: the variable if it is absolute, else below the home. */
static char *
xdg(const struct specifier_host *h, const char *variable, const char *below)
{
	const char *v = getenv(variable);

	if (v != NULL && *v == '/')
		return xstrdup(v);
	return xasprintf("%s/%s", h->value['h'], below);
}

static void
ask_folders(struct specifier_host *h)
{
	const char *tmp = getenv("TMPDIR");

	h->value['T'] = xstrdup(tmp != NULL && *tmp == '/' ? tmp : "/tmp");
	h->value['V'] = xstrdup(tmp != NULL && *tmp == '/' ? tmp : "/var/tmp");
	if (geteuid() == 0) {
		h->value['t'] = xstrdup("/run");
		h->value['S'] = xstrdup("/var/lib");
		h->value['C'] = xstrdup("/var/cache");
		h->value['L'] = xstrdup("/var/log");
		h->value['E'] = xstrdup("/etc");
		h->value['D'] = xstrdup("/usr/share");
	} else {
		const char *run = getenv("XDG_RUNTIME_DIR");

		h->value['t'] = run != NULL && *run == '/'
				    ? xstrdup(run)
				    : xasprintf("/run/user/%s", h->value['U']);
		h->value['S'] = xdg(h, "XDG_STATE_HOME", ".local/state");
		h->value['C'] = xdg(h, "XDG_CACHE_HOME", ".cache");
		h->value['L'] = xasprintf("%s/log", h->value['S']);
		h->value['E'] = xdg(h, "XDG_CONFIG_HOME", ".config");
		h->value['D'] = xdg(h, "XDG_DATA_HOME", ".local/share");
	}
	h->base[DIR_RUNTIME] = h->value['t'];
	h->base[DIR_STATE] = h->value['S'];
	h->base[DIR_CACHE] = h->value['C'];
	h->base[DIR_LOGS] = h->value['L'];
	h->base[DIR_CONFIGURATION] = h->value['E'];
}

void
specifier_host_init(struct specifier_host *h)
{
	memset(h, 0, sizeof(*h));
	ask_kernel(h);
	ask_os_release(h);
	ask_user(h);
	ask_folders(h);
}

void
specifier_host_clear(struct specifier_host *h)
{
	for (size_t i = 0; i < sizeof(h->value) / sizeof(h->value[0]); i++)
		free(h->value[i]);
	free(h->credentials);
	memset(h, 0, sizeof(*h));
}

/* Appends and frees; -1 for NULL. */
static int
append_made(struct buf *out, char *made)
{
	if (made == NULL)
		return -1;
	buf_adds(out, made);
	free(made);
	return 0;
}

static const char *
last_dash_part(const char *prefix)
{
	const char *dash = strrchr(prefix, '-');

	return dash != NULL ? dash + 1 : prefix;
}

/* The specifiers of a unit.  1: done, 0: not one of these, -1: not well escaped. */
static int
expand_unit(const struct specifier *s, char letter, struct buf *out)
{
	const char *instance = s->instance != NULL ? s->instance : "";
	int r = 0;

	switch (letter) {
	case 'n':
		buf_adds(out, s->id);
		break;
	case 'N':
		r = append_made(out, unit_name_stem(s->id));
		break;
	case 'p':
		buf_adds(out, s->prefix);
		break;
	case 'P':
		r = append_made(out, unit_name_unescape(s->prefix));
		break;
	case 'i':
		buf_adds(out, instance);
		break;
	case 'I':
		r = append_made(out, unit_name_unescape(instance));
		break;
	case 'j':
		buf_adds(out, last_dash_part(s->prefix));
		break;
	case 'J':
		r = append_made(out, unit_name_unescape(last_dash_part(s->prefix)));
		break;
	case 'f':
		r = append_made(out,
		    unit_name_path_unescape(s->instance != NULL ? instance : s->prefix));
		break;
	case 'y':
		buf_adds(out, s->fragment != NULL ? s->fragment : "");
		break;
	case 'Y':
		if (s->fragment != NULL && strrchr(s->fragment, '/') != NULL)
			buf_append(out, s->fragment,
			    (size_t)(strrchr(s->fragment, '/') - s->fragment));
		break;
	case 'd':
		buf_addf(out, "%s/%s",
		    s->host->credentials != NULL ? s->host->credentials
						 : "/run/credentials",
		    s->id);
		break;
	default:
		return 0;
	}
	return r == -1 ? -1 : 1;
}

/*
 * "%Y/..", at which p is behind the letter: the folder above, by its name.  That of a
 * project whose unit files are in units/ has no specifier of its own, and paths of
 * conditions and globs may have no ".." in them.  Returns what is left of p.
 */
static const char *
fold_parent(struct buf *out, size_t start, const char *p)
{
	size_t at = out->len;

	if (strncmp(p, "/..", 3) != 0 || (p[3] != '/' && p[3] != '\0' && p[3] != ' '))
		return p;
	while (at > start && out->data[at - 1] != '/')
		at--;
	if (at <= start + 1)
		return p;
	buf_truncate(out, at - 1);
	return p + 3;
}

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int
specifier_expand(const struct specifier *s, const char *text, struct buf *out,
    const char **bad, const char **why)
{
	const char *p = text;

	for (;;) {
		const char *percent = strchr(p, '%');
		size_t start;
		char letter;
		int r;

		if (percent == NULL) {
			buf_adds(out, p);
			return 0;
		}
		buf_append(out, p, (size_t)(percent - p));
		letter = percent[1];
		if (letter == '%' || !is_alnum(letter)) {
			/* "%%" is one; before anything else it means itself. */
			buf_addc(out, '%');
			p = percent + 1 + (letter == '%');
			continue;
		}
		start = out->len;
		r = expand_unit(s, letter, out);
		if (out->len > UNIT_LINE_MAX) {
			*bad = percent;
			*why = "the value becomes longer than 1 MiB";
			return -1;
		}
		if (r == 0 && s->host->value[(unsigned char)letter] != NULL) {
			buf_adds(out, s->host->value[(unsigned char)letter]);
			r = 1;
		}
		if (r != 1) {
			*bad = percent;
			*why = r == -1
				   ? "the name is not escaped as this specifier needs it"
			       : strchr("bmqHlva", letter) != NULL
				   ? "this host has no value for the specifier"
				   : "no such specifier";
			return -1;
		}
		p = percent + 2;
		if (letter == 'Y')
			p = fold_parent(out, start, p);
	}
}
