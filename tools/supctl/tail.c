/* tail: see the header. */
#include "tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

#include "journal/lines.h"
#include "lib/fdio.h"
#include "lib/strv.h"
#include "lib/utf8.h"

enum { SHOWN_MAX = 4096 }; /* bytes of one line */

static void
put_line(struct ctl *ctl, const char *s)
{
	size_t n = strlen(s);
	size_t shown = n > SHOWN_MAX ? utf8_head(s, n, SHOWN_MAX) : n;
	struct buf text = { 0 };

	if (ctl->raw)
		buf_append(&text, s, shown);
	else
		utf8_escape_buf(&text, s, shown);
	if (ctl->width > 0 && text_width(buf_str(&text), text.len) > ctl->width) {
		buf_truncate(&text, text_fit(buf_str(&text), text.len, ctl->width - 1));
		shown = 0;
	}
	buf_append(&ctl->out, buf_str(&text), text.len);
	ctl_printf(ctl, "%s\n", shown < n ? "…" : "");
	buf_free(&text);
}

bool
tail_missing(const struct ctl *ctl, const char *path)
{
	char *full = ctl_path(ctl, path);
	bool missing = access(full, F_OK) == -1 && errno == ENOENT;

	free(full);
	return missing;
}

int
tail_read(const struct ctl *ctl, const char *path, size_t n, struct strv *out)
{
	struct lines *f = NULL;
	char *full = ctl_path(ctl, path);
	const char *s;
	size_t len;
	int r = 0;
	int fd = open_at(AT_FDCWD, full, O_RDONLY | O_NONBLOCK, 0);

	free(full);
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	f = lines_new_take_fd(fd, false);
	if (f == NULL)
		return -1;
	while (n-- > 0 && (r = lines_prev(f, &s, &len)) == 1) {
		struct buf text = { 0 };

		/* Here, as a string cannot hold NUL; escaping again changes nothing. */
		if (ctl->raw)
			buf_append(&text, s, len);
		else
			utf8_escape_buf(&text, s, len);
		strv_add(out, buf_str(&text));
		buf_free(&text);
	}
	lines_free(f);
	return r == -1 ? -1 : 0;
}

void
tail_put(struct ctl *ctl, const char *path, size_t n)
{
	struct strv found = { 0 };
	int r = tail_read(ctl, path, n, &found);

	if (found.n > 0)
		ctl_printf(ctl, "\n");
	while (found.n > 0) {
		put_line(ctl, found.v[found.n - 1]);
		strv_remove_at(&found, found.n - 1);
	}
	if (r == -1)
		ctl_printf(ctl, "  (the log cannot be read: %s)\n", strerror(errno));
	strv_free(&found);
}
