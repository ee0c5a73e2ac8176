/*
 * env: the two things that happen to text at exec time only: `$' in command lines, and
 * files of environment variables.
 *
 * Environments are vectors of "NAME=VALUE", each name once.
 */
#ifndef SUPD_UNIT_ENV_H
#define SUPD_UNIT_ENV_H

#include <stdbool.h>
#include <stddef.h>

#include "unit/conf.h"
#include "unit/diag.h"

/* [A-Za-z_][A-Za-z0-9_]* */
bool env_name_is_valid(const char *name, size_t len);
/* Removes NAME, or exactly NAME=VALUE. */
void env_unset(struct strv *env, const char *name_or_assignment);

/*
 * Appends to ARGV the words of CMD in ENV: a word that is exactly $NAME becomes the words
 * of its value, ${NAME} inside a word its value as it is, $$ one dollar.  Names that are
 * not set are replaced by nothing and added to UNSET (may be NULL).  argv[0] is kept as
 * written, so that there is always one word.
 */
void exec_cmd_expand(const struct exec_cmd *cmd, const struct strv *env,
    struct strv *argv, struct strv *unset);

/*
 * Reads the text of an environment file into ENV, later lines win.  What is not valid is
 * skipped with a warning that names FILE.
 */
void env_file_parse(
    const char *file, const char *text, size_t len, struct strv *env, struct diags *d);

/*
 * Reads F (which may be a glob; files in its order) into ENV.  Returns -1 with errno, and
 * a diagnostic, if a file that is not optional cannot be read.  May wait for a disk: not
 * for the manager's loop, but for a process that becomes the service.
 */
int env_file_load(const struct env_file *f, struct strv *env, struct diags *d);

#endif
