/*
 * kinds_socket: the kinds of values of [Socket].
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/parse.h"
#include "unit/socket_address.h"
#include "unit/span.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262 /* Linux 5.6 */
#endif

enum { FD_NAME_MAX = 255, DEVICE_MAX = 15 };

static const char *const bind_ipv6_only_words[] = { "default", "both", "ipv6-only" };

enum { BIND_IPV6_NWORDS = 3 };

/* ---- addresses ---- */

int
set_bind_ipv6_only(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	bool only;

	/* systemd takes it as a question, too. */
	if (bool_parse(value, &only) == 0) {
		*(int *)field = only ? BIND_IPV6_ONLY : BIND_IPV6_BOTH;
		return 0;
	}
	for (int i = 0; i < BIND_IPV6_NWORDS; i++) {
		if (strcmp(value, bind_ipv6_only_words[i]) == 0) {
			*(int *)field = i;
			return 0;
		}
	}
	return kinds_refuse(p, d, value, value);
}

void
show_bind_ipv6_only(const struct directive *d, const void *field, struct buf *b)
{
	(void)d;
	buf_adds(b, bind_ipv6_only_words[*(const int *)field]);
}

static enum listen_kind
kind_of(const struct directive *d)
{
	enum listen_kind kind = LISTEN_STREAM;

	while (kind < LISTEN_SPECIAL && strcmp(listen_kind_key(kind), d->key) != 0)
		kind++;
	return kind;
}

/* An empty line of any of these keys takes all of them back. */
static int
clear_listen(struct listen_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i].address);
	free(list->v);
	*list = (struct listen_list){ 0 };
	return 0;
}

int
set_listen(struct parse *p, const struct directive *d, void *field, const char *value)
{
	enum listen_kind kind = kind_of(d);
	struct listen_list *list = field;
	struct socket_address a;
	struct buf text = { 0 };
	const char *why;
	int r = -1;

	if (*value == '\0')
		return clear_listen(list);
	if (!parse_has_room(p, NULL, list->n) ||
	    parse_expand(p, value, value, &text) == -1)
		goto out;
	if (strncmp(buf_str(&text), "/var/run/", 9) == 0) {
		char *run = xstrdup(buf_str(&text) + 4);

		parse_warn(p, NULL, run, "%s= is below /var/run, which is /run", d->key);
		buf_clear(&text);
		buf_adds(&text, run);
		free(run);
	}
	if (socket_address_parse(kind, buf_str(&text), &a, &why) == -1) {
		parse_error(p, NULL, NULL, "%s=%s cannot be listened to: %s", d->key,
		    buf_str(&text), why);
		goto out;
	}
	list->v = xreallocarray(list->v, list->n + 1, sizeof(list->v[0]));
	list->v[list->n].kind = kind;
	list->v[list->n].address = buf_take(&text);
	list->n++;
	r = 0;
out:
	buf_free(&text);
	return r;
}

void
show_listen(const struct directive *d, const void *field, struct buf *b)
{
	const struct listen_list *list = field;
	enum listen_kind kind = kind_of(d);
	bool first = true;

	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].kind != kind)
			continue;
		if (!first)
			buf_addc(b, '\n');
		buf_adds(b, list->v[i].address);
		first = false;
	}
}

static int
add_link(struct parse *p, const struct directive *d, const char *word, const char *at,
    void *field)
{
	if (word[0] != '/' || word[1] == '\0') {
		parse_error(
		    p, at, NULL, "\"%s\" is not an absolute path, in %s=", word, d->key);
		return -1;
	}
	strv_add_unique(field, word);
	return 0;
}

int
set_links(struct parse *p, const struct directive *d, void *field, const char *value)
{
	return kinds_list(p, d, value, field, add_link);
}

/* ---- names ---- */

static int
keep_name(struct parse *p, const struct directive *d, void *field, const char *value,
    size_t max, const char *never)
{
	struct buf b = { 0 };
	int r = 0;

	if (parse_expand(p, value, value, &b) == -1)
		r = -1;
	for (const char *c = buf_str(&b); r == 0 && *c != '\0'; c++)
		if (*c <= ' ' || *c == 0x7f || strchr(never, *c) != NULL)
			r = kinds_refuse(p, d, NULL, buf_str(&b));
	if (r == 0 && b.len > max)
		r = kinds_refuse(p, d, NULL, buf_str(&b));
	if (r == 0)
		kinds_keep(field, &b);
	buf_free(&b);
	return r;
}

int
set_fd_name(struct parse *p, const struct directive *d, void *field, const char *value)
{
	return keep_name(p, d, field, value, FD_NAME_MAX, ":");
}

