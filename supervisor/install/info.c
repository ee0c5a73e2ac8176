/*
 * info: what [Install] of one unit says, from its file and its drop-ins.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "install/install_int.h"
#include "lib/buf.h"
#include "lib/xalloc.h"
#include "unit/diag.h"
#include "unit/file.h"
#include "unit/lex.h"
#include "unit/name.h"
#include "unit/paths.h"
#include "unit/quote.h"
#include "unit/specifier.h"

void
info_clear(struct info *info)
{
	free(info->name);
	resolved_clear(&info->r);
	for (int i = 0; i < BY_KINDS; i++)
		strv_free(&info->by[i]);
	strv_free(&info->alias);
	strv_free(&info->also_names);
	free(info->default_instance);
	memset(info, 0, sizeof(*info));
}

bool
info_has_rules(const struct info *info)
{
	return info->alias.n > 0 || info->by[BY_WANTS].n > 0 ||
	       info->by[BY_REQUIRES].n > 0 || info->by[BY_UPHOLDS].n > 0;
}

/* ---- reading ---- */

static struct strv *
list_of(struct info *info, const char *key)
{
	const struct {
		const char *key;
		struct strv *list;
	} lists[] = {
		{ "WantedBy", &info->by[BY_WANTS] },
		{ "RequiredBy", &info->by[BY_REQUIRES] },
		{ "UpheldBy", &info->by[BY_UPHOLDS] },
		{ "Alias", &info->alias },
		{ "Also", &info->also_names },
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (strcmp(lists[i].key, key) == 0)
			return lists[i].list;
	return NULL;
}

static void
take_words(struct strv *list, const char *value)
{
	struct buf word = { 0 };
	const char *why;

	if (*value == '\0')
		strv_free(list);
	while (list->n < UNIT_LIST_MAX &&
	       quote_next(&value, QUOTE_RETAIN, &word, NULL, &why) == 1)
		strv_add_unique(list, buf_str(&word));
	buf_free(&word);
}

/* What is malformed is told when the unit is loaded. */
static int
read_file(struct unit_paths *paths, const char *path, struct info *info, struct diags *d)
{
	struct buf text = { 0 };
	bool in_install = false;
	enum lex_kind kind;
	struct strv *list;
	struct stat st;
	struct lex lx;

	if (paths_touch(paths, path, true) == -1 ||
	    unit_file_read(path, &text, &st) == -1) {
		diag_add(d, DIAG_ERROR, path, 0, 0, NULL, "cannot be read: %s",
		    unit_file_strerror(errno));
		buf_free(&text);
		return -1;
	}
	lex_init(&lx, path, buf_str(&text), text.len, NULL);
	while ((kind = lex_next(&lx)) == LEX_SECTION || kind == LEX_KEY) {
		if (kind == LEX_SECTION) {
			in_install = strcmp(lx.name, "Install") == 0;
			info->has_install = info->has_install || in_install;
			continue;
		}
		if (!in_install)
			continue;
		list = list_of(info, lx.name);
		if (list != NULL) {
			take_words(list, lx.value);
		} else if (strcmp(lx.name, "DefaultInstance") == 0) {
			free(info->default_instance);
			info->default_instance =
			    *lx.value != '\0' ? xstrdup(lx.value) : NULL;
		}
	}
	lex_clear(&lx);
	buf_free(&text);
	return 0;
}

/* DefaultInstance= as it holds: expanded, and none if it makes no name. */
static void
settle_default(struct unit_paths *paths, struct info *info, struct diags *d)
{
	char *text = info->default_instance, *name;

	info->default_instance = NULL;
	if (text == NULL || !unit_name_is_template(info->name)) {
		free(text);
		return;
	}
	info->default_instance = info_expand(paths, info, text, "DefaultInstance", d);
	name = info->default_instance == NULL
		   ? NULL
		   : unit_name_replace_instance(info->name, info->default_instance);
	if (info->default_instance != NULL && name == NULL) {
		diag_add(d, DIAG_WARNING, info->r.fragment, 0, 0, NULL,
		    "DefaultInstance=%s makes no name of a unit", text);
		free(info->default_instance);
		info->default_instance = NULL;
	}
	free(name);
	free(text);
}

static bool
is_outside(struct unit_paths *paths, const char *file)
{
	const char *slash = strrchr(file, '/');
	char *dir = xstrndup(file, (size_t)(slash - file));
	bool outside = !paths_has_dir(paths, dir);

	free(dir);
	return outside;
}

enum found
info_find(struct unit_paths *paths, const char *name, struct info *info, struct diags *d)
{
	memset(info, 0, sizeof(*info));
	resolve_unit(paths, name, NULL, &info->r, d);
	info->name = xstrdup(info->r.id);
	if (info->r.state == UNIT_LOAD_ERROR)
		return FOUND_BAD;
	if (info->r.state == UNIT_MASKED)
		return FOUND_MASK;
	if (info->r.state == UNIT_NOT_FOUND) {
		/* It was a name of something that is not there: told by that name. */
		if (strcmp(info->name, name) == 0)
			return FOUND_NOTHING;
		diag_add(d, DIAG_ERROR, name, 0, 0,
		    "remove the link, or put back what it leads to",
		    "it is a link to %s, and there is no such unit", info->name);
		return FOUND_BAD;
	}
	if (info->r.builtin)
		return FOUND;
	info->outside = is_outside(paths, info->r.file);
	if (read_file(paths, info->r.file, info, d) == -1)
		return FOUND_BAD;
	for (size_t i = 0; i < info->r.drop_ins.n; i++)
		if (read_file(paths, info->r.drop_ins.v[i], info, d) == -1)
			return FOUND_BAD;
	settle_default(paths, info, d);
	return FOUND;
}

/* ---- names that it makes ---- */

char *
info_instance_name(const struct info *info)
{
	if (info->default_instance == NULL)
		return xstrdup(info->name);
	return unit_name_replace_instance(info->name, info->default_instance);
}

char *
info_expand(struct unit_paths *paths, const struct info *info, const char *text,
    const char *key, struct diags *d)
{
	char *name = info_instance_name(info), *prefix = unit_name_prefix(name),
	     *instance = unit_name_instance(name), *out = NULL;
	struct specifier spec = {
		.host = &paths->host,
		.id = name,
		.prefix = prefix,
		.instance = instance,
		.fragment = info->r.fragment,
	};
	struct buf b = { 0 };
	const char *bad, *why;

	if (specifier_expand(&spec, text, &b, &bad, &why) == -1)
		diag_add(d, DIAG_ERROR,
		    info->r.fragment != NULL ? info->r.fragment : info->name, 0, 0, NULL,
		    "%s=%s: %s", key, text, why);
	else
		out = buf_take(&b);
	buf_free(&b);
	free(name);
	free(prefix);
	free(instance);
	return out;
}

/* ALIAS may be another name of UNIT: of one type; plain for plain, template for template,
 * and an instance for the template or for the same instance. */
static bool
can_be_alias(const char *alias, const char *unit)
{
	char *a, *b;
	bool same;

	if (!unit_name_is_valid(alias) || unit_name_type(alias) != unit_name_type(unit))
		return false;
	if (unit_name_is_template(alias))
		return unit_name_is_template(unit);
	if (!unit_name_is_instance(alias))
		return strchr(unit, '@') == NULL;
	if (unit_name_is_template(unit))
		return true;
	a = unit_name_instance(alias);
	b = unit_name_instance(unit);
	same = b != NULL && strcmp(a, b) == 0;
	free(a);
	free(b);
	return same;
}

char *
install_alias_name(const char *unit, const char *alias)
{
	char *instance, *made = NULL;

	/* Another name of the template is one of the instance, with its own. */
	if (unit_name_is_valid(alias) && unit_name_is_template(alias) &&
	    unit_name_is_instance(unit)) {
		instance = unit_name_instance(unit);
		made = unit_name_replace_instance(alias, instance);
		free(instance);
	}
	if (made == NULL)
		made = xstrdup(alias);
	if (strcmp(made, unit) != 0 && can_be_alias(made, unit))
		return made;
	free(made);
	return NULL;
}

char *
info_alias(
    struct unit_paths *paths, const struct info *info, const char *text, struct diags *d)
{
	char *alias = info_expand(paths, info, text, "Alias", d), *made;

	if (alias == NULL)
		return NULL;
	made = install_alias_name(info->name, alias);
	if (made == NULL && strcmp(alias, info->name) != 0)
		diag_add(d, DIAG_ERROR, info->r.fragment, 0, 0,
		    "an alias keeps the type; templates lead to templates, and an "
		    "instance to the same one",
		    "%s cannot be another name of %s", alias, info->name);
	free(alias);
	return made;
}
