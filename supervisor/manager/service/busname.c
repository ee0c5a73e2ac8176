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
	FIELD_PATH = 1,
	FIELD_INTERFACE = 2,
	FIELD_MEMBER = 3,
	FIELD_REPLY_SERIAL = 5,
	FIELD_DESTINATION = 6,
	FIELD_SENDER = 7,
	FIELD_SIGNATURE = 8,
	SERIAL_HELLO = 1,
	SERIAL_ASK = 2,
	HEAD = BUSNAME_HEAD,
	PROTOCOL_MAX = 128 << 20, /* bytes of a message, says the protocol */
	GREETING_MAX = 256,
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

void
busname_call(struct buf *out, uint32_t serial, const char *member, const char *arg)
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
busname_hello(struct buf *out, uint32_t serial)
{
	char uid[16];

	snprintf(uid, sizeof(uid), "%u", geteuid());
	buf_addc(out, '\0');
	buf_adds(out, "AUTH EXTERNAL ");
	for (const char *c = uid; *c != '\0'; c++)
		buf_addf(out, "%02x", (unsigned char)*c);
	buf_adds(out, "\r\nBEGIN\r\n");
	busname_call(out, serial, "Hello", NULL);
}

void
busname_ask(struct buf *out, const char *name)
{
	busname_hello(out, SERIAL_HELLO);
	busname_call(out, SERIAL_ASK, "NameHasOwner", name);
}

