/* ctl: options and usage.  The rest of the header is in ctl_show.c and ctl_call.c. */
#include "ctl.h"

#include <sys/ioctl.h>

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/xalloc.h"
#include "unit/span.h"

enum {
	OPTS_MAX = 48,
	OPT_RAW = OPT_TIMEOUT + 1,
	OPT_COLOUR,
	OPT_GROUP,
};

const struct opt ctl_common_opts[] = {
	{ "directory", 'C', "DIR",
	    "the instance, instead of $SUPD_ROOT or the folder "
	    "here" },
	{ "json", 'j', NULL, "print JSON, for programs" },
	{ "quiet", 'q', NULL, "print errors only" },
	{ "timeout", OPT_TIMEOUT, "TIME", "how long to wait for an answer, \"10s\"" },
	{ "raw", OPT_RAW, NULL, "do not escape control characters (not on a terminal)" },
	{ "colour", OPT_COLOUR, "WHEN", "always, never or auto" },
	{ "help", 'h', NULL, "explain the command" },
	{ NULL, 0, NULL, NULL },
};

const struct opt ctl_group_opts[] = {
	{ "group", OPT_GROUP, "NAME", "the units of a StatusGroup=, as the word @NAME" },
	{ NULL, 0, NULL, NULL },
};

void
ctl_init(struct ctl *ctl)
{
	memset(ctl, 0, sizeof(*ctl));
	ctl->colour = -1;
	ctl->out_tty = isatty(STDOUT_FILENO) == 1;
	ctl->err_tty = isatty(STDERR_FILENO) == 1;
}

void
ctl_clear(struct ctl *ctl)
{
	ctl_disconnect(ctl);
	if (ctl->have_instance)
		instance_clear(&ctl->in);
	buf_free(&ctl->out);
	strv_free(&ctl->groups);
}

void
ctl_terminal(struct ctl *ctl)
{
	const char *locale = getenv("LC_ALL");
	const char *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	struct winsize ws;

	if (ctl->out_tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0)
		ctl->width = ws.ws_col;
	if (ctl->out_tty)
		ctl->raw = false;
	if (ctl->colour == -1)
		ctl->colour = ctl->out_tty && (no_colour == NULL || *no_colour == '\0') &&
			      term != NULL && strcmp(term, "dumb") != 0;
	if (locale == NULL || *locale == '\0')
		locale = getenv("LC_CTYPE");
	if (locale == NULL || *locale == '\0')
		locale = getenv("LANG");
	ctl->utf8 = locale != NULL && (strcasestr(locale, "utf-8") != NULL ||
					  strcasestr(locale, "utf8") != NULL);
}

/* ---- options ---- */

static void
add_opts(struct option *longs, size_t *n, struct buf *shorts, const struct opt *o)
{
	for (; o != NULL && o->name != NULL && *n < OPTS_MAX - 1; o++, (*n)++) {
		longs[*n].name = o->name;
		longs[*n].has_arg = o->arg == NULL ? no_argument : required_argument;
		longs[*n].flag = NULL;
		longs[*n].val = o->id;
		if (o->id < OPT_LONG) {
			buf_addc(shorts, (char)o->id);
			if (o->arg != NULL)
				buf_addc(shorts, ':');
		}
	}
}

static int
common_opt(struct ctl *ctl, int id)
{
	switch (id) {
	case 'C':
		ctl->dir = optarg;
		return 0;
	case 'j':
		ctl->json = true;
		return 0;
	case 'q':
		ctl->quiet = true;
		return 0;
	case OPT_TIMEOUT:
		if (ctl_parse_span(ctl, "--timeout", optarg, &ctl->timeout_us) == -1)
			return -1;
		return 0;
	case OPT_RAW:
		ctl->raw = true;
		return 0;
	case OPT_COLOUR:
		if (strcmp(optarg, "always") == 0)
			ctl->colour = 1;
		else if (strcmp(optarg, "never") == 0)
			ctl->colour = 0;
		else if (strcmp(optarg, "auto") == 0)
			ctl->colour = -1;
		else {
			ctl_usage(ctl, "--colour is always, never or auto");
			return -1;
		}
		return 0;
	case OPT_GROUP:
		strv_addf(&ctl->groups, "@%s", optarg);
		return 0;
	default:
		return 1;
	}
}

/* As if they had been typed: the options that named them stand before the first word, and
 * are read. */
