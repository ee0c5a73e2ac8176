#include "manager/service/busname.h"

#include <sys/un.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"

#define SYSTEM_BUS "unix:path=/run/dbus/system_bus_socket"
#define BUS "org.freedesktop.DBus"

enum {
	TYPE_CALL = 1,
	TYPE_RETURN = 2,
	TYPE_ERROR = 3,
	FIELD_PATH = 1,
	FIELD_INTERFACE = 2,
	FIELD_MEMBER = 3,
	FIELD_REPLY_SERIAL = 5,
	FIELD_DESTINATION = 6,
	FIELD_SIGNATURE = 8,
	SERIAL_HELLO = 1,
	SERIAL_ASK = 2,
	HEAD = 16, /* bytes before the fields */
};

/* ---- where ------------------------------------------------------------------- */

/* "unix:path=/a/b,guid=…": the first address that is a path, or a name without one. */
int
busname_address(struct sockaddr_un *sa, socklen_t *len, char *where, size_t size)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	const char *a = getenv(
	    geteuid() == 0 ? "DBUS_SYSTEM_BUS_ADDRESS" : "DBUS_SESSION_BUS_ADDRESS");
	size_t n, at;
	bool abstract;

	if (a != NULL && *a != '\0')
		snprintf(where, size, "%s", a);
	else if (geteuid() == 0)
		snprintf(where, size, "%s", SYSTEM_BUS);
	else
		snprintf(where, size, "unix:path=%s/bus", dir != NULL ? dir : "");
	abstract = strncmp(where, "unix:abstract=", 14) == 0;
	if (!abstract && strncmp(where, "unix:path=/", 11) != 0)
		return -1;
	a = strchr(where, '=') + 1;
	n = strcspn(a, ",;");
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	at = abstract ? 1 : 0;
	if (n == 0 || n + at >= sizeof(sa->sun_path))
		return -1;
	memcpy(sa->sun_path + at, a, n);
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + at + n +
			   (abstract ? 0 : 1));
	return 0;
}

/* ---- the question ------------------------------------------------------------ */

static void
put_u32(struct buf *b, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		buf_addc(b, (char)(v >> 8 * i));
}

static void
put_padding(struct buf *b, size_t start, size_t to)
{
	while ((b->len - start) % to != 0)
		buf_addc(b, '\0');
}

static void
put_text(struct buf *b, const char *s)
{
	put_u32(b, (uint32_t)strlen(s));
	buf_append(b, s, strlen(s) + 1);
}

static void
put_field(struct buf *b, size_t start, int field, char type, const char *s)
{
	put_padding(b, start, 8);
	buf_addc(b, (char)field);
	buf_addc(b, 1);
	buf_addc(b, type);
	buf_addc(b, '\0');
	if (type != 'g') {
		put_text(b, s);
		return;
	}
	buf_addc(b, (char)strlen(s));
	buf_append(b, s, strlen(s) + 1);
}

/* A call of the bus itself; arg NULL: without one. */
static void
put_call(struct buf *out, uint32_t serial, const char *member, const char *arg)
{
	struct buf fields = { 0 };

	put_field(&fields, 0, FIELD_PATH, 'o', "/org/freedesktop/DBus");
	put_field(&fields, 0, FIELD_INTERFACE, 's', BUS);
	put_field(&fields, 0, FIELD_MEMBER, 's', member);
	put_field(&fields, 0, FIELD_DESTINATION, 's', BUS);
	if (arg != NULL)
		put_field(&fields, 0, FIELD_SIGNATURE, 'g', "s");
	buf_addc(out, 'l');
	buf_addc(out, TYPE_CALL);
	buf_addc(out, '\0'); /* no flags */
	buf_addc(out, 1);    /* of the protocol */
	put_u32(out, arg != NULL ? (uint32_t)strlen(arg) + 5 : 0);
	put_u32(out, serial);
	put_u32(out, (uint32_t)fields.len);
	/* The head is as long as its own alignment: the fields stay where they were. */
	put_padding(&fields, 0, 8);
	buf_append(out, fields.data, fields.len);
	if (arg != NULL)
		put_text(out, arg);
	buf_free(&fields);
}

