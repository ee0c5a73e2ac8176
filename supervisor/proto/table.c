/*
 * Layout and validity of run/table.  A table may come from an older or newer build, or
 * from a disk that was full: everything that is computed from it is checked first.
 */
#include "proto/table.h"

#include <string.h>

enum { PAGE = 4096, NSLOTS_MAX = 1 << 20 };

static uint64_t
slots_at(void)
{
	return (sizeof(struct table) + 63) & ~(uint64_t)63;
}

static uint64_t
page_after(uint64_t end)
{
	return (end + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

static uint64_t
rare_at(uint32_t nslots)
{
	return page_after(slots_at() + (uint64_t)nslots * sizeof(struct table_slot));
}

static uint64_t
carries_at(uint32_t nslots)
{
	return page_after(rare_at(nslots) + (uint64_t)nslots * sizeof(struct table_rare));
}

uint64_t
table_bytes(uint32_t nslots)
{
	return carries_at(nslots) + (uint64_t)nslots * 4 * CARRY_BYTES;
}

void
table_init(struct table *t, uint32_t nslots)
{
	table_sign(t);
	t->nslots = nslots;
	t->total_bytes = table_bytes(nslots);
	t->slot_size = sizeof(struct table_slot);
	t->slots_at = slots_at();
	t->rare_at = rare_at(nslots);
	t->carries_at = carries_at(nslots);
	for (int i = 0; i < FD_N; i++)
		t->fd[i] = -1;
	for (int i = 0; i < ROLE_N; i++)
		t->role[i].chan_fd = -1;
	/* Last, so that a table half made is none. */
	t->magic = TABLE_MAGIC;
}

const char *
table_invalid(const struct table *t, uint64_t total_bytes)
{
	if (total_bytes < sizeof(*t))
		return "shorter than a table";
	if (t->magic != TABLE_MAGIC)
		return "not a table";
	if (!version_fits(t->version, t->readable_by, TABLE_VERSION, TABLE_READS_FROM))
		return "of another version";
	if (t->nslots == 0 || t->nslots > NSLOTS_MAX ||
	    t->slot_size != sizeof(struct table_slot) || t->slots_at != slots_at() ||
	    t->rare_at != rare_at(t->nslots) || t->carries_at != carries_at(t->nslots))
		return "of another layout";
	if (t->total_bytes != table_bytes(t->nslots) || t->total_bytes > total_bytes)
		return "cut off";
	if (memchr(t->root, '\0', sizeof(t->root)) == NULL ||
	    memchr(t->run, '\0', sizeof(t->run)) == NULL ||
	    memchr(t->boot_id, '\0', sizeof(t->boot_id)) == NULL)
		return "damaged";
	return NULL;
}

void
table_sign(struct table *t)
{
	t->version = TABLE_VERSION;
	t->readable_by = TABLE_READABLE_BY;
	t->proto_version = PROTO_VERSION;
}

struct table_slot *
table_slot(struct table *t, uint32_t i)
{
	char *base = (char *)t + t->slots_at;

	return (struct table_slot *)(void *)base + i;
}

uint32_t
table_used(const struct table *t)
{
	return t->slots_high < t->nslots ? t->slots_high : t->nslots;
}

uint32_t
table_stored_used(const struct table *t)
{
	return t->stored_high < STORED_MAX ? t->stored_high : STORED_MAX;
}

struct table_rare *
table_rare(struct table *t, uint32_t i)
{
	char *base = (char *)t + t->rare_at;

	return (struct table_rare *)(void *)base + i;
}

uint32_t
table_stem_len(const char *unit, const char *name)
{
	size_t n = strnlen(name, PROTO_NAME_MAX - 1);

	return n > 0 && n < PROTO_UNIT_MAX && strncmp(unit, name, n) == 0 &&
		       unit[n] == '.'
		   ? (uint32_t)n
		   : 0;
}

void
table_set_log_name(struct table *t, uint32_t i, const char *name)
{
	struct table_slot *s = table_slot(t, i);
	size_t n = strnlen(name, PROTO_NAME_MAX - 1);
	char *dst;

	s->stem_len = table_stem_len(s->unit, name);
	if (s->stem_len > 0)
		return;
	dst = table_rare(t, i)->name;
	memcpy(dst, name, n);
	dst[n] = '\0';
}

void
table_log_name(struct table *t, uint32_t i, char *dst)
{
	const struct table_slot *s = table_slot(t, i);
	size_t n = s->stem_len;

	if (n > 0 && n < PROTO_NAME_MAX)
		memcpy(dst, s->unit, n);
	else
		memcpy(dst, table_rare(t, i)->name, n = PROTO_NAME_MAX - 1);
	dst[n] = '\0';
}

char *
table_carry(struct table *t, uint32_t slot, unsigned stream, unsigned which)
{
	uint64_t n = (uint64_t)slot * 4 + stream * 2 + which;

	return (char *)t + t->carries_at + n * CARRY_BYTES;
}

/* Decimal number at p; the end. */
static char *
put_number(char *p, uint32_t n)
{
	char digits[10];
	int len = 0;

	do {
		digits[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	while (len > 0)
		*p++ = digits[--len];
	return p;
}

void
table_cgroup_name(const struct table_slot *s, uint32_t slot, char *buf)
{
	/* Room for ".SLOT.GEN": a longer unit name is cut, the slot makes it unique. */
	size_t n = strnlen(s->unit, NAME_MAX - 24);
	char *p = buf + n;

	memcpy(buf, s->unit, n);
	*p++ = '.';
	p = put_number(p, slot);
	if (s->cgroup_gen > 0) {
		*p++ = '.';
		p = put_number(p, s->cgroup_gen);
	}
	*p = '\0';
}

enum { CLAIMED_BY_CHILD = 1, GIVEN_UP };

static bool
resolve(struct table_proc *p, uint32_t to)
{
	uint32_t open = 0;

	return __atomic_compare_exchange_n(
	    &p->claimed, &open, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

bool
table_proc_claim(struct table_proc *p)
{
	return resolve(p, CLAIMED_BY_CHILD);
}

bool
table_proc_give_up(struct table_proc *p)
{
	return resolve(p, GIVEN_UP);
}
