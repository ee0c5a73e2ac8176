/*
 * name: unit names, templates, instances and the escaping of paths in them.
 *
 * A name is PREFIX[@[INSTANCE]].TYPE of at most UNIT_NAME_MAX bytes.  Nothing here looks
 * at a file.  Functions that make a name return malloc'd text.
 */
#ifndef SUPD_UNIT_NAME_H
#define SUPD_UNIT_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "unit/conf.h"

/* A name that can exist: of a known type, plain, template or instance. */
bool unit_name_is_valid(const char *name);
/* "foo@.service": can be shown and enabled, never started. */
bool unit_name_is_template(const char *name);
/* "foo@bar.service" */
bool unit_name_is_instance(const char *name);
/* The type by the suffix, UNIT_TYPE_NONE if there is no known one. */
enum unit_type unit_name_type(const char *name);
/* "service" for UNIT_SERVICE. */
const char *unit_type_name(enum unit_type);
/* Its files are read: all but mounts, devices and the like. */
bool unit_type_is_known(enum unit_type);
/* A timer, a path or a socket: it starts another unit. */
bool unit_type_triggers(enum unit_type);

/*
 * A unit that is there without a file (builtin.h): a standard target, as network.target,
 * and any slice, mount or device.
 */
bool unit_name_is_builtin(const char *name);

/*
 * What a person typed, as a name: a name without a
 * known suffix gets ".service".  NULL if the result is not valid.
 */
char *unit_name_add_suffix(const char *typed);
/* "foo@.service" of "foo@bar.service"; NULL if that is not an instance. */
char *unit_name_template(const char *name);
/* The instance of the template; NULL if the result would be too long or not valid. */
char *unit_name_replace_instance(const char *name, const char *instance);
/* "foo" of "foo@bar.service" and of "foo.service". */
char *unit_name_prefix(const char *name);
/* "bar" of "foo@bar.service", "" of a template, NULL if there is no `@'. */
char *unit_name_instance(const char *name);
/* The name without its suffix: what its log is called. */
char *unit_name_stem(const char *name);

/* Any bytes as a part of a name: `/' becomes `-', odd bytes \xHH. */
char *unit_name_escape(const char *text);
/* The reverse; NULL if TEXT is not well escaped. */
char *unit_name_unescape(const char *text);
/* A path as a part of a name: "/" is "-", "/a//b/" is "a-b"; NULL for `..' in it. */
char *unit_name_path_escape(const char *path);
/* The reverse: an absolute path; NULL if TEXT is not well escaped. */
char *unit_name_path_unescape(const char *text);

#endif