void
busname_match(struct buf *out, const char *name)
{
	buf_addf(out,
	    "type='signal',sender='" BUS "',path='/org/freedesktop/DBus',"
	    "interface='" BUS "',member='NameOwnerChanged',arg0='%s'",
	    name);
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

/* A text with its end: NULL when it is none. */
static const char *
take_text(struct reader *r, size_t n)
{
	size_t at = take(r, 1, n + 1);

	if (r->bad || memchr(r->p + at, '\0', n + 1) != r->p + at + n) {
		r->bad = true;
		return NULL;
	}
	return (const char *)r->p + at;
}

static const char *
take_string(struct reader *r)
{
	uint32_t n = take_u32(r);

	return r->bad ? NULL : take_text(r, n);
}

/* What the fields say of a message; texts are NULL where they say nothing. */
struct fields {
	uint32_t reply_serial;
	const char *path, *interface, *member, *sender, *signature;
};

static void
put_field_text(struct fields *f, unsigned char field, const char *text)
{
	switch (field) {
	case FIELD_PATH:
		f->path = text;
		break;
	case FIELD_INTERFACE:
		f->interface = text;
		break;
	case FIELD_MEMBER:
		f->member = text;
		break;
	case FIELD_SENDER:
		f->sender = text;
		break;
	case FIELD_SIGNATURE:
		f->signature = text;
		break;
	default:
		break;
	}
}

static void
read_fields(struct reader *r, size_t end, struct fields *f)
{
	while (!r->bad && r->at < end) {
		size_t at = take(r, 8, 4);
		unsigned char field = r->p[at], type = r->p[at + 2];

		if (r->bad || r->p[at + 1] != 1 || r->p[at + 3] != 0) {
			r->bad = true;
		} else if (type == 'u') {
			uint32_t v = take_u32(r);

			if (field == FIELD_REPLY_SERIAL)
				f->reply_serial = v;
		} else if (type == 's' || type == 'o') {
			put_field_text(f, field, take_string(r));
		} else if (type == 'g') {
			size_t len = take(r, 1, 1);

			put_field_text(f, field, r->bad ? NULL : take_text(r, r->p[len]));
		} else {
			r->bad = true;
		}
	}
}

static bool
is(const char *text, const char *want)
{
	return text != NULL && strcmp(text, want) == 0;
}

/* With what makes the body begin at a multiple of eight. */
static uint64_t
head_size(uint32_t fields)
{
	return ((uint64_t)HEAD + fields + 7) / 8 * 8;
}

/* The numbers of the head. */
static bool
read_head(struct reader *r, uint32_t *fields, uint32_t *body)
{
	r->big = r->p[0] == 'B';
	r->at = 4;
	*body = take_u32(r);
	(void)take_u32(r); /* its serial */
	*fields = take_u32(r);
	return !r->bad && (r->p[0] == 'l' || r->p[0] == 'B') && r->p[3] == 1;
}

uint64_t
busname_size(const void *head)
{
	struct reader r = { .p = head, .n = HEAD };
	uint32_t fields, body;
	uint64_t size;

	if (!read_head(&r, &fields, &body))
		return 0;
	size = head_size(fields) + body;
	return size <= PROTOCOL_MAX ? size : 0;
}

int
busname_message(const void *data, size_t n, struct busname_message *m)
{
	struct reader r = { .p = data, .n = n };
	struct fields f = { 0 };
	uint32_t fields, body;

	memset(m, 0, sizeof(*m));
	if (n < HEAD || !read_head(&r, &fields, &body) || head_size(fields) + body != n)
		return -1;
	r.n = HEAD + (size_t)fields;
	read_fields(&r, r.n, &f);
	if (r.bad)
		return -1;
	r.n = n;
	r.at = n - body;
	/* Whatever others send: the bus writes the sender, and they cannot have this. */
	if (!is(f.sender, BUS))
		return 0;
	switch (r.p[1]) {
	case BUSNAME_RETURN:
		m->what = BUSNAME_RETURN;
		m->serial = f.reply_serial;
		m->is_bool = is(f.signature, "b");
		if (m->is_bool)
			m->owned = take_u32(&r) != 0;
		break;
	case BUSNAME_ERROR:
		m->what = BUSNAME_ERROR;
		m->serial = f.reply_serial;
		break;
	case BUSNAME_SIGNAL:
		if (!is(f.interface, BUS) || !is(f.member, "NameOwnerChanged") ||
		    !is(f.signature, "sss"))
			return 0;
		m->what = BUSNAME_SIGNAL;
		m->name = take_string(&r);
		(void)take_string(&r); /* who had it before */
		m->owned = !is(take_string(&r), "");
		break;
	default:
		break;
	}
	return r.bad ? -1 : 0;
}

ssize_t
busname_greeting(const void *data, size_t n)
{
	const char *line = data, *end = memchr(data, '\n', n);

	if (n > 0 && memcmp(line, "OK ", n < 3 ? n : 3) != 0)
		return -1;
	if (end == NULL)
		return n < GREETING_MAX ? 0 : -1;
	return end - line + 1;
}

/* The message at p, of n bytes so far: how long it is, 0 when more is needed; *answer is
 * set when it is the one that was waited for, or no message. */
static size_t
read_message(const unsigned char *p, size_t n, enum busname *answer)
{
	struct busname_message m;
	uint64_t size;

	*answer = BUSNAME_MORE;
	if (n < HEAD)
		return 0;
	size = busname_size(p);
	if (size == 0 || size > BUSNAME_ANSWER_MAX) {
		*answer = BUSNAME_REFUSED;
		return 0;
	}
	if (n < size)
		return 0;
	if (busname_message(p, (size_t)size, &m) == -1 ||
	    (m.what == BUSNAME_ERROR && m.serial != 0)) {
		*answer = BUSNAME_REFUSED;
		return 0;
	}
	if (m.what == BUSNAME_RETURN && m.serial == SERIAL_ASK) {
		*answer = !m.is_bool ? BUSNAME_REFUSED
			  : m.owned  ? BUSNAME_OWNED
				     : BUSNAME_FREE;
		return 0;
	}
	return (size_t)size;
}

enum busname
busname_read(const void *data, size_t n)
{
	ssize_t greeting = busname_greeting(data, n);
	enum busname answer = BUSNAME_MORE;
	size_t at, bytes;

	if (greeting <= 0)
		return greeting == 0 ? BUSNAME_MORE : BUSNAME_REFUSED;
	at = (size_t)greeting;
	while (
	    (bytes = read_message((const unsigned char *)data + at, n - at, &answer)) > 0)
		at += bytes;
	if (answer == BUSNAME_MORE && n >= BUSNAME_ANSWER_MAX)
		return BUSNAME_REFUSED;
	return answer;
}
