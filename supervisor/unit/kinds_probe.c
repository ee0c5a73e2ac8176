/*
 * kinds_probe: what asks a service whether it is ready, or well.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "lib/regexp.h"
#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/parse.h"
#include "unit/quote.h"
#include "unit/span.h"

static enum probe_kind
probe_kind_of(const struct directive *d)
{
	if (d->kind == &kinds[KIND_PROBE_TCP])
		return PROBE_TCP;
	if (d->kind == &kinds[KIND_PROBE_HTTP])
		return PROBE_HTTP;
	if (d->kind == &kinds[KIND_PROBE_EXEC])
		return PROBE_EXEC;
	if (d->kind == &kinds[KIND_PROBE_FILE])
		return PROBE_FILE;
	return PROBE_PATTERN;
}

static void
clear_probe(struct probe_conf *c)
{
	free(c->text);
	free(c->host);
	free(c->path);
	exec_cmd_clear(&c->cmd);
}

static int
add_probe(struct parse *p, struct probe_list *list, struct probe_conf *c)
{
	if (!parse_has_room(p, NULL, list->n)) {
		clear_probe(c);
		return -1;
	}
	list->v = xreallocarray(list->v, list->n + 1, sizeof(*list->v));
	list->v[list->n++] = *c;
	return 0;
}

/* Takes back what the same key gave so far. */
static int
reset_probes(struct probe_list *list, enum probe_kind kind)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].kind == kind)
			clear_probe(&list->v[i]);
		else
			list->v[kept++] = list->v[i];
	}
	list->n = kept;
	return 0;
}

/* Other names would have to be looked up, and a probe must never wait for that. */
static bool
is_local_or_numeric(const char *host)
{
	struct in6_addr address;

	return strcmp(host, "localhost") == 0 ||
	       inet_pton(AF_INET, host, &address) == 1 ||
	       inet_pton(AF_INET6, host, &address) == 1;
}

/* [HOST:]PORT, [V6]:PORT, V6 only in brackets.  Without a port: PORT_DEFAULT, 0 for none.
 */
static int
parse_address(const char *text, const char *host_default, uint16_t port_default,
    struct probe_conf *c)
{
	const char *host = text;
	size_t host_len;
	const char *port = NULL;
	uint64_t n = port_default;

	if (*text == '[') {
		const char *end = strchr(text, ']');

		if (end == NULL || (end[1] != ':' && end[1] != '\0'))
			return -1;
		host = text + 1;
		host_len = (size_t)(end - host);
		port = end[1] == ':' ? end + 2 : NULL;
	} else if (strchr(text, ':') != NULL) {
		host_len = strcspn(text, ":");
		port = text + host_len + 1;
	} else if (port_default == 0) {
		host_len = 0;
		port = text;
	} else {
		host_len = strlen(text);
	}
	if (port == NULL ? port_default == 0
			 : number_parse(port, 65535, &n) == -1 || n == 0)
		return -1;
	c->port = (uint16_t)n;
	c->host = host_len > 0 ? xstrndup(host, host_len) : xstrdup(host_default);
	return is_local_or_numeric(c->host) ? 0 : -1;
}

/* Expands VALUE into the text of a new probe. */
static int
begin_probe(
    struct parse *p, const struct directive *d, const char *value, struct probe_conf *c)
{
	struct buf b = { 0 };

	memset(c, 0, sizeof(*c));
	c->kind = probe_kind_of(d);
	if (parse_expand(p, value, value, &b) == -1) {
		buf_free(&b);
		return -1;
	}
	c->text = buf_take(&b);
	return 0;
}

static int
refuse_probe(struct parse *p, const struct directive *d, struct probe_conf *c)
{
	const char *hint = d->kind == &kinds[KIND_PROBE_FILE]
			       ? NULL
			       : "HOST is localhost or a number, IPv6 in brackets; names "
				 "are not looked up";

	parse_error(p, NULL, hint, "\"%s\" is not understood: %s= takes %s", c->text,
	    d->key, d->kind->syntax);
	clear_probe(c);
	return -1;
}

