/*
 * condition_check: the forms of arguments, read the same way when a unit is loaded and
 * when its conditions are asked.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "unit/condition_int.h"
#include "unit/credential.h"
#include "unit/quote.h"
#include "unit/signame.h"
#include "unit/span.h"
#include "unit/virt.h"

static const char blanks[] = " \t\n\r";

const char *
check_none(const char *arg)
{
	(void)arg;
	return NULL;
}

const char *
check_path(const char *arg)
{
	const char *p = arg;

	if (*arg != '/')
		return "the path is not absolute";
	while ((p = strstr(p, "/..")) != NULL) {
		if (p[3] == '/' || p[3] == '\0')
			return "the path has a \"..\" in it";
		p += 3;
	}
	return NULL;
}

const char *
check_boolean(const char *arg)
{
	bool b;

	return bool_parse(arg, &b) == 0 ? NULL : "it is neither yes nor no";
}

const char *
check_architecture(const char *arg)
{
	return architecture_is_known(arg) ? NULL : "no architecture has that name";
}

const char *
check_security(const char *arg)
{
	return security_is_known(arg) ? NULL : "no security module has that name";
}

const char *
check_virtualization(const char *arg)
{
	return virt_is_known(arg) ? NULL
				  : "no kind of machine or container has that name";
}

const char *
check_capability(const char *arg)
{
	return capability_from_name(arg) != -1 ? NULL : "no capability has that name";
}

const char *
check_credential(const char *arg)
{
	return credential_id_is_valid(arg, strlen(arg))
		   ? NULL
		   : "it is not the name of a credential";
}

const char *
check_module(const char *arg)
{
	return *arg != '\0' && strchr(arg, '/') == NULL && *arg != '.'
		   ? NULL
		   : "it is not the name of a kernel module";
}

const char *
check_controllers(const char *arg)
{
	static const char *const known[] = { "v1", "v2", "cpu", "cpuacct", "cpuset", "io",
		"blkio", "memory", "devices", "pids", "bpf-firewall", "bpf-devices",
		"bpf-foreign", "bpf-socket-bind", "bpf-restrict-network-interfaces" };

	for (const char *p = arg; *(p += strspn(p, blanks)) != '\0';
	     p += strcspn(p, blanks)) {
		size_t n = strcspn(p, blanks), i;

		for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (strlen(known[i]) == n && strncmp(p, known[i], n) == 0)
				break;
		if (i == sizeof(known) / sizeof(known[0]))
			return "no controller of cgroups has that name";
	}
	return NULL;
}

/* ---- numbers --------------------------------------------------------------------- */

static const char *
read_order(const char *arg, enum order *o)
{
	*o = order_parse(&arg, false);
	if (*o == ORDER_NONE)
		*o = ORDER_GREATER_EQUAL;
	return arg + strspn(arg, blanks);
}

const char *
condition_read_number(const char *arg, enum order *o, uint64_t *n)
{
	const char *p = read_order(arg, o);

	return number_parse(p, UINT32_MAX, n) == 0 ? NULL : "it is no number";
}

const char *
condition_read_size(const char *arg, enum order *o, uint64_t *n)
{
	const char *p = read_order(arg, o);

	if (size_parse(p, n) == -1 || strcmp(p, "infinity") == 0)
		return "it is no number of bytes";
	return NULL;
}

const char *
check_cpus(const char *arg)
{
	enum order o;
	uint64_t n;

	return condition_read_number(arg, &o, &n);
}

const char *
check_memory(const char *arg)
{
	enum order o;
	uint64_t n;

	return condition_read_size(arg, &o, &n);
}

/* ---- versions -------------------------------------------------------------------- */

static const char *
strip(struct buf *word)
{
	const char *s = buf_str(word);

	while (word->len > 0 && strchr(blanks, word->data[word->len - 1]) != NULL)
		buf_truncate(word, word->len - 1);
	return s + strspn(s, blanks);
}

