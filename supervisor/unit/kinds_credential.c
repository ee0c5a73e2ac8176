/*
 * kinds_credential: LoadCredential= and SetCredential=.  What is not understood is an
 * error, never a warning: a service must not run without its secrets.
 */
#include <string.h>

#include "lib/strv.h"
#include "unit/credential.h"
#include "unit/kinds.h"
#include "unit/parse.h"

/* The id before the colon, expanded; *rest is what follows, NULL: there is no colon. */
static int
take_id(struct parse *p, const struct directive *d, const char *value, struct buf *id,
    const char **rest)
{
	const char *colon = strchr(value, ':');
	struct buf raw = { 0 };
	int r;

	buf_append(&raw, value, colon != NULL ? (size_t)(colon - value) : strlen(value));
	r = parse_expand(p, buf_str(&raw), value, id);
	buf_free(&raw);
	if (r == -1)
		return -1;
	if (!credential_id_is_valid(buf_str(id), id->len)) {
		parse_error(p, value, "it becomes the name of a file",
		    "\"%s\" is not a valid name of a credential, in %s=", buf_str(id),
		    d->key);
		return -1;
	}
	*rest = colon != NULL ? colon + 1 : NULL;
	return 0;
}

/* Replaces what the same id had. */
static int
keep(struct parse *p, struct strv *list, const struct buf *id, const char *rest)
{
	for (size_t i = 0; i < list->n; i++) {
		size_t n;

		(void)credential_rest(list->v[i], &n);
		if (n != id->len || memcmp(list->v[i], buf_str(id), n) != 0)
			continue;
		strv_remove_at(list, i);
		break;
	}
	if (!parse_has_room(p, NULL, list->n))
		return -1;
	strv_addf(list, "%s:%s", buf_str(id), rest);
	return 0;
}

int
set_load_credential(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf id = { 0 }, source = { 0 };
	const char *rest;
	int r = -1;

	if (*value == '\0') {
		strv_free(field);
		return 0;
	}
	if (take_id(p, d, value, &id, &rest) == -1)
		goto out;
	if (rest == NULL || *rest == '\0')
		buf_adds(&source, buf_str(&id));
	else if (parse_expand(p, rest, rest, &source) == -1)
		goto out;
	if (*buf_str(&source) != '/' &&
	    !credential_id_is_valid(buf_str(&source), source.len)) {
		/* Not what it is: it may be the secret, by mistake. */
		parse_error(p, rest,
		    "%Y is the folder of this file; a name alone is a credential that "
		    "supd itself was given; a value belongs to SetCredential=",
		    "%s= needs an absolute path or a name behind the colon", d->key);
		goto out;
	}
	r = keep(p, field, &id, buf_str(&source));
out:
	buf_free(&id);
	buf_free(&source);
	return r;
}

int
set_set_credential(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf id = { 0 }, text = { 0 };
	const char *rest, *why;
	int r = -1;

	if (*value == '\0') {
		strv_free(field);
		return 0;
	}
	/* No message has the value in it, also where it stands for the name. */
	if (strchr(value, ':') == NULL) {
		parse_error(p, NULL, NULL, "%s= takes %s", d->key, d->kind->syntax);
		return -1;
	}
	if (take_id(p, d, value, &id, &rest) == -1)
		goto out;
	if (quote_unescape(rest, &text, &why) == -1)
		parse_error(p, NULL, NULL, "the value of %s: %s", buf_str(&id), why);
	else if (text.len > CREDENTIAL_BYTES_MAX)
		parse_error(p, NULL,
		    "use LoadCredential=", "the value of %s is larger than 1 MiB",
		    buf_str(&id));
	else
		r = keep(p, field, &id, buf_str(&text));
out:
	buf_free(&id);
	buf_free(&text);
	return r;
}

void
show_set_credential(const struct directive *d, const void *field, struct buf *b)
{
	const struct strv *list = field;
	size_t n;

	(void)d;
	for (size_t i = 0; i < list->n; i++) {
		(void)credential_rest(list->v[i], &n);
		buf_addf(b, "%s%.*s:***", i > 0 ? " " : "", (int)n, list->v[i]);
	}
}
