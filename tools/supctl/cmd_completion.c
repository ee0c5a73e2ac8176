/*
 * completion: the script for the shell, made from the table, and the words that it asks
 * for while one types (units, directives).
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "event_names.h"

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "unit/explain.h"
#include "unit/load.h"

/* Somebody waits with a finger on the key. */
#define UNITS_US (2 * USEC_PER_SEC)

#define SIGNALS "HUP INT QUIT ABRT KILL USR1 USR2 PIPE ALRM TERM CONT STOP TSTP WINCH"
#define STATES                                                                     \
	"active reloading inactive activating deactivating failed running exited " \
	"starting working idle waiting limited stuck held frozen"

#define KINDS                                                                      \
	"all Requires Requisite BindsTo Wants Upholds PartOf Conflicts OnFailure " \
	"OnSuccess PropagatesStopTo PropagatesReloadTo JoinsNamespaceOf After"

#define JOB_MODES                                                              \
	"replace fail replace-irreversibly isolate flush ignore-dependencies " \
	"ignore-requirements triggering restart-dependencies"

static const char script_head[] =
    "# bash completion for supctl; made by `supctl completion bash'\n"
    "_supctl()\n"
    "{\n"
    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
    "\tlocal i cmd= opts= words= common dir=()\n"
    "\tCOMPREPLY=()\n";

static const char script_tail[] =
    "\tcase $prev in\n"
    "\t-C|--directory|--cwd) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n"
    "\t--stream) COMPREPLY=($(compgen -W 'stdout stderr supd' -- \"$cur\")); return ;;\n"
    "\t--colour) COMPREPLY=($(compgen -W 'always never auto' -- \"$cur\")); return ;;\n"
    "\t--signal|-s) [[ $cmd == kill ]] && { COMPREPLY=($(compgen -W "
    "'" SIGNALS "' -- \"${cur#SIG}\")); return; } ;;&\n"
    "\t--state|-s) COMPREPLY=($(compgen -W '" STATES "' -- \"$cur\")); return ;;\n"
    "\t--kind|-k) COMPREPLY=($(compgen -W '" KINDS "' -- \"$cur\")); return ;;\n"
    "\t--job-mode) COMPREPLY=($(compgen -W '" JOB_MODES "' -- \"$cur\")); return ;;\n"
    "\t--whom|-w) COMPREPLY=($(compgen -W 'main control all' -- \"$cur\")); return ;;\n"
    "\t--unit|-u) words=units ;;\n"
    "\t--event|-e) [[ $cmd == events ]] && words=events ;;\n"
    "\tesac\n"
    "\tif [[ $cur == -* ]]; then\n"
    "\t\tCOMPREPLY=($(compgen -W \"$opts $common\" -- \"$cur\"))\n"
    "\t\treturn\n"
    "\tfi\n"
    "\t# The first word of these is none of a unit.\n"
    "\tif ((COMP_CWORD == i + 1)); then\n"
    "\t\tcase $cmd in\n"
    "\t\trequest) COMPREPLY=($(compgen -W 'cycle restart shutdown' -- \"$cur\")); "
    "return ;;\n"
    "\t\ttrace) COMPREPLY=($(compgen -W 'on off' -- \"$cur\")); return ;;\n"
    "\t\tcompletion) COMPREPLY=($(compgen -W 'bash zsh units directives events commands' "
    "-- \"$cur\")); return ;;\n"
    "\t\tesac\n"
    "\tfi\n"
    "\tcase $words in\n"
    "\tfiles) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
    "\tprogram) COMPREPLY=($(compgen -c -- \"$cur\")) ;;\n"
    "\tunits|directives|commands|events)\n"
    "\t\tCOMPREPLY=($(compgen -W \"$(supctl \"${dir[@]}\" completion $words "
    "2>/dev/null)\" -- \"$cur\")) ;;\n"
    "\tesac\n"
    "}\n"
    "complete -F _supctl supctl\n";

static const char *
words_of(const struct command *cmd)
{
	static const char *const names[] = {
		[WORDS_NONE] = "",
		[WORDS_UNITS] = "units",
		[WORDS_FILES] = "files",
		[WORDS_DIRECTIVE] = "directives",
		[WORDS_COMMAND] = "commands",
		[WORDS_PROGRAM] = "program",
	};

	return names[cmd->words];
}

static void
put_opts(struct ctl *ctl, const struct opt *o)
{
	const char *gap = "";

	for (; o != NULL && o->name != NULL; o++) {
		ctl_printf(ctl, "%s--%s", gap, o->name);
		gap = " ";
	}
}