int
condition_next_version(const char **p, bool *first, struct buf *word,
    struct condition_version *out, const char **why)
{
	int r = quote_next(p, QUOTE_RETAIN, word, NULL, why);
	const char *s;

	if (r <= 0)
		return r;
	s = strip(word);
	out->order = order_parse(&s, true);
	s += strspn(s, blanks);
	if (out->order != ORDER_NONE && *s == '\0') {
		/* The first may have a blank behind its operator without quotes. */
		if (!*first || quote_next(p, QUOTE_RETAIN, word, NULL, why) <= 0) {
			*why = "a version is missing behind its operator";
			return -1;
		}
		s = buf_str(word);
	}
	*first = false;
	out->text = s;
	return 1;
}

const char *
check_version(const char *arg)
{
	struct condition_version v;
	struct buf word = { 0 };
	const char *why = NULL;
	bool first = true;
	int r;

	while ((r = condition_next_version(&arg, &first, &word, &v, &why)) == 1)
		;
	buf_free(&word);
	return r == -1 ? why : NULL;
}

static bool
is_key(const char *s, size_t n)
{
	if (n == 0 || (*s >= '0' && *s <= '9'))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isascii((unsigned char)s[i]) ||
		    (!isalnum((unsigned char)s[i]) && s[i] != '_'))
			return false;
	return true;
}

int
condition_next_release(
    const char **p, struct buf *word, struct condition_release *out, const char **why)
{
	int r = quote_next(p, QUOTE_RETAIN, word, NULL, why);
	const char *value;
	size_t n;

	if (r <= 0)
		return r;
	n = strcspn(buf_str(word), "!<=>$");
	value = buf_str(word) + n;
	out->order = order_parse(&value, true);
	if (out->order == ORDER_NONE || *value == '\0' ||
	    strchr(blanks, *value) != NULL || !is_key(buf_str(word), n)) {
		*why = "a key, an operator and a value are wanted, as VERSION_ID>=12";
		return -1;
	}
	out->value = value;
	out->key = word->data;
	out->key[n] = '\0';
	return 1;
}

const char *
check_os_release(const char *arg)
{
	struct condition_release v;
	struct buf word = { 0 };
	const char *why = NULL;
	int r;

	while ((r = condition_next_release(&arg, &word, &v, &why)) == 1)
		;
	buf_free(&word);
	return r == -1 ? why : NULL;
}

/* ---- pressure -------------------------------------------------------------------- */

/* Percent, per mille or per ten thousand, each as far behind its point as this goes. */
static int
read_share(const char *p, size_t n, unsigned *permyriad)
{
	static const struct {
		const char *sign;
		unsigned parts, digits;
	} units[] = { { "%", 100, 2 }, { "\u2030", 10, 1 }, { "\u2031", 1, 0 } };
	char text[16];
	const char *s = text;
	unsigned whole = 0, part = 0, worth;
	size_t i, len = 0;

	if (n >= sizeof(text))
		return -1;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		len = strlen(units[i].sign);
		if (n > len && memcmp(p + n - len, units[i].sign, len) == 0)
			break;
	}
	if (i == sizeof(units) / sizeof(units[0]))
		return -1;
	memcpy(text, p, n - len);
	text[n - len] = '\0';
	if (*s < '0' || *s > '9')
		return -1;
	for (; *s >= '0' && *s <= '9' && whole <= 10000; s++)
		whole = whole * 10 + (unsigned)(*s - '0');
	if (*s == '.' && units[i].digits > 0) {
		worth = units[i].parts;
		if (s[1] < '0' || s[1] > '9')
			return -1;
		for (s++; *s >= '0' && *s <= '9' && worth > 1; s++)
			part += (unsigned)(*s - '0') * (worth /= 10);
	}
	*permyriad = whole * units[i].parts + part;
	return *s == '\0' && *permyriad <= 10000 ? 0 : -1;
}

