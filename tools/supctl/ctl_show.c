/* ctl_show: what commands print, and how it is written (see ctl.h). */
#include "ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"

/* ---- output ---- */

void
ctl_printf(struct ctl *ctl, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&ctl->out, fmt, ap);
	va_end(ap);
}

void
ctl_put(struct ctl *ctl, const char *text)
{
	if (ctl->raw)
		buf_adds(&ctl->out, text);
	else
		utf8_escape_buf(&ctl->out, text, strlen(text));
}

bool
ctl_colour(const struct ctl *ctl)
{
	return ctl->colour == 1;
}

void
ctl_style(struct ctl *ctl, enum style style, const char *text)
{
	text_styled(&ctl->out, ctl_colour(ctl), style, text);
}

void
ctl_columns(struct ctl *ctl, const struct columns *t, bool head)
{
	columns_write(t, &ctl->out, ctl->width, ctl_colour(ctl), head);
}

struct jw *
ctl_json_new(const struct ctl *ctl)
{
	return jw_new(ctl->out_tty ? JW_PRETTY : JW_COMPACT);
}

void
ctl_json_take(struct ctl *ctl, struct jw *w)
{
	jw_take(w, &ctl->out);
	jw_free(w);
	if (ctl->out.len > 0 && ctl->out.data[ctl->out.len - 1] != '\n')
		buf_addc(&ctl->out, '\n');
}

void
ctl_json(struct ctl *ctl, const struct jv *v)
{
	struct jw *w = ctl_json_new(ctl);

	jv_write(v, w);
	ctl_json_take(ctl, w);
}

bool
ctl_flush(struct ctl *ctl)
{
	if (ctl->out.len > 0 && !ctl->out_failed &&
	    full_write(STDOUT_FILENO, ctl->out.data, ctl->out.len) == -1) {
		ctl->out_failed = true;
		if (errno != EPIPE)
			ctl_warn(ctl, "writing: %s", strerror(errno));
	}
	buf_clear(&ctl->out);
	return !ctl->out_failed;
}

void
ctl_say(struct ctl *ctl, const char *fmt, ...)
{
	char *text;
	va_list ap;

	if (!ctl->out_tty || ctl->quiet || ctl->json)
		return;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	utf8_escape_buf(&ctl->out, text, strlen(text));
	buf_addc(&ctl->out, '\n');
	free(text);
}

static void
put_stderr(const char *prefix, const char *text)
{
	struct buf line = { 0 };

	buf_adds(&line, prefix);
	utf8_escape_buf(&line, text, strlen(text));
	buf_addc(&line, '\n');
	/* Where stderr cannot be written there is nobody to tell. */
	(void)full_write(STDERR_FILENO, line.data, line.len);
	buf_free(&line);
}

void
ctl_warn(struct ctl *ctl, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	if (ctl->out.len > 0)
		ctl_flush(ctl);
	put_stderr("supctl: ", text);
	free(text);
}

void
ctl_note(struct ctl *ctl, const char *head, const char *text)
{
	if (ctl->out.len > 0)
		ctl_flush(ctl);
	put_stderr(head, text);
}

int
ctl_fail(
    struct ctl *ctl, int code, const char *error, const char *next, const char *fmt, ...)
{
	struct jw *w;
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	if (ctl->lsb && (code == CTL_NO_UNIT || code == CTL_DOWN || code == CTL_TIMEOUT))
		code = CTL_UNKNOWN;
	if (ctl->json) {
		w = ctl_json_new(ctl);
		jw_obj(w);
		jw_kv_str(w, "error", error);
		jw_kv_str(w, "message", text);
		jw_kv_str(w, "next", next);
		jw_kv_i64(w, "exit_code", code);
		jw_end(w);
		ctl_json_take(ctl, w);
	}
	ctl_warn(ctl, "%s", text);
	if (next != NULL && *next != '\0')
		put_stderr("  next: ", next);
	free(text);
	return code;
}

/* ---- how things are shown ---- */

char *
ctl_time(char *dst, size_t size, const char *utc)
{
	uint64_t us;
	char *t;

	if (utc == NULL || clock_parse(utc, &us) == -1) {
		snprintf(dst, size, "%s", utc == NULL ? "-" : utc);
		return dst;
	}
	clock_format_local(dst, size, us);
	t = strchr(dst, 'T');
	if (t != NULL)
		*t = ' ';
	return dst;
}

uint64_t
ctl_age_us(const char *utc)
{
	uint64_t now = clock_wall_us();
	uint64_t us;

	if (utc == NULL || clock_parse(utc, &us) == -1 || us > now)
		return 0;
	return now - us;
}

char *
ctl_bytes(char *dst, size_t size, int64_t bytes)
{
	static const char units[] = "BKMGTP";
	double v = (double)bytes;
	size_t i = 0;

	while (v >= 1024 && units[i + 1] != '\0') {
		v /= 1024;
		i++;
	}
	snprintf(dst, size, i == 0 || v >= 100 ? "%.0f%c" : "%.1f%c", v, units[i]);
	return dst;
}

enum style
ctl_state_style(const char *state)
{
	if (strcmp(state, "active") == 0)
		return STYLE_GREEN;
	if (strcmp(state, "failed") == 0)
		return STYLE_RED;
	if (strcmp(state, "inactive") == 0)
		return STYLE_NONE;
	return STYLE_YELLOW;
}

const char *
ctl_state_dot(const struct ctl *ctl, const char *state)
{
	if (strcmp(state, "failed") == 0)
		return ctl->utf8 ? "×" : "x";
	if (strcmp(state, "inactive") == 0)
		return ctl->utf8 ? "○" : "o";
	if (strcmp(state, "active") == 0)
		return ctl->utf8 ? "●" : "*";
	return ctl->utf8 ? "◐" : "~";
}
