/*
 * kinds_sched: how the kernel is to treat a process: whose turn it is, on which
 * processors, what its disk and its timers may wait for, what its core dumps hold, and
 * what kind of machine it sees.
 */
#include <sys/personality.h>
#include <sys/utsname.h>

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/parse.h"
#include "unit/span.h"

enum {
	CPU_LAST = 8191,
	CPUS_A_WORD = 8 * sizeof(unsigned long),
	PRIORITY_LAST = 99, /* of the real-time policies */
	IO_PRIORITY_LAST = 7,
	IO_PRIORITY_USUAL = 4,
	IO_CLASS_USUAL = 2, /* best-effort */
};

struct word_row {
	const char *word;
	int value;
};

static const struct word_row policies[] = {
	{ "other", SCHED_OTHER },
	{ "batch", SCHED_BATCH },
	{ "idle", SCHED_IDLE },
	{ "fifo", SCHED_FIFO },
	{ "rr", SCHED_RR },
};

static const struct word_row io_classes[] = {
	{ "none", 0 },
	{ "realtime", 1 },
	{ "best-effort", 2 },
	{ "idle", 3 },
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* By its word, or by its number, which systemd takes as well; -1: neither. */
static int
find_value(const struct word_row *rows, size_t n, const char *word)
{
	uint64_t number;
	bool is_number = number_parse(word, INT32_MAX, &number) == 0;

	for (size_t i = 0; i < n; i++)
		if (is_number ? (int)number == rows[i].value
			      : strcmp(rows[i].word, word) == 0)
			return rows[i].value;
	return -1;
}

static const char *
find_word(const struct word_row *rows, size_t n, int value)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].value == value)
			return rows[i].word;
	return "";
}

/* ---- the processor ---- */

int
set_cpu_policy(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;
	int policy = SCHED_OTHER;

	if (*value != '\0')
		policy = find_value(policies, COUNT(policies), value);
	if (policy == -1)
		return kinds_refuse(p, d, NULL, value);
	x->cpu_policy = policy;
	x->cpu_policy_set = *value != '\0';
	if (*value == '\0')
		x->cpu_priority = 0;
	return 0;
}

void
show_cpu_policy(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_conf *x = field;

	(void)d;
	if (x->cpu_policy_set)
		buf_adds(b, find_word(policies, COUNT(policies), x->cpu_policy));
}

int
set_cpu_priority(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	int64_t n = 0;

	if (*value != '\0' && integer_parse(value, 0, PRIORITY_LAST, &n) == -1)
		return kinds_refuse(p, d, NULL, value);
	*(int *)field = (int)n;
	return 0;
}

void
show_number(const struct directive *d, const void *field, struct buf *b)
{
	(void)d;
	buf_addf(b, "%d", *(const int *)field);
}

int
exec_cpu_priority(const struct exec_conf *x)
{
	int low = sched_get_priority_min(x->cpu_policy);
	int high = sched_get_priority_max(x->cpu_policy);

	return x->cpu_priority < low    ? low
	       : x->cpu_priority > high ? high
					: x->cpu_priority;
}

/* ---- on which of them ---- */

static void
take_cpu(struct exec_conf *x, uint32_t cpu)
{
	size_t word = cpu / CPUS_A_WORD;

	if (word >= x->n_cpus) {
		x->cpus = xreallocarray(x->cpus, word + 1, sizeof(x->cpus[0]));
		memset(
		    x->cpus + x->n_cpus, 0, (word + 1 - x->n_cpus) * sizeof(x->cpus[0]));
		x->n_cpus = word + 1;
	}
	x->cpus[word] |= 1UL << cpu % CPUS_A_WORD;
}

/* "3" or "0-3". */
static int
add_cpus(struct parse *p, const struct directive *d, char *word, const char *at,
    struct exec_conf *x)
{
	char *dash = strchr(word, '-');
	uint64_t first, last;