const char *
condition_read_pressure(const char *arg, struct condition_pressure *p)
{
	static const struct {
		const char *text;
		unsigned s;
	} windows[] = { { "10sec", 10 }, { "1min", 60 }, { "5min", 300 } };
	const char *colon = strchr(arg, ':'), *slash;
	size_t i;

	memset(p, 0, sizeof(*p));
	p->window_s = 300;
	if (colon != NULL) {
		if (colon == arg || (size_t)(colon - arg) >= sizeof(p->slice) ||
		    memchr(arg, '/', (size_t)(colon - arg)) != NULL || *arg == '.')
			return "it is not the name of a slice";
		snprintf(p->slice, sizeof(p->slice), "%.*s", (int)(colon - arg), arg);
		arg = colon + 1;
	}
	arg += strspn(arg, blanks);
	slash = strchrnul(arg, '/');
	if (*slash == '/') {
		const char *w = slash + 1 + strspn(slash + 1, blanks);

		for (i = 0; i < sizeof(windows) / sizeof(windows[0]); i++)
			if (strcmp(w, windows[i].text) == 0)
				break;
		if (i == sizeof(windows) / sizeof(windows[0]))
			return "the kernel knows 10sec, 1min and 5min only";
		p->window_s = windows[i].s;
	}
	while (slash > arg && strchr(blanks, slash[-1]) != NULL)
		slash--;
	if (read_share(arg, (size_t)(slash - arg), &p->permyriad) == -1)
		return "a share is wanted, as 20% or 20%/1min";
	return NULL;
}

const char *
check_pressure(const char *arg)
{
	struct condition_pressure p;

	return condition_read_pressure(arg, &p);
}

/* ---- firmware -------------------------------------------------------------------- */

int
condition_read_call(const char *arg, const char *name, char *dst, size_t size)
{
	size_t n = strlen(name), len = strlen(arg);

	if (strncmp(arg, name, n) != 0 || arg[n] != '(' || arg[len - 1] != ')' ||
	    len - n - 2 >= size)
		return -1;
	memcpy(dst, arg + n + 1, len - n - 2);
	dst[len - n - 2] = '\0';
	return 0;
}

int
condition_read_smbios(const char *arg, struct condition_smbios *s)
{
	char text[384];
	const char *p = text, *why;
	struct buf word = { 0 };
	size_t n;
	int r;

	if (condition_read_call(arg, "smbios-field", text, sizeof(text)) == -1)
		return -1;
	n = strcspn(p, "!<=>$");
	while (n > 0 && strchr(blanks, p[n - 1]) != NULL)
		n--;
	if (n == 0 || n >= sizeof(s->field) || memchr(p, '/', n) != NULL || *p == '.')
		return -1;
	snprintf(s->field, sizeof(s->field), "%.*s", (int)n, p);
	p += strcspn(p, "!<=>$");
	s->order = order_parse(&p, true);
	p += strspn(p, blanks);
	if (s->order == ORDER_NONE || *p == '\0')
		return -1;
	r = quote_next(&p, QUOTE_RETAIN, &word, NULL, &why);
	if (r == 1 && *(p + strspn(p, blanks)) != '\0')
		r = -1;
	if (r == 1 && word.len < sizeof(s->value))
		snprintf(s->value, sizeof(s->value), "%s", buf_str(&word));
	else
		r = -1;
	buf_free(&word);
	return r == 1 ? 0 : -1;
}

const char *
check_firmware(const char *arg)
{
	struct condition_smbios s;
	char text[384];

	if (strcmp(arg, "device-tree") == 0 || strcmp(arg, "uefi") == 0 ||
	    condition_read_call(arg, "device-tree-compatible", text, sizeof(text)) == 0 ||
	    condition_read_smbios(arg, &s) == 0)
		return NULL;
	return "uefi, device-tree, device-tree-compatible(NAME) and smbios-field(FIELD "
	       "OPERATOR VALUE) are known";
}