static void
put_groups(struct ctl *ctl, char **argv)
{
	for (size_t i = 0; i < ctl->groups.n; i++)
		argv[--optind] = ctl->groups.v[i];
}

int
ctl_getopt(struct ctl *ctl, int argc, char **argv)
{
	struct option longs[OPTS_MAX];
	struct buf shorts = { 0 };
	size_t n = 0;
	int id, r;

	memset(longs, 0, sizeof(longs));
	buf_adds(&shorts, ctl->cmd->words == WORDS_PROGRAM ? "+:" : ":");
	add_opts(longs, &n, &shorts, ctl->cmd->opts);
	add_opts(longs, &n, &shorts, ctl_common_opts);
	if (ctl->cmd->groups)
		add_opts(longs, &n, &shorts, ctl_group_opts);
	for (;;) {
		id = getopt_long(argc, argv, buf_str(&shorts), longs, NULL);
		if (id == -1)
			break;
		if (id == ':' || id == '?') {
			if (id == ':')
				ctl_usage(
				    ctl, "option %s needs an argument", argv[optind - 1]);
			else if (optopt > 0 && optopt < OPT_LONG)
				ctl_usage(ctl, "unknown option -%c", optopt);
			else
				ctl_usage(
				    ctl, "option %s is not known here", argv[optind - 1]);
			id = '?';
			break;
		}
		if (id == 'h') {
			buf_free(&shorts);
			ctl_help(ctl, ctl->cmd);
			exit(ctl_flush(ctl) ? CTL_OK : CTL_FAILED);
		}
		r = common_opt(ctl, id);
		if (r == -1) {
			id = '?';
			break;
		}
		if (r == 1)
			break;
	}
	buf_free(&shorts);
	if (id == -1) {
		put_groups(ctl, argv);
		ctl_terminal(ctl);
	}
	return id;
}

int
ctl_no_opts(struct ctl *ctl, int argc, char **argv)
{
	if (ctl_getopt(ctl, argc, argv) != -1)
		return CTL_USAGE;
	return ctl_words(ctl, argc);
}

/* The first word of the usage that may not be left out: "UNIT" of "[-x] UNIT...". */
static int
needed_word(const char *usage, const char **word)
{
	int depth = 0;

	for (; *usage != '\0'; usage++) {
		depth += *usage == '[';
		depth -= *usage == ']';
		if (depth == 0 && *usage >= 'A' && *usage <= 'Z')
			break;
	}
	*word = usage;
	return (int)strcspn(usage, " .|[");
}

int
ctl_words(struct ctl *ctl, int argc)
{
	size_t n = (size_t)(argc - optind);
	const char *word;
	int len;

	if (n < ctl->cmd->min) {
		len = needed_word(ctl->cmd->words_usage, &word);
		if (n > 0 || len == 0)
			return ctl_usage(
			    ctl, n == 0 ? "a word is missing" : "too few words");
		return ctl_usage(ctl, "%.*s is missing", len, word);
	}
	if (n > ctl->cmd->max)
		return ctl_usage(ctl, "too many words");
	return 0;
}

int
ctl_usage(struct ctl *ctl, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	ctl_fail(ctl, CTL_USAGE, "usage", NULL, "%s", text);
	free(text);
	if (ctl->cmd != NULL)
		fprintf(stderr, "usage: supctl %s%s%s%s\nSee: supctl help %s\n",
		    ctl->cmd->name, ctl->cmd->opts == NULL ? "" : " [OPTION...]",
		    *ctl->cmd->words_usage == '\0' ? "" : " ", ctl->cmd->words_usage,
		    ctl->cmd->name);
	return CTL_USAGE;
}

int
ctl_parse_span(struct ctl *ctl, const char *what, const char *text, uint64_t *us)
{
	uint64_t v;

	if (span_parse(text, USEC_PER_SEC, &v) == 0 && v > 0) {
		*us = v;
		return 0;
	}
	ctl_usage(ctl, "%s: \"%s\" is no time; write for example 30s or \"1min 30s\"",
	    what, text);
	return -1;
}

int
ctl_parse_number(
    struct ctl *ctl, const char *what, const char *text, uint64_t max, uint64_t *out)
{
	if (number_parse(text, max, out) == 0)
		return 0;
	ctl_usage(ctl, "%s: \"%s\" is no number up to %llu", what, text,
	    (unsigned long long)max);
	return -1;
}