static void
put_bash(struct ctl *ctl)
{
	const struct command *c;
	size_t i;

	buf_adds(&ctl->out, script_head);
	ctl_printf(ctl, "\tcommon='");
	put_opts(ctl, ctl_common_opts);
	ctl_printf(ctl,
	    "'\n"
	    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	    "\t\tcase ${COMP_WORDS[i]} in\n"
	    "\t\t-C|--directory|--timeout|--colour)\n"
	    "\t\t\t[[ ${COMP_WORDS[i]} == -[C-]* && ${COMP_WORDS[i]} != --[tc]* ]] && "
	    "dir=(-C \"${COMP_WORDS[i+1]}\")\n"
	    "\t\t\t((i++)) ;;\n"
	    "\t\t-*) ;;\n"
	    "\t\t*) cmd=${COMP_WORDS[i]}; break ;;\n"
	    "\t\tesac\n"
	    "\tdone\n"
	    "\tcase $cmd in\n"
	    "\t'') words=commands ;;\n");
	for (i = 0; ctl_commands[i] != NULL; i++) {
		c = ctl_commands[i];
		ctl_printf(ctl, "\t%s%s%s) words='%s' opts='", c->name,
		    c->alias == NULL ? "" : "|", c->alias == NULL ? "" : c->alias,
		    words_of(c));
		put_opts(ctl, c->opts);
		if (c->groups) {
			ctl_printf(ctl, " ");
			put_opts(ctl, ctl_group_opts);
		}
		ctl_printf(ctl, "' ;;\n");
	}
	ctl_printf(ctl, "\tesac\n");
	buf_adds(&ctl->out, script_tail);
}

/* ---- zsh ---- */

static const char zsh_head[] =
    "#compdef supctl\n"
    "# zsh completion for supctl; made by `supctl completion zsh'\n"
    "_supctl()\n"
    "{\n"
    "\tlocal cur=${words[CURRENT]} prev=${words[CURRENT-1]} cmd= kind=\n"
    "\tlocal -a dir commands opts common found\n"
    "\tinteger i=2\n";

static const char zsh_tail[] =
    "\tcase $prev in\n"
    "\t-C|--directory|--cwd) _files -/; return ;;\n"
    "\t--stream) found=(stdout stderr supd); _describe stream found; return ;;\n"
    "\t--colour) found=(always never auto); _describe when found; return ;;\n"
    "\t--signal|-s) [[ $cmd == kill ]] && { _signals; return } ;|\n"
    "\t--state|-s) found=(" STATES "); _describe state found; return ;;\n"
    "\t--whom|-w) found=(main control all); _describe whom found; return ;;\n"
    "\t--unit|-u) kind=units ;;\n"
    "\t--event|-e) [[ $cmd == events ]] && kind=events ;;\n"
    "\tesac\n"
    "\tif [[ $cur == -* ]]; then\n"
    "\t\topts+=($common)\n"
    "\t\t_describe -o option opts\n"
    "\t\treturn\n"
    "\tfi\n"
    "\tif ((CURRENT == i + 1)); then\n"
    "\t\tcase $cmd in\n"
    "\t\trequest) found=(cycle restart shutdown); _describe action found; return ;;\n"
    "\t\ttrace) found=(on off); _describe how found; return ;;\n"
    "\t\tcompletion) found=(bash zsh units directives events commands); "
    "_describe what found; return ;;\n"
    "\t\tesac\n"
    "\tfi\n"
    "\tcase $kind in\n"
    "\tcommands) _describe command commands ;;\n"
    "\tfiles) _files ;;\n"
    "\tprogram) _command_names -e ;;\n"
    "\tunits|directives|events)\n"
    "\t\t# A name may hold a colon, which would begin its description.\n"
    "\t\tfound=(${(f)\"$(supctl $dir completion $kind 2>/dev/null)\"})\n"
    "\t\tfound=(\"${found[@]//:/\\\\:}\")\n"
    "\t\t_describe ${kind%s} found ;;\n"
    "\tesac\n"
    "}\n"
    "if [[ ${funcstack[1]} == _supctl ]]; then\n"
    "\t_supctl \"$@\"\n"
    "else\n"
    "\tcompdef _supctl supctl\n"
    "fi\n";

/* 'NAME:HELP' as a word of zsh. */
static void
zsh_word(struct ctl *ctl, const char *dashes, const char *name, const char *help)
{
	ctl_printf(ctl, "'%s%s:", dashes, name);
	for (; help != NULL && *help != '\0'; help++) {
		if (*help == '\'')
			ctl_printf(ctl, "'\\''");
		else
			buf_addc(&ctl->out, *help);
	}
	ctl_printf(ctl, "'");
}

static void
zsh_opts(struct ctl *ctl, const struct opt *o)
{
	const char *gap = "";

	for (; o != NULL && o->name != NULL; o++) {
		ctl_printf(ctl, "%s", gap);
		zsh_word(ctl, "--", o->name, o->help);
		gap = " ";
	}
}