void
busname_ask(struct buf *out, const char *name)
{
	char uid[16];

	snprintf(uid, sizeof(uid), "%u", geteuid());
	buf_addc(out, '\0');
	buf_adds(out, "AUTH EXTERNAL ");
	for (const char *c = uid; *c != '\0'; c++)
		buf_addf(out, "%02x", (unsigned char)*c);
	buf_adds(out, "\r\nBEGIN\r\n");
	put_call(out, SERIAL_HELLO, "Hello", NULL);
	put_call(out, SERIAL_ASK, "NameHasOwner", name);
}

/* ---- the answer -------------------------------------------------------------- */

/* Bytes of one message, read from its beginning. */
struct reader {
	const unsigned char *p;
	size_t n, at;
	bool big, bad;
};

static size_t
take(struct reader *r, size_t align, size_t bytes)
{
	size_t at = (r->at + align - 1) / align * align;

	if (at > r->n || bytes > r->n - at) {
		r->bad = true;
		return 0;
	}
	r->at = at + bytes;
	return at;
}

static uint32_t
take_u32(struct reader *r)
{
	const unsigned char *p = r->p + take(r, 4, 4);

	if (r->bad)
		return 0;
	return r->big ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
			    (uint32_t)p[2] << 8 | p[3]
		      : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 |
			    (uint32_t)p[1] << 8 | p[0];
}

/* Walks over the fields; the call that it answers, 0 when it answers none. */
static uint32_t
reply_serial(struct reader *r, size_t end)
{
	uint32_t serial = 0;

	while (!r->bad && r->at < end) {
		size_t at = take(r, 8, 4);
		unsigned char field = r->p[at], type = r->p[at + 2];

		if (r->bad || r->p[at + 1] != 1 || r->p[at + 3] != 0) {
			r->bad = true;
		} else if (type == 'u' && field == FIELD_REPLY_SERIAL) {
			serial = take_u32(r);
		} else if (type == 'u') {
			(void)take_u32(r);
		} else if (type == 's' || type == 'o') {
			uint32_t n = take_u32(r);

			(void)take(r, 1, (size_t)n + 1);
		} else if (type == 'g') {
			size_t len = take(r, 1, 1);

			(void)take(r, 1, r->bad ? 0 : (size_t)r->p[len] + 1);
		} else {
			r->bad = true;
		}
	}
	return serial;
}

/* The message at p, of n bytes so far: how long it is, 0 when more is needed; *answer is
 * set when it is the one that was waited for, or no message. */
static size_t
read_message(const unsigned char *p, size_t n, enum busname *answer)
{
	struct reader r = { .p = p, .n = n };
	uint32_t body, fields, serial;
	size_t head;

	if (n < HEAD)
		return 0;
	r.big = p[0] == 'B';
	r.at = 4;
	body = take_u32(&r);
	(void)take_u32(&r);
	fields = take_u32(&r);
	*answer = BUSNAME_REFUSED;
	if ((p[0] != 'l' && p[0] != 'B') || p[3] != 1 || fields > BUSNAME_ANSWER_MAX ||
	    body > BUSNAME_ANSWER_MAX)
		return 0;
	head = (HEAD + (size_t)fields + 7) / 8 * 8;
	*answer = BUSNAME_MORE;
	if (n < head + body)
		return 0;
	r.n = HEAD + fields;
	serial = reply_serial(&r, HEAD + fields);
	if (r.bad || (p[1] == TYPE_ERROR && serial != 0)) {
		*answer = BUSNAME_REFUSED;
		return 0;
	}
	if (p[1] == TYPE_RETURN && serial == SERIAL_ASK) {
		r.n = head + body;
		r.at = head;
		*answer = take_u32(&r) != 0 ? BUSNAME_OWNED : BUSNAME_FREE;
		if (r.bad)
			*answer = BUSNAME_REFUSED;
		return 0;
	}
	return head + body;
}

enum busname
busname_read(const void *data, size_t n)
{
	const char *line = data, *end = memchr(data, '\n', n);
	enum busname answer = BUSNAME_MORE;
	size_t at, bytes;

	if (n > 0 && memcmp(line, "OK ", n < 3 ? n : 3) != 0)
		return BUSNAME_REFUSED;
	if (end == NULL)
		return n < BUSNAME_ANSWER_MAX ? BUSNAME_MORE : BUSNAME_REFUSED;
	at = (size_t)(end - line) + 1;
	while (
	    (bytes = read_message((const unsigned char *)line + at, n - at, &answer)) > 0)
		at += bytes;
	if (answer == BUSNAME_MORE && n >= BUSNAME_ANSWER_MAX)
		return BUSNAME_REFUSED;
	return answer;
}
