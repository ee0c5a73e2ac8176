#include "manager/control/mask.h"

#include <string.h>
#include <strings.h>

#include "lib/buf.h"
#include "unit/quote.h"

/* Names of variables whose values are nobody's business. */
static bool
is_secret(const char *name, size_t len)
{
	static const char *const words[] = { "TOKEN", "SECRET", "PASS", "PASSWD", "KEY",
		"CREDENTIAL", "AUTH", "COOKIE", "PRIVATE", "DSN", NULL };
	static const char ours[] = "CREDENTIALS_DIRECTORY"; /* a place */

	if (len == sizeof(ours) - 1 && memcmp(name, ours, len) == 0)
		return false;
	for (size_t i = 0; words[i] != NULL; i++) {
		size_t n = strlen(words[i]);

		for (size_t at = 0; at + n <= len; at++)
			if (strncasecmp(name + at, words[i], n) == 0)
				return true;
	}
	return false;
}

/* Without the password of an address such as postgres://user:password@host/. */
static void
add_value(struct buf *out, const char *value)
{
	const char *rest = value, *host, *at, *colon;

	while ((host = strstr(rest, "://")) != NULL) {
		size_t n = strcspn(host += 3, "/?# \t\n");

		at = memrchr(host, '@', n);
		colon = at == NULL ? NULL : memchr(host, ':', (size_t)(at - host));
		if (at != NULL) {
			/* (Without a colon it is a name, or a token in its place.) */
			buf_addf(out, "%.*s***",
			    (int)((colon != NULL ? colon + 1 : host) - rest), rest);
			rest = at;
		} else {
			buf_addf(out, "%.*s", (int)(host - rest), rest);
			rest = host;
		}
	}
	buf_adds(out, rest);
}

void
mask_assignment(struct buf *out, const char *assignment, bool closed)
{
	size_t n = strcspn(assignment, "=");

	buf_addf(out, "%.*s=", (int)n, assignment);
	if (assignment[n] == '\0')
		return;
	if (closed || is_secret(assignment, n))
		buf_adds(out, "***");
	else
		add_value(out, assignment + n + 1);
}

void
mask_setting(struct buf *out, const char *key, const char *value)
{
	struct buf word = { 0 }, masked = { 0 };
	size_t before = out->len;
	const char *why;

	if (strcmp(key, "Environment") != 0 && strcmp(key, "DefaultEnvironment") != 0) {
		buf_adds(out, value);
		return;
	}
	while (quote_next(&value, QUOTE_UNESCAPE, &word, NULL, &why) == 1) {
		buf_clear(&masked);
		mask_assignment(&masked, buf_str(&word), false);
		if (out->len > before)
			buf_addc(out, ' ');
		quote_append(out, buf_str(&masked));
	}
	buf_free(&word);
	buf_free(&masked);
}
