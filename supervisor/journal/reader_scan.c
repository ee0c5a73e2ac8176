/*
 * reader_scan: which files hold what a reader asks for.  The days are gone through in
 * order, and each file of a day goes to the chains of the names that it may be of.
 */
#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "journal/layout.h"
#include "journal/reader_int.h"
#include "lib/fdio.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"

bool
reader_is_glob(const char *s)
{
	return strpbrk(s, "*?[") != NULL;
}

static struct chain *
chain_get(struct reader *r, const char *name, bool exact)
{
	struct chain *c = map_get(&r->by_name, name);

	if (c != NULL)
		return c;
	c = xcalloc(1, sizeof(*c));
	c->name = xstrdup(name);
	c->exact = exact;
	map_set(&r->by_name, name, c);
	r->chains = xreallocarray(r->chains, r->nchains + 1, sizeof(struct chain *));
	r->chains[r->nchains++] = c;
	return c;
}

static bool
chain_has(const struct chain *c, const char *day, const struct layout_file *lf)
{
	for (size_t i = c->nfiles; i-- > 0;)
		if (strcmp(c->files[i].day, day) == 0 &&
		    strcmp(c->files[i].lf.ref, lf->ref) == 0)
			return true; /* compressed since is not new */
	return false;
}

/* One of those that were asked for, maybe under the name that it took because its own was
 * taken (REF.N). */
static bool
is_asked_for(const struct reader *r, const char *name, const char *ref)
{
	for (size_t i = 0; i < r->logs.n; i++) {
		const char *space = strchr(r->logs.v[i], ' ');
		size_t n = space == NULL ? 0 : (size_t)(space - r->logs.v[i]);

		if (n > 0 && strcmp(space + 1, name) == 0 &&
		    strncmp(ref, r->logs.v[i], n) == 0 &&
		    (ref[n] == '\0' || ref[n] == '.'))
			return true;
	}
	return r->logs.n == 0;
}

static void
chain_add(struct reader *r, struct chain *c, const char *day, const char *file,
    const struct layout_file *lf)
{
	struct file *f;

	if (r->ref != NULL && strcmp(r->ref, lf->ref) != 0)
		return;
	if (!is_asked_for(r, c->name, lf->ref))
		return;
	if (r->rescans && chain_has(c, day, lf))
		return;
	c->files = xreallocarray(c->files, c->nfiles + 1, sizeof(*c->files));
	f = &c->files[c->nfiles++];
	memset(f, 0, sizeof(*f));
	strlcpy(f->day, day, sizeof(f->day));
	strlcpy(f->name, file, sizeof(f->name));
	f->lf = *lf;
}

static void
consider(struct reader *r, const char *day, const char *file)
{
	struct layout_file lf;

	for (size_t i = 0; i < r->names.n; i++)
		if (!reader_is_glob(r->names.v[i]) &&
		    layout_file_is_of(file, r->names.v[i], &lf))
			chain_add(r, chain_get(r, r->names.v[i], true), day, file, &lf);
	if (!r->globs || !layout_parse_file(file, &lf) ||
	    strv_contains(&r->names, lf.name))
		return;
	if (r->names.n == 0) {
		chain_add(r, chain_get(r, lf.name, false), day, file, &lf);
		return;
	}
	for (size_t i = 0; i < r->names.n; i++)
		if (reader_is_glob(r->names.v[i]) &&
		    fnmatch(r->names.v[i], lf.name, FNM_NOESCAPE) == 0) {
			chain_add(r, chain_get(r, lf.name, false), day, file, &lf);
			return;
		}
}

static void
scan_day(struct reader *r, const char *day)
{
	char path[LAYOUT_PATH_MAX];
	DIR *dir = dir_open_at(r->root_fd, layout_day_dir(path, sizeof(path), day));
	struct dirent *de;

	if (dir == NULL)
		return;
	while ((de = readdir(dir)) != NULL)
		if (de->d_type == DT_REG || de->d_type == DT_UNKNOWN)
			consider(r, day, de->d_name);
	closedir(dir);
}

static void
list_days(int root_fd, struct strv *days)
{
	DIR *dir = dir_open_at(root_fd, "journal");
	struct dirent *de;

	if (dir == NULL)
		return;
	while ((de = readdir(dir)) != NULL)
		if (strlen(de->d_name) == LAYOUT_DAY_LEN &&
		    layout_day_is_valid(de->d_name))
			strv_add(days, de->d_name);
	closedir(dir);
	strv_sort(days);
}

static int
file_cmp(const void *a, const void *b)
{
	const struct file *x = a, *y = b;
	int r = strcmp(x->day, y->day);

	if (r == 0)
		r = layout_ref_cmp(x->lf.ref, y->lf.ref);
	return r != 0 ? r : (int)x->lf.compressed - (int)y->lf.compressed;
}

/* A file that was being compressed when the power went is there twice: the plain one is
 * whole. */
static void
drop_twins(struct chain *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->nfiles; i++) {
		if (n > 0 && strcmp(c->files[n - 1].day, c->files[i].day) == 0 &&
		    strcmp(c->files[n - 1].lf.ref, c->files[i].lf.ref) == 0)
			continue;
		c->files[n++] = c->files[i];
	}
	c->nfiles = n;
}

static void
scan_days(struct reader *r)
{
	struct strv days = { 0 };

	list_days(r->root_fd, &days);
	for (size_t i = 0; i < days.n; i++)
		if (r->day == NULL || strcmp(r->day, days.v[i]) == 0)
			scan_day(r, days.v[i]);
	strv_free(&days);
}

void
reader_scan(struct reader *r)
{
	scan_days(r);
	for (size_t i = 0; i < r->nchains; i++) {
		struct chain *c = r->chains[i];

		/* (qsort takes no NULL, not even of nothing.) */
		if (c->nfiles == 0)
			continue;
		qsort(c->files, c->nfiles, sizeof(*c->files), file_cmp);
		drop_twins(c);
	}
}

void
reader_rescan(struct reader *r)
{
	r->rescans = true;
	for (size_t i = 0; i < r->nchains; i++)
		r->chains[i]->known = r->chains[i]->nfiles;
	scan_days(r);
	for (size_t i = 0; i < r->nchains; i++) {
		struct chain *c = r->chains[i];

		if (c->nfiles > c->known)
			qsort(c->files + c->known, c->nfiles - c->known,
			    sizeof(*c->files), file_cmp);
	}
}
