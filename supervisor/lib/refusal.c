/*
 * refusal: one message, whole or not at all.
 */
#include "lib/refusal.h"

#include <sys/socket.h>

#include "lib/buf.h"
#include "lib/json.h"

void
refusal_send(int fd, const char *error, const char *message, const char *next)
{
	struct jw *w = jw_new(JW_COMPACT);
	struct buf text = { 0 };

	jw_obj(w);
	jw_kv_obj(w, "parameters");
	jw_kv_str(w, "message", message);
	jw_kv_str(w, "next", next);
	jw_end(w);
	jw_kv_str(w, "error", error);
	jw_end(w);
	jw_take(w, &text);
	jw_free(w);
	buf_addc(&text, '\0');
	(void)send(fd, text.data, text.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	buf_free(&text);
}
