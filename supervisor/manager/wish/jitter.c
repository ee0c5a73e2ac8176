#include "manager/wish/jitter.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/clock.h"
#include "lib/loop.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/record/store.h"
#include "manager/sessions/sessions.h"
#include "manager/units.h"
#include "unit/conf.h"

/* Of a limit: who set it ends it by a clock of their own. */
#define SLACK_MIN_US (2 * USEC_PER_SEC)
#define SLACK_SPREAD_US (10 * USEC_PER_SEC)

static uint64_t
window_of(const struct unit *u)
{
	uint64_t us = u->conf->service == NULL ? 0 : u->conf->service->start_jitter_us;

	if (us != UNIT_INFINITY)
		return us;
	return unit_is_session(u) ? u->manager->conf->boot_jitter_us : 0;
}

/* FNV-1a: any number that is the same for all managers, and another for each unit, will
 * do. */
static uint64_t
mix(uint64_t sum, const char *text)
{
	for (; *text != '\0'; text++)
		sum = (sum ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return sum ^ sum >> 32;
}

static uint64_t
share_of(const struct unit *u, const char *salt, uint64_t window_us)
{
	uint64_t sum = mix(mix(UINT64_C(0xcbf29ce484222325), salt), u->name);

	return window_us == 0 ? 0 : sum % window_us;
}

struct due {
	uint64_t now_us, next_us;
};

static void
look(struct unit *u, void *arg)
{
	struct due *d = arg;

	if (u->start_at_us == 0)
		return;
	if (u->start_at_us <= d->now_us)
		jitter_skip(u);
	else if (u->start_at_us < d->next_us)
		d->next_us = u->start_at_us;
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct manager *m = arg;
	struct due d = { .now_us = clock_mono_us(), .next_us = UINT64_MAX };

	units_look(m, look, &d);
	if (d.next_us != UINT64_MAX)
		loop_timer_at(t, d.next_us);
}

void
jitter_begin(struct unit *u)
{
	struct manager *m = u->manager;
	uint64_t now_us = clock_wall_us(), begin_us = m->boot_wall_us;
	uint64_t wait_us = share_of(u, m->table->boot_id, window_of(u));
	uint64_t gone_us;

	if (wait_us == 0 || !store_is_first_of_boot(m->store))
		return;
	/* (A clock that was set meanwhile makes nobody wait longer than its share.) */
	gone_us = now_us > begin_us ? now_us - begin_us : 0;
	if (gone_us >= wait_us)
		return;
	u->start_at_us = clock_add_us(clock_mono_us(), wait_us - gone_us);
	unit_render_drop(u);
	if (m->jitter_timer == NULL)
		m->jitter_timer = loop_timer_new(m->loop, "jitter", on_timer, m);
	if (!loop_timer_is_armed(m->jitter_timer) ||
	    u->start_at_us < loop_timer_deadline_us(m->jitter_timer))
		loop_timer_at(m->jitter_timer, u->start_at_us);
}

bool
jitter_waits(const struct unit *u)
{
	return u->start_at_us != 0;
}

void
jitter_skip(struct unit *u)
{
	if (u->start_at_us == 0)
		return;
	u->start_at_us = 0;
	unit_render_drop(u);
	jobs_unit_changed(u->job_unit);
}

const char *
jitter_why(const struct unit *u, bool relative, char *dst, size_t size)
{
	uint64_t now_us = clock_mono_us();
	uint64_t left_us = u->start_at_us > now_us ? u->start_at_us - now_us : 0;
	char text[CLOCK_TEXT_MAX];

	if (relative)
		snprintf(dst, size, "starts in %" PRIu64 " s (jitter after boot)",
		    (left_us + USEC_PER_SEC - 1) / USEC_PER_SEC);
	else
		snprintf(dst, size, "starts at %s (jitter after boot)",
		    clock_format_local(
			text, sizeof(text), clock_add_us(clock_wall_us(), left_us)));
	return dst;
}

uint64_t
jitter_slack(const struct unit *u, uint64_t wall_us)
{
	char day[24];

	snprintf(day, sizeof(day), "%" PRIu64, wall_us / USEC_PER_DAY);
	return SLACK_MIN_US + share_of(u, day, SLACK_SPREAD_US);
}