int
set_device(struct parse *p, const struct directive *d, void *field, const char *value)
{
	return keep_name(p, d, field, value, DEVICE_MAX, "/:");
}

/* ---- numbers and words ---- */

int
set_timestamping(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	enum socket_timestamping *t = field;

	if (strcmp(value, "off") == 0)
		*t = TIMESTAMPING_OFF;
	else if (strcmp(value, "us") == 0 || strcmp(value, "usec") == 0 ||
		 strcmp(value, "\xc2\xb5s") == 0)
		*t = TIMESTAMPING_US;
	else if (strcmp(value, "ns") == 0 || strcmp(value, "nsec") == 0)
		*t = TIMESTAMPING_NS;
	else
		return kinds_refuse(p, d, NULL, value);
	return 0;
}

void
show_timestamping(const struct directive *d, const void *field, struct buf *b)
{
	static const char *const words[] = { "off", "us", "ns" };

	(void)d;
	buf_adds(b, words[*(const enum socket_timestamping *)field]);
}

static const struct word {
	const char *name;
	int value;
} protocols[] = {
	{ "udplite", IPPROTO_UDPLITE },
	{ "sctp", IPPROTO_SCTP },
	{ "mptcp", IPPROTO_MPTCP },
	{ NULL, 0 },
}, services[] = {
	{ "low-delay", IPTOS_LOWDELAY },
	{ "throughput", IPTOS_THROUGHPUT },
	{ "reliability", IPTOS_RELIABILITY },
	{ "low-cost", IPTOS_LOWCOST },
	{ NULL, 0 },
};

static const struct word *
find_word(const struct word *words, const char *value)
{
	while (words->name != NULL && strcmp(words->name, value) != 0)
		words++;
	return words->name == NULL ? NULL : words;
}

static void
show_word(const struct word *words, int value, struct buf *b)
{
	for (; words->name != NULL; words++) {
		if (words->value != value)
			continue;
		buf_adds(b, words->name);
		return;
	}
	buf_addf(b, "%d", value);
}

int
set_protocol(struct parse *p, const struct directive *d, void *field, const char *value)
{
	const struct word *w = find_word(protocols, value);

	if (*value == '\0')
		*(int *)field = 0;
	else if (w != NULL)
		*(int *)field = w->value;
	else
		return kinds_refuse(p, d, NULL, value);
	return 0;
}

void
show_protocol(const struct directive *d, const void *field, struct buf *b)
{
	int value = *(const int *)field;

	(void)d;
	if (value != 0)
		show_word(protocols, value, b);
}

static int
set_int(struct parse *p, const struct directive *d, int *field, const char *value,
    int64_t min, int64_t max)
{
	int64_t n;

	if (strcmp(value, "-1") == 0)
		n = SOCKET_UNSET;
	else if (integer_parse(value, min, max, &n) == -1)
		return kinds_refuse(p, d, NULL, value);
	*field = (int)n;
	return 0;
}

static void
show_int(int value, struct buf *b)
{
	buf_addf(b, "%d", value);
}

int
set_tos(struct parse *p, const struct directive *d, void *field, const char *value)
{
	const struct word *w = find_word(services, value);

	if (w == NULL)
		return set_int(p, d, field, value, 0, 255);
	*(int *)field = w->value;
	return 0;
}

void
show_tos(const struct directive *d, const void *field, struct buf *b)
{
	int value = *(const int *)field;

	(void)d;
	show_word(services, value, b);
}

int
set_ttl(struct parse *p, const struct directive *d, void *field, const char *value)
{
	return set_int(p, d, field, value, 1, 255);
}

void
show_ttl(const struct directive *d, const void *field, struct buf *b)
{
	(void)d;
	show_int(*(const int *)field, b);
}

int
set_mark(struct parse *p, const struct directive *d, void *field, const char *value)
{
	return set_int(p, d, field, value, 0, INT32_MAX);
}

void
show_mark(const struct directive *d, const void *field, struct buf *b)
{
	(void)d;
	show_int(*(const int *)field, b);
}

/* Of a limit that depends on Accept=: see conf_complete. */
int
set_burst(struct parse *p, const struct directive *d, void *field, const char *value)
{
	int64_t n = UINT32_MAX;

	if (strcmp(value, "auto") != 0 &&
	    integer_parse(value, 0, UINT32_MAX - 1, &n) == -1)
		return kinds_refuse(p, d, NULL, value);
	*(uint32_t *)field = (uint32_t)n;
	return 0;
}

void
show_burst(const struct directive *d, const void *field, struct buf *b)
{
	uint32_t n = *(const uint32_t *)field;

	(void)d;
	if (n == UINT32_MAX)
		buf_adds(b, "auto");
	else
		buf_addf(b, "%u", n);
}