int
set_probe_tcp(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct probe_conf c;

	if (*value == '\0')
		return reset_probes(field, PROBE_TCP);
	if (begin_probe(p, d, value, &c) == -1)
		return -1;
	if (parse_address(c.text, "127.0.0.1", 0, &c) == -1)
		return refuse_probe(p, d, &c);
	return add_probe(p, field, &c);
}

int
set_probe_http(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct probe_conf c;
	const char *rest;
	char *authority;
	int r;

	if (*value == '\0')
		return reset_probes(field, PROBE_HTTP);
	if (begin_probe(p, d, value, &c) == -1)
		return -1;
	if (strncmp(c.text, "https:", 6) == 0) {
		parse_error(p, NULL, "use ReadyExec= or HealthExec= with curl",
		    "%s= speaks http only", d->key);
		clear_probe(&c);
		return -1;
	}
	if (strncmp(c.text, "http://", 7) != 0)
		return refuse_probe(p, d, &c);
	rest = c.text + 7 + strcspn(c.text + 7, "/?#");
	authority = xstrndup(c.text + 7, (size_t)(rest - c.text) - 7);
	r = *authority == '\0' ? -1 : parse_address(authority, "127.0.0.1", 80, &c);
	free(authority);
	for (const char *s = rest; r == 0 && *s != '\0'; s++)
		if ((unsigned char)*s <= 0x20 || *s == 0x7f || *s == '#')
			r = -1; /* A line end here would be a second header. */
	if (r == -1)
		return refuse_probe(p, d, &c);
	c.path = xasprintf("%s%s", *rest == '/' ? "" : "/", rest);
	return add_probe(p, field, &c);
}

/* At least two parts with dots between them, none of which begins with a digit. */
static bool
is_bus_name(const char *s)
{
	size_t parts = 0;

	if (strlen(s) > 255)
		return false;
	for (;; s++) {
		size_t n =
		    strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			      "0123456789_-");

		if (n == 0 || (*s >= '0' && *s <= '9'))
			return false;
		parts++;
		s += n;
		if (*s != '.')
			return *s == '\0' && parts > 1;
	}
}

int
set_bus_name(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf b = { 0 };
	int r = parse_expand(p, value, value, &b);

	if (r == 0 && *value != '\0' && !is_bus_name(buf_str(&b)))
		r = kinds_refuse(p, d, NULL, buf_str(&b));
	if (r == 0)
		kinds_keep(field, &b);
	buf_free(&b);
	return r;
}

int
set_probe_pattern(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct probe_conf c;
	const char *why;

	if (*value == '\0')
		return reset_probes(field, PROBE_PATTERN);
	if (begin_probe(p, d, value, &c) == -1)
		return -1;
	why = regexp_refused(c.text, false);
	if (why != NULL) {
		parse_error(p, NULL, NULL, "%s= refuses the expression: %s", d->key, why);
		clear_probe(&c);
		return -1;
	}
	return add_probe(p, field, &c);
}

int
set_probe_file(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct probe_conf c;

	if (*value == '\0')
		return reset_probes(field, PROBE_FILE);
	if (begin_probe(p, d, value, &c) == -1)
		return -1;
	if (c.text[0] != '/')
		return refuse_probe(p, d, &c);
	return add_probe(p, field, &c);
}

int
set_probe_exec(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct probe_conf c = { .kind = PROBE_EXEC };
	const char *q = value;
	int r;

	(void)d;
	if (*value == '\0')
		return reset_probes(field, PROBE_EXEC);
	r = kinds_take_command(p, &q, &c.cmd);
	p->lenient = false;
	if (r == 1 && *q != '\0')
		parse_error(p, q, "write one line for each", "one command only");
	if (r == -1 || (r == 1 && *q != '\0')) {
		clear_probe(&c);
		return -1;
	}
	c.text = xstrdup(value);
	return add_probe(p, field, &c);
}

void
show_probe(const struct directive *d, const void *field, struct buf *b)
{
	const struct probe_list *list = field;
	size_t start = b->len;

	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].kind != probe_kind_of(d))
			continue;
		buf_addf(b, "%s%s", b->len > start ? " ; " : "", list->v[i].text);
	}
}
