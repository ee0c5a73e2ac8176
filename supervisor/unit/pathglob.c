#include "unit/pathglob.h"

#include <sys/stat.h>

#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/strv.h"
#include "lib/xalloc.h"

enum {
	BRACES_MAX = 256, /* patterns that one can mean */
	PARTS_MAX = 128,  /* folders deep */
};

/* ---- braces ---------------------------------------------------------------------- */

/* The brace that closes the one at p, or NULL. */
static const char *
closing(const char *p)
{
	unsigned depth = 0;

	for (; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '{')
			depth++;
		else if (*p == '}' && --depth == 0)
			return p;
	}
	return NULL;
}

static const char *
alternative_end(const char *p, const char *end)
{
	unsigned depth = 0;

	for (; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == '{')
			depth++;
		else if (*p == '}')
			depth--;
		else if (*p == ',' && depth == 0)
			break;
	}
	return p;
}

void
pathglob_braces(const char *pattern, struct strv *out)
{
	struct strv todo = { 0 };

	strv_add(&todo, pattern);
	/* Each turn opens the first brace of one; what is too much is left out. */
	while (todo.n > 0 && out->n < BRACES_MAX && todo.n < BRACES_MAX) {
		char *one = xstrdup(todo.v[0]);
		const char *open = one, *end, *at, *to;

		strv_remove_at(&todo, 0);
		for (; *open != '\0' && *open != '{'; open++)
			if (*open == '\\' && open[1] != '\0')
				open++;
		end = *open == '{' ? closing(open) : NULL;
		if (end == NULL) {
			strv_take(out, one);
			continue;
		}
		for (at = open + 1; at <= end; at = to + 1) {
			to = alternative_end(at, end);
			strv_addf(&todo, "%.*s%.*s%s", (int)(open - one), one,
			    (int)(to - at), at, end + 1);
		}
		free(one);
	}
	strv_free(&todo);
}

/* ---- wildcards -------------------------------------------------------------------- */

struct walk {
	pathglob_guard *guard;
	void *arg;
	struct buf *path;
	bool kept;
};

static bool
may(struct walk *w, bool follow)
{
	if (w->guard == NULL || w->guard(w->arg, buf_str(w->path), follow))
		return true;
	w->kept = true;
	return false;
}

static bool
is_wild(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\\')
			i++;
		else if (p[i] == '*' || p[i] == '?' || p[i] == '[')
			return true;
	}
	return false;
}

bool
pathglob_is_wild(const char *pattern)
{
	return is_wild(pattern, strlen(pattern));
}

static bool walk(struct walk *w, const char *rest, unsigned deep);

static void
add_part(struct buf *path, const char *part, size_t n, bool unescape)
{
	buf_addc(path, '/');
	for (size_t i = 0; i < n; i++) {
		if (unescape && part[i] == '\\' && i + 1 < n)
			i++;
		buf_addc(path, part[i]);
	}
}

/* One folder below the path so far. */
static bool
walk_folder(struct walk *w, const char *part, size_t n, const char *rest, unsigned deep)
{
	char *pattern = xstrndup(part, n);
	size_t len = w->path->len;
	bool found = false;
	struct dirent *e;
	DIR *d;

	d = may(w, true) ? opendir(len == 0 ? "/" : buf_str(w->path)) : NULL;
	while (d != NULL && !found && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    fnmatch(pattern, e->d_name, FNM_PERIOD) != 0)
			continue;
		add_part(w->path, e->d_name, strlen(e->d_name), false);
		found = walk(w, rest, deep + 1);
		if (!found)
			buf_truncate(w->path, len);
	}
	if (d != NULL)
		closedir(d);
	free(pattern);
	return found;
}

/* rest: what is still to be met below the path. */
static bool
walk(struct walk *w, const char *rest, unsigned deep)
{
	struct stat st;
	size_t n;

	for (rest += strspn(rest, "/"); *rest != '\0';
	     rest += n + strspn(rest + n, "/")) {
		n = strcspn(rest, "/");
		if (deep >= PARTS_MAX)
			return false;
		if (is_wild(rest, n))
			return walk_folder(w, rest, n, rest + n, deep);
		add_part(w->path, rest, n, true);
	}
	/* A link is there, wherever it leads. */
	return may(w, false) &&
	       lstat(w->path->len == 0 ? "/" : buf_str(w->path), &st) == 0;
}

int
pathglob_any(const char *pattern, pathglob_guard *guard, void *arg, struct buf *match)
{
	struct walk w = { .guard = guard, .arg = arg, .path = match };
	struct strv all = { 0 };
	bool found = false;

	pathglob_braces(pattern, &all);
	for (size_t i = 0; i < all.n && !found; i++) {
		buf_clear(match);
		found = walk(&w, all.v[i], 0);
	}
	if (found && match->len == 0)
		buf_adds(match, "/");
	strv_free(&all);
	return found ? 1 : w.kept ? -1 : 0;
}
