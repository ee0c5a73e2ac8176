/*
 * condition: the table, and what several of them mean together.  What each asks is in
 * condition_path.c, condition_host.c and condition_machine.c.
 */
#include "unit/condition.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/condition_int.h"
#include "unit/quote.h"
#include "unit/virt.h"

#include <fcntl.h>
#include <unistd.h>

enum {
	WORLD_FILE_MAX = 1 << 20,
};

struct kind {
	const char *name;
	condition_fn *test;
	condition_check_fn *check;
};

static const struct kind kinds[] = {
#define CONDITION(name, check) { #name, test_##name, check_##check },
#include "unit/condition.def"
};

static int
compare_kind(const void *key, const void *row)
{
	return strcmp(key, ((const struct kind *)row)->name);
}

static const struct kind *
kind_find(const char *name)
{
	return bsearch(name, kinds, sizeof(kinds) / sizeof(kinds[0]), sizeof(kinds[0]),
	    compare_kind);
}

void
condition_world_init(struct condition_world *w)
{
	*w = (struct condition_world){ .root = "" };
}

/* ---- what the machine says ----------------------------------------------------- */

enum condition_answer
condition_errno(struct buf *found, int err)
{
	return condition_unknown(found, strerror(err));
}

enum condition_answer
condition_unknown(struct buf *found, const char *why)
{
	buf_clear(found);
	buf_adds(found, why);
	return CONDITION_UNKNOWN;
}

int
world_read(const struct condition_world *w, const char *path, struct buf *out)
{
	char *full = xasprintf("%s%s", w->root, path);
	int r = file_read_follow_at(AT_FDCWD, full, WORLD_FILE_MAX, out), err = errno;

	free(full);
	errno = err;
	return r;
}

int
world_read_line(const struct condition_world *w, const char *path, struct buf *out)
{
	int r = world_read(w, path, out);

	while (out->len > 0 && strchr(" \t\r\n", out->data[out->len - 1]) != NULL)
		buf_truncate(out, out->len - 1);
	return r;
}

bool
world_has(const struct condition_world *w, const char *path)
{
	char *full = xasprintf("%s%s", w->root, path);
	bool has = access(full, F_OK) == 0;

	free(full);
	return has;
}

/* A process's arguments, each one word. */
static void
add_arguments(const struct buf *b, struct strv *out)
{
	for (size_t at = 0; at < b->len; at += strlen(b->data + at) + 1)
		if (b->data[at] != '\0')
			strv_add(out, b->data + at);
}

static void
add_words(const char *text, struct strv *out)
{
	struct buf word = { 0 };
	const char *why;

	while (quote_next(&text, QUOTE_RETAIN, &word, NULL, &why) == 1)
		strv_add(out, buf_str(&word));
	buf_free(&word);
}

int
world_command_line(const struct condition_world *w, struct strv *out)
{
	bool inside = virt_container(w) != NULL;
	struct buf b = { 0 };
	int r;

	/* The kernel's is that of the machine around the container. */
	r = inside ? world_read(w, "/proc/1/cmdline", &b)
		   : world_read_line(w, "/proc/cmdline", &b);
	if (r == 0 && inside)
		add_arguments(&b, out);
	else if (r == 0)
		add_words(buf_str(&b), out);
	buf_free(&b);
	return r;
}

char *
world_boot_option(const struct condition_world *w, const char *key)
{
	struct strv words = { 0 };
	size_t n = strlen(key);
	char *value = NULL;

	if (world_command_line(w, &words) == 0)
		for (size_t i = 0; i < words.n; i++) {
			const char *word = words.v[i];

			if (strncmp(word, key, n) != 0 ||
			    (word[n] != '=' && word[n] != '\0'))
				continue;
			free(value);
			value = xstrdup(word[n] == '=' ? word + n + 1 : "");
		}
	strv_free(&words);
	return value;
}

/* ---- questions ------------------------------------------------------------------ */

enum condition_answer
condition_test(
    const struct condition_world *w, const struct unit_condition *c, struct buf *found)
{
	const struct kind *k = kind_find(c->name);
	struct buf mine = { 0 };
	enum condition_answer a;

	if (found == NULL)
		found = &mine;
	buf_clear(found);
	if (k == NULL)
		a = condition_unknown(found, "there is no such condition");
	else
		a = k->test(w, c->arg, found);
	buf_free(&mine);
	if (a == CONDITION_UNKNOWN || !c->negate)
		return a;
	return a == CONDITION_YES ? CONDITION_NO : CONDITION_YES;
}

bool
conditions_hold(const struct condition_world *w, const struct unit_condition *v, size_t n,
    bool asserts, struct condition_unmet *unmet, struct buf *found)
{
	const struct unit_condition *first = NULL;
	struct buf now = { 0 }, of_first = { 0 };
	bool any = false, held = true;

	*unmet = (struct condition_unmet){ 0 };
	for (size_t i = 0; i < n && held; i++) {
		const struct unit_condition *c = &v[i];

		if (c->is_assert != asserts || (c->trigger && any))
			continue;
		if (condition_test(w, c, &now) == CONDITION_YES) {
			any = any || c->trigger;
		} else if (!c->trigger) {
			held = false;
			unmet->c = c;
			buf_clear(found);
			buf_adds(found, buf_str(&now));
		} else if (first == NULL) {
			first = c;
			buf_adds(&of_first, buf_str(&now));
		}
	}
	if (held && first != NULL && !any) {
		held = false;
		*unmet = (struct condition_unmet){ .c = first, .any = true };
		buf_clear(found);
		buf_adds(found, buf_str(&of_first));
	}
	buf_free(&now);
	buf_free(&of_first);
	return held;
}

void
condition_show(const struct unit_condition *c, struct buf *out)
{
	buf_addf(out, "%s%s=%s%s%s", c->is_assert ? "Assert" : "Condition", c->name,
	    c->trigger ? "|" : "", c->negate ? "!" : "", c->arg);
}

bool
condition_is_known(const char *name)
{
	return kind_find(name) != NULL;
}

bool
condition_wants_path(const char *name)
{
	const struct kind *k = kind_find(name);

	return k != NULL && k->check == check_path;
}

int
condition_check(const char *name, const char *arg, struct buf *why)
{
	const struct kind *k = kind_find(name);
	const char *text = k == NULL ? NULL : k->check(arg);

	if (text == NULL)
		return 0;
	buf_adds(why, text);
	return k->check == check_path ? -1 : 1;
}
