/*
 * ask: see the header.
 */
#include "terminal/ask.h"

#include <sys/mman.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "terminal/attach.h"
#include "terminal/input.h"
#include "terminal/peers.h"
#include "terminal/session.h"
#include "terminal/state.h"

static void
put_screen(struct jw *w, struct session *s, bool ansi)
{
	struct screen_look look;
	struct buf text = { 0 };

	session_screen_look(s, &look);
	jw_kv_u64(w, "rows", look.rows);
	jw_kv_u64(w, "cols", look.cols);
	jw_kv_obj(w, "cursor");
	jw_kv_u64(w, "row", look.cursor_row);
	jw_kv_u64(w, "col", look.cursor_col);
	jw_kv_bool(w, "visible", look.cursor_visible);
	jw_end(w);
	jw_kv_bool(w, "alternate", look.alternate);
	jw_kv_bool(w, "bracketed_paste", look.bracketed_paste);
	jw_kv_str(w, "title", look.title);
	jw_kv_u64(w, "changes", look.changes);
	jw_kv_u64(w, "viewers", attach_count(s));
	jw_kv_arr(w, "lines");
	for (uint16_t row = 0; row < look.rows; row++) {
		buf_clear(&text);
		screen_row(session_screen(s), row, &text);
		jw_strn(w, text.data, text.len);
	}
	jw_end(w);
	if (ansi) {
		buf_clear(&text);
		screen_coloured(session_screen(s), &text);
		jw_kv_strn(w, "ansi", text.data, text.len);
	}
	buf_free(&text);
}

static int
as_memfd(const struct buf *text)
{
	int fd = memfd_create("screen", MFD_CLOEXEC);

	if (fd != -1 && full_write(fd, text->data, text->len) == -1)
		fd_close(&fd);
	return fd;
}

void
ask_answer(struct terminal *t, const struct msg_term_ask *q)
{
	struct session *s = session_get(t, q->slot);
	struct buf text = { 0 };
	struct jw *w;
	struct msg m;

	if (q->what == TERM_ASK_TAKEN) {
		if (s != NULL)
			input_ask(s);
		else
			input_no_session(t, q->slot, TERM_TAKEN_LOST);
		return;
	}
	if (q->what == TERM_ASK_LOOK && s != NULL) {
		session_catch_up(s);
		session_look_whole(s);
		peers_report_now(s);
	}
	w = jw_new(JW_COMPACT);
	jw_obj(w);
	if (s != NULL && q->what != TERM_ASK_LOOK)
		put_screen(w, s, q->what == TERM_ASK_ANSI);
	jw_end(w);
	jw_take(w, &text);
	jw_free(w);
	msg_init(&m, MSG_TERM_ANSWER);
	m.u.TERM_ANSWER.id = q->id;
	m.u.TERM_ANSWER.err = s == NULL ? ENOENT : 0;
	m.u.TERM_ANSWER.size = text.len;
	m.fds[0] = as_memfd(&text);
	m.nfds = 1;
	buf_free(&text);
	if (m.fds[0] == -1)
		return; /* it asks again, or its time is over */
	peers_answer(t, &m);
}
