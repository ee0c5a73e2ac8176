/*
 * reader_follow: what a reader that follows must hear of.  New files come by the folders;
 * and a file that is being read may be taken away and made again, alone or with the
 * folders above it, and then goes on at the same place as another one.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "journal/layout.h"
#include "journal/lines.h"
#include "journal/reader_int.h"
#include "journal/watch.h"

bool
reader_keeps_open(const struct reader *r, const struct chain *c, size_t i)
{
	return r->q.follow && i + READER_KEEP_OPEN >= c->nfiles;
}

char *
reader_file_path(char *dst, size_t size, const struct file *f)
{
	char dir[LAYOUT_PATH_MAX];

	snprintf(dst, size, "%s/%s", layout_day_dir(dir, sizeof(dir), f->day), f->name);
	return dst;
}

void
reader_watch_journal(struct reader *r)
{
	/* Each time: what was watched may have been removed and made again. */
	if (!watch_dir(r->watch, r->root_fd, "journal")) {
		/* Before anything was ever logged: wait for the journal itself. */
		watch_dir(r->watch, r->root_fd, ".");
		watch_dir(r->watch, r->root_fd, "journal");
	}
	watch_dir(r->watch, r->root_fd, "journal/health");
}

static void
watch_day(struct reader *r, const char *day)
{
	char path[LAYOUT_PATH_MAX];

	/* From the outside in, so that nothing appears between two steps. */
	snprintf(path, sizeof(path), "journal/%s", day);
	if (watch_dir(r->watch, r->root_fd, path))
		watch_dir(r->watch, r->root_fd, layout_day_dir(path, sizeof(path), day));
}

void
reader_watch_files(struct reader *r)
{
	const char *last = "";

	for (size_t n = 0; n < r->nchains; n++) {
		struct chain *c = r->chains[n];

		for (size_t i = c->nfiles; i-- > 0 && reader_keeps_open(r, c, i);) {
			struct file *f = &c->files[i];

			if (strcmp(f->day, last) != 0)
				watch_day(r, f->day);
			last = f->day;
			/* What is compressed does not grow: it was read to its end. */
			if (f->lf.compressed)
				continue;
			f->look = true;
			f->failed = f->failed && f->lines != NULL;
		}
	}
}

bool
reader_file_goes_on(struct reader *r, struct file *f)
{
	char path[LAYOUT_PATH_MAX + LAYOUT_FILE_MAX];
	struct stat st;

	if (f->replaced) {
		f->replaced = false;
		lines_free(f->lines);
		f->lines = NULL;
		return true;
	}
	if (!f->look)
		return false;
	f->look = false;
	f->replaced = fstatat(r->root_fd, reader_file_path(path, sizeof(path), f), &st,
			  AT_SYMLINK_NOFOLLOW) == 0 &&
		      S_ISREG(st.st_mode) && !lines_is_file(f->lines, &st);
	return f->replaced;
}