	if (strcasecmp(word, "numa") == 0) {
		parse_warn(p, at, "name the processors by number",
		    "%s=numa has no effect: NUMAMask= is not applied", d->key);
		return 0;
	}
	if (dash != NULL)
		*dash = '\0';
	if (number_parse(word, CPU_LAST, &first) == -1 ||
	    (dash != NULL && number_parse(dash + 1, CPU_LAST, &last) == -1)) {
		if (dash != NULL)
			*dash = '-';
		return kinds_refuse(p, d, at, word);
	}
	if (dash == NULL)
		last = first;
	if (first > last) {
		*dash = '-';
		parse_error(p, at, "write the lower one first",
		    "\"%s\" is an empty range of processors, in %s=", word, d->key);
		return -1;
	}
	for (uint64_t cpu = first; cpu <= last; cpu++)
		take_cpu(x, (uint32_t)cpu);
	return 0;
}

static int
add_cpu_word(struct parse *p, const struct directive *d, const char *word, const char *at,
    void *field)
{
	char *copy = xstrdup(word), *rest = copy, *part;
	int r = 0;

	while (r == 0 && (part = strsep(&rest, ",")) != NULL)
		if (*part != '\0')
			r = add_cpus(p, d, part, at, field);
	free(copy);
	return r;
}

int
set_cpus(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;

	if (*value != '\0')
		return kinds_each_word(p, d, QUOTE_UNESCAPE, value, x, add_cpu_word);
	free(x->cpus);
	x->cpus = NULL;
	x->n_cpus = 0;
	return 0;
}

static bool
has_cpu(const struct exec_conf *x, size_t cpu)
{
	return cpu / CPUS_A_WORD < x->n_cpus &&
	       (x->cpus[cpu / CPUS_A_WORD] >> cpu % CPUS_A_WORD & 1) != 0;
}

void
show_cpus(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_conf *x = field;
	size_t start = b->len;

	(void)d;
	for (size_t cpu = 0; cpu < x->n_cpus * CPUS_A_WORD; cpu++) {
		size_t last = cpu;

		if (!has_cpu(x, cpu))
			continue;
		while (has_cpu(x, last + 1))
			last++;
		buf_addf(b, last > cpu ? "%s%zu-%zu" : "%s%zu", b->len > start ? " " : "",
		    cpu, last);
		cpu = last;
	}
}

/* ---- the disk ---- */

int
set_io_class(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;
	int class = IO_CLASS_USUAL;

	if (*value != '\0')
		class = find_value(io_classes, COUNT(io_classes), value);
	if (class == -1)
		return kinds_refuse(p, d, NULL, value);
	/* none is what a process has that says nothing; as systemd, it is named. */
	if (class == 0 || *value == '\0')
		x->io_priority = IO_PRIORITY_USUAL;
	else if (!x->io_set)
		x->io_priority = IO_PRIORITY_USUAL;
	x->io_class = class == 0 ? IO_CLASS_USUAL : class;
	x->io_set = *value != '\0';
	return 0;
}

void
show_io_class(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_conf *x = field;

	(void)d;
	if (x->io_set)
		buf_adds(b, find_word(io_classes, COUNT(io_classes), x->io_class));
}

int
set_io_priority(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;
	int64_t n = IO_PRIORITY_USUAL;

	if (*value != '\0' && integer_parse(value, 0, IO_PRIORITY_LAST, &n) == -1)
		return kinds_refuse(p, d, NULL, value);
	if (!x->io_set || *value == '\0')
		x->io_class = IO_CLASS_USUAL;
	x->io_priority = (int)n;
	x->io_set = *value != '\0';
	return 0;
}

void
show_io_priority(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_conf *x = field;

	(void)d;
	if (x->io_set)
		buf_addf(b, "%d", x->io_priority);
}

/* ---- timers ---- */

/* As a span, but what has no unit is nanoseconds, and "ns" is one. */
static int
nanoseconds_parse(const char *text, uint64_t *ns)
{
	size_t n = strspn(text, "0123456789");
	const char *unit = text + n + strspn(text + n, " \t");
	char digits[24];
	uint64_t us;

	if (n > 0 && n < sizeof(digits) &&
	    (*unit == '\0' || strcmp(unit, "ns") == 0 || strcmp(unit, "nsec") == 0)) {
		memcpy(digits, text, n);
		digits[n] = '\0';
		return number_parse(digits, UINT64_MAX - 1, ns);
	}
	if (span_parse(text, 1, &us) == -1)
		return -1;
	*ns = us > UINT64_MAX / 1000 ? UINT64_MAX : us * 1000;
	return 0;
}

