/*
 * Any bytes as a source of instances: the first line is the pointer, the second a
 * component of a glob, the third a name that it may match, the rest the document.
 * Whatever comes of it are names that units can have, each once, and of the template;
 * what is escaped leads back to what it was made of.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "unit/instance_set.h"
#include "unit/name.h"

#include "fuzz.h"

#define TEMPLATE "fuzz-me@.service"

static void
check_unit(const struct instance_set *set, const char *unit)
{
	char *template = unit_name_template(unit), *part = unit_name_instance(unit);
	const char *text = map_get(&set->seen, unit);
	char *plain = unit_name_unescape(part);

	check(unit_name_is_valid(unit) && strcmp(template, TEMPLATE) == 0);
	check(strcmp(part, text) == 0 || (plain != NULL && strcmp(plain, text) == 0));
	/* %i in a path stays in its folder. */
	check(strchr(part, '/') == NULL && part[0] != '.');
	free(template);
	free(part);
	free(plain);
}

static void
check_set(const struct instance_set *set)
{
	check(set->units.n <= INSTANCE_SET_MAX && set->units.n == set->seen.n);
	check(
	    set->refused.n <= set->n_refused && set->refused.n <= INSTANCE_REFUSED_SHOWN);
	for (size_t i = 0; i < set->units.n; i++)
		check_unit(set, set->units.v[i]);
}

/* Takes a line off the front. */
static char *
line_of(const uint8_t **data, size_t *size)
{
	const uint8_t *end = memchr(*data, '\n', *size);
	size_t n = end == NULL ? *size : (size_t)(end - *data);
	char *line = xstrndup((const char *)*data, n);

	*data += n;
	*size -= n;
	if (*size > 0) {
		(*data)++;
		(*size)--;
	}
	return line;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *pointer = line_of(&data, &size), *component = line_of(&data, &size);
	char *name = line_of(&data, &size), *got = NULL, *why = NULL;
	struct instance_set set = { 0 };

	if (strlen(component) <= 255 && strlen(name) <= 255)
		got = instance_capture(component, name);
	check(got == NULL || strstr(name, got) != NULL);
	if (instance_set_add_json(
		&set, TEMPLATE, pointer, (const char *)data, size, &why) == -1)
		check(why != NULL && set.units.n == 0);
	check_set(&set);
	if (got != NULL)
		(void)instance_set_add(&set, TEMPLATE, got, strlen(got));
	check_set(&set);
	instance_set_clear(&set);
	free(pointer);
	free(component);
	free(name);
	free(got);
	free(why);
	return 0;
}