static void
put_zsh(struct ctl *ctl)
{
	const struct command *c;
	size_t i;

	buf_adds(&ctl->out, zsh_head);
	ctl_printf(ctl, "\tcommands=(\n");
	for (i = 0; ctl_commands[i] != NULL; i++) {
		ctl_printf(ctl, "\t\t");
		zsh_word(ctl, "", ctl_commands[i]->name, ctl_commands[i]->summary);
		ctl_printf(ctl, "\n");
	}
	ctl_printf(ctl, "\t)\n\tcommon=(");
	zsh_opts(ctl, ctl_common_opts);
	ctl_printf(ctl, ")\n"
			"\twhile ((i < CURRENT)); do\n"
			"\t\tcase ${words[i]} in\n"
			"\t\t-C|--directory) dir=(-C ${words[i+1]}); ((i += 2)) ;;\n"
			"\t\t--timeout|--colour) ((i += 2)) ;;\n"
			"\t\t-*) ((i++)) ;;\n"
			"\t\t*) cmd=${words[i]}; break ;;\n"
			"\t\tesac\n"
			"\tdone\n"
			"\tcase $cmd in\n"
			"\t'') kind=commands ;;\n");
	for (i = 0; ctl_commands[i] != NULL; i++) {
		c = ctl_commands[i];
		ctl_printf(ctl, "\t%s%s%s) kind='%s' opts=(", c->name,
		    c->alias == NULL ? "" : "|", c->alias == NULL ? "" : c->alias,
		    words_of(c));
		zsh_opts(ctl, c->opts);
		if (c->groups)
			zsh_opts(ctl, ctl_group_opts);
		ctl_printf(ctl, ") ;;\n");
	}
	ctl_printf(ctl, "\tesac\n");
	buf_adds(&ctl->out, zsh_tail);
}

/* ---- the words ---- */

/* Without supd: what lies in the folder. */
static void
put_unit_files(struct ctl *ctl)
{
	struct unit_paths *paths = unit_paths_new();
	struct strv names = { 0 };
	char *units = ctl_path(ctl, "units");
	size_t i;

	unit_paths_add(paths, units, UNIT_PATH_FOLDER);
	unit_list_dir(paths, &names);
	for (i = 0; i < names.n; i++) {
		ctl_put(ctl, names.v[i]);
		ctl_printf(ctl, "\n");
	}
	strv_free(&names);
	unit_paths_free(paths);
	free(units);
}

static void
put_units(struct ctl *ctl)
{
	enum client_result res = CLIENT_FAILED;
	struct buf why = { 0 };
	struct reply r = { 0 };
	const struct jv *units;
	size_t i;

	/* An error on the line that one types would be worse than no words. */
	if (instance_find(&ctl->in, ctl->dir, true, &why) == 0) {
		ctl->have_instance = true;
		res = ctl_call_quietly(ctl, "io.supd.Unit.List", "{\"all\":true}", false,
		    clock_mono_us() + UNITS_US, &r, &why);
		if (res == CLIENT_DOWN)
			put_unit_files(ctl);
	}
	units = jv_get(r.params, "units");
	for (i = 0; i < jv_count(units); i++) {
		ctl_put(ctl, jv_str(jv_get(jv_at(units, i), "unit"), ""));
		ctl_printf(ctl, "\n");
	}
	reply_clear(&r);
	buf_free(&why);
}

static void
put_directives(struct ctl *ctl)
{
	const char *dot;
	char *name;
	size_t i;

	for (i = 0; (name = unit_explain_name(i)) != NULL; i++) {
		dot = strrchr(name, '.');
		ctl_printf(ctl, "%s\n", dot == NULL ? name : dot + 1);
		free(name);
	}
}

static int
run_completion(struct ctl *ctl, int argc, char **argv)
{
	const char *what;
	size_t i;
	int code = ctl_no_opts(ctl, argc, argv);

	if (code != 0)
		return code;
	what = argv[optind];
	if (strcmp(what, "bash") == 0)
		put_bash(ctl);
	else if (strcmp(what, "zsh") == 0)
		put_zsh(ctl);
	else if (strcmp(what, "units") == 0)
		put_units(ctl);
	else if (strcmp(what, "directives") == 0)
		put_directives(ctl);
	else if (strcmp(what, "events") == 0)
		for (i = 0; event_name_at(i) != NULL; i++)
			ctl_printf(ctl, "%s\n", event_name_at(i));
	else if (strcmp(what, "commands") == 0)
		for (i = 0; ctl_commands[i] != NULL; i++)
			ctl_printf(ctl, "%s\n", ctl_commands[i]->name);
	else
		return ctl_usage(ctl, "completion knows bash, zsh, units, directives, "
				      "events and commands");
	return CTL_OK;
}

const struct command cmd_completion = {
	.name = "completion",
	.words_usage = "SHELL",
	.summary =
	    "Print the completion script for bash or zsh, or words that it asks for",
	.min = 1,
	.max = 1,
	.run = run_completion,
};