int
set_timer_slack(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;
	uint64_t ns = 0;

	if (*value != '\0' && nanoseconds_parse(value, &ns) == -1)
		return kinds_refuse(p, d, NULL, value);
	x->timer_slack_ns = ns;
	x->timer_slack_set = *value != '\0';
	return 0;
}

void
show_timer_slack(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_conf *x = field;

	(void)d;
	if (x->timer_slack_set && x->timer_slack_ns == UINT64_MAX)
		buf_adds(b, "infinity");
	else if (x->timer_slack_set)
		buf_addf(b, "%lluns", (unsigned long long)x->timer_slack_ns);
}

/* ---- core dumps ---- */

static const char *const dump_words[] = { "private-anonymous", "shared-anonymous",
	"private-file-backed", "shared-file-backed", "elf-headers", "private-huge",
	"shared-huge", "private-dax", "shared-dax" };

static int
add_dump(struct parse *p, const struct directive *d, const char *word, const char *at,
    void *field)
{
	struct exec_conf *x = field;
	unsigned long long mask;
	char *end;

	for (size_t i = 0; i < COUNT(dump_words); i++) {
		if (strcmp(word, dump_words[i]) == 0) {
			x->coredump_filter |= UINT32_C(1) << i;
			return 0;
		}
	}
	if (strcmp(word, "default") == 0) {
		x->coredump_filter |= 0x33;
		return 0;
	}
	if (strcmp(word, "all") == 0) {
		x->coredump_filter = UINT32_MAX;
		return 0;
	}
	errno = 0;
	mask = strtoull(word, &end, 16);
	if (*word == '-' || *word == '+' || end == word || *end != '\0' || errno != 0 ||
	    mask > UINT32_MAX)
		return kinds_refuse(p, d, at, word);
	x->coredump_filter |= (uint32_t)mask;
	return 0;
}

int
set_coredump_filter(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;

	if (*value == '\0')
		x->coredump_filter = 0;
	x->coredump_filter_set = *value != '\0';
	return kinds_each_word(p, d, QUOTE_UNESCAPE, value, x, add_dump);
}

void
show_coredump_filter(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_conf *x = field;

	(void)d;
	if (x->coredump_filter_set)
		buf_addf(b, "0x%x", x->coredump_filter);
}

/* ---- the machine that it sees ---- */

static const struct {
	const char *word;
	const char *machine; /* that can be seen so */
	int persona;
} personas[] = {
	{ "arm", "aarch64", PER_LINUX32 },
	{ "arm64", "aarch64", PER_LINUX },
	{ "arm64-be", "aarch64_be", PER_LINUX },
	{ "ppc", "ppc64", PER_LINUX32 },
	{ "ppc-le", "ppc64le", PER_LINUX32 },
	{ "ppc64", "ppc64", PER_LINUX },
	{ "ppc64-le", "ppc64le", PER_LINUX },
	{ "s390", "s390x", PER_LINUX32 },
	{ "s390x", "s390x", PER_LINUX },
	{ "x86", "x86_64", PER_LINUX32 },
	{ "x86-64", "x86_64", PER_LINUX },
};

int
set_personality(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;
	struct utsname here;
	size_t i = 0;

	if (*value == '\0') {
		x->personality_set = false;
		return 0;
	}
	while (i < COUNT(personas) && strcmp(value, personas[i].word) != 0)
		i++;
	if (i == COUNT(personas))
		return kinds_refuse(p, d, NULL, value);
	if (uname(&here) == -1 || strcmp(here.machine, personas[i].machine) != 0) {
		parse_warn(p, NULL, NULL, "%s=%s has no effect: this machine is %s",
		    d->key, value, here.machine);
		x->personality_set = false;
		return 0;
	}
	x->personality = (uint32_t)personas[i].persona;
	x->personality_set = true;
	return 0;
}

void
show_personality(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_conf *x = field;
	struct utsname here;

	(void)d;
	if (!x->personality_set || uname(&here) == -1)
		return;
	for (size_t i = 0; i < COUNT(personas); i++)
		if ((uint32_t)personas[i].persona == x->personality &&
		    strcmp(here.machine, personas[i].machine) == 0)
			buf_adds(b, personas[i].word);
}
