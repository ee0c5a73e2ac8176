#include "manager/phases.h"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/map.h"
#include "lib/xalloc.h"
#include "manager/activate/phase.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/part/part.h"
#include "manager/phases_int.h"
#include "manager/record/event.h"
#include "manager/record/store.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/watch/pathlook.h"
#include "unit/pathglob.h"
#include "unit/supd_conf.h"

#define ACTIVITY_FILE "activity"
#define BY_FILE "file ("
#define SAVE_US USEC_PER_SEC
#define FILE_MASK (IN_ATTRIB | IN_MODIFY | IN_CLOSE_WRITE)

enum { ACTIVITY_MAX = 4096 };

static struct phase_now
now(void)
{
	return (struct phase_now){ clock_boot_us(), clock_wall_us() };
}

static struct phase_limits
limits(const struct phases *ph)
{
	const struct phases_conf *c = &ph->m->conf->phases;

	return (struct phase_limits){ c->transition_us, c->sleep_us };
}

/* ---- evidence ------------------------------------------------------------------------
 */

/* For the next manager: of this boot by the clock that no one sets. */
static void
save(struct phases *ph)
{
	uint64_t boot_us = clock_boot_us();
	struct buf b = { 0 };

	store_set_activity(ph->m->store, clock_wall_us());
	if (ph->saved_boot_us != 0 && boot_us - ph->saved_boot_us < SAVE_US)
		return;
	ph->saved_boot_us = boot_us;
	buf_addf(&b, "%s %" PRIu64 " %s\n", ph->m->table->boot_id, boot_us, ph->what);
	/* (On a tmpfs; where run/ is a plain folder it is a local one.) */
	if (file_write_atomic(
		ph->m->run_fd, ACTIVITY_FILE, buf_str(&b), b.len, 0600, false) == -1)
		log_warn("run/" ACTIVITY_FILE);
	buf_free(&b);
}

/* false: there is none of this boot. */
static bool
read_saved(struct phases *ph)
{
	struct buf b = { 0 };
	char boot_id[64];
	uint64_t boot_us;
	int at = 0;
	bool ok = false;

	if (file_read_at(ph->m->run_fd, ACTIVITY_FILE, ACTIVITY_MAX, &b) == 0 &&
	    sscanf(buf_str(&b), "%63s %" SCNu64 " %n", boot_id, &boot_us, &at) == 2 &&
	    strcmp(boot_id, ph->m->table->boot_id) == 0 && boot_us <= clock_boot_us()) {
		ph->e.event_boot_us = (int64_t)boot_us;
		strlcpy(ph->what, buf_str(&b) + at, sizeof(ph->what));
		ph->what[strcspn(ph->what, "\n")] = '\0';
		ok = true;
	}
	buf_free(&b);
	return ok;
}

static void
active(struct phases *ph)
{
	ph->e.has_event = true;
	ph->e.event_boot_us = (int64_t)clock_boot_us();
	save(ph);
	/* Awake, the timer finds out by itself that it comes too early. */
	if (ph->phase != PHASE_WAKE)
		phases_look_later(ph);
}

void
phases_on_input(struct manager *m, const struct unit *u)
{
	struct phases *ph = m->phases;

	if (!ph->on || !m->conf->phases.input)
		return;
	snprintf(ph->what, sizeof(ph->what), "input (%s)", u->name);
	active(ph);
}

void
phases_on_command(struct manager *m, const char *user, const char *command)
{
	struct phases *ph = m->phases;

	if (!ph->on || !m->conf->phases.commands)
		return;
	snprintf(ph->what, sizeof(ph->what), "command (%s of %s)", command, user);
	active(ph);
}

static bool
take_file(void *arg, const char *path, const char *captured)
{
	struct phases *ph = arg;
	struct stat st;
	uint64_t us;

	(void)captured;
	if (stat(path, &st) == -1)
		return true;
	us = st.st_mtim.tv_sec < 0 ? 0
				   : (uint64_t)st.st_mtim.tv_sec * USEC_PER_SEC +
					 (uint64_t)st.st_mtim.tv_nsec / 1000;
	if (ph->e.has_file && us <= ph->e.file_wall_us)
		return true;
	ph->e.has_file = true;
	ph->e.file_wall_us = us;
	strlcpy(ph->file, path, sizeof(ph->file));
	return true;
}

/* All of them anew; watched as long as that is not taken back. */
static void
look_at_files(struct phases *ph)
{
	const struct strv *files = &ph->m->conf->phases.files;

	ph->e.has_file = false;
	if (files->n == 0)
		return;
	if (ph->look == NULL)
		ph->look = pathlook_new(ph->m, phases_on_files, ph);
	pathlook_begin(ph->look);
	for (size_t i = 0; i < files->n; i++) {
		struct strv all = { 0 };

		pathlook_set_end(ph->look, FILE_MASK, i);
		pathglob_braces(files->v[i], &all);
		for (size_t k = 0; k < all.n; k++)
			free(pathlook_walk(ph->look, all.v[k], true, take_file, ph));
		strv_free(&all);
	}
}

void
phases_on_files(void *arg)
{
	struct phases *ph = arg;

	/* One that changes all the time costs a look each FileWatchDelaySec=. */
	if (!loop_timer_is_armed(ph->soon))
		loop_timer_in(ph->soon, ph->m->conf->file_watch_delay_us);
}

/* ---- the phase -----------------------------------------------------------------------
 */

const char *
phases_word(const struct manager *m)
{
	return m->phases->on ? phase_name(m->phases->phase) : NULL;
}

static void
evidence(const struct phases *ph, const struct phase_now *t, char *dst, size_t size)
{
	if (phase_is_by_file(&ph->e, t))
		snprintf(dst, size, BY_FILE "%s)", ph->file);
	else
		strlcpy(dst, ph->what, size);
}

static void
tell(struct phases *ph, const char *from, const struct phase_now *t, uint64_t idle_us)
{
	struct emitter *ev = ph->m->events;
	char text[PHASES_TEXT_MAX + 16], at[CLOCK_TEXT_MAX];

	evidence(ph, t, text, sizeof(text));
	event_begin(ev, EVENT_PHASE_CHANGED, NULL, NULL);
	event_str(ev, "phase", phase_name(ph->phase));
	event_str(ev, "from", from);
	event_str(ev, "evidence", text);
	event_str(ev, "activity",
	    clock_format_utc(
		at, sizeof(at), t->wall_us > idle_us ? t->wall_us - idle_us : 0));
	event_int(ev, "idle_us", (int64_t)idle_us);
	event_end(ev);
	manager_say(ph->m, MARK_NOTE, "the phase is %s: %s", phase_name(ph->phase), text);
}

static void
arm(struct phases *ph, uint64_t next_us)
{
	/* What cannot be watched is looked at again, as by path units. */
	if (ph->look != NULL && ph->phase != PHASE_WAKE && pathlook_is_blind(ph->look) &&
	    ph->m->conf->path_retry_us < next_us)
		next_us = ph->m->conf->path_retry_us;
	if (next_us == USEC_INFINITY)
		loop_timer_stop(ph->timer);
	else
		loop_timer_in(ph->timer, next_us);
}

/* Which one it is now, and what follows from it. */
static void
look(struct phases *ph)
{
	struct phase_limits l = limits(ph);
	const char *from = ph->known ? phase_name(ph->phase) : NULL;
	struct phase_now t;
	enum phase p;
	uint64_t idle_us;

	look_at_files(ph);
	t = now();
	/* Nothing is known: who has started it is there. */
	if (!ph->e.has_event && !ph->e.has_file) {
		ph->e.has_event = true;
		ph->e.event_boot_us = (int64_t)t.boot_us;
		strlcpy(ph->what, "supd was started", sizeof(ph->what));
		save(ph);
	}
	idle_us = phase_idle_us(&ph->e, &t);
	p = phase_at(&l, idle_us, ph->dreamers.n > 0);
	if (ph->look != NULL && p == PHASE_WAKE)
		pathlook_stop(ph->look);
	if (!ph->known || p != ph->phase) {
		ph->phase = p;
		ph->known = true;
		ph->since_wall_us = t.wall_us;
		tell(ph, from, &t, idle_us);
	}
	arm(ph, phase_next_us(&l, idle_us));
	phases_apply(ph);
}

static void
look_posted(void *arg)
{
	struct phases *ph = arg;

	if (ph->on && ph->begun && ph->m->phase == MANAGER_RUNNING && !ph->m->safe_mode)
		look(ph);
}

void
phases_look_later(struct phases *ph)
{
	/* Not from within whoever tells: it starts and stops others. */
	loop_post(ph->m->loop, look_posted, ph);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	(void)t;
	look_posted(arg);
}

void
phases_on_clock_set(struct manager *m)
{
	phases_look_later(m->phases);
}

void
phases_on_conf(struct manager *m)
{
	struct phases *ph = m->phases;
	bool on = m->conf->phases.any;

	if (ph->on && !on) {
		ph->on = ph->known = false;
		loop_timer_stop(ph->timer);
		loop_timer_stop(ph->soon);
		pathlook_free(ph->look);
		ph->look = NULL;
		phases_apply(ph);
	}
	ph->on = on;
	if (on)
		phases_begin(m);
}

void
phases_begin(struct manager *m)
{
	struct phases *ph = m->phases;

	ph->begun = true;
	if (!ph->on)
		return;
	phases_gather(ph);
	phases_look_later(ph);
}

/* ---- life ----------------------------------------------------------------------------
 */

static void
take_event(void *arg, const char *line, size_t len)
{
	struct phases *ph = arg;
	struct jv *v = jv_parse(line, len, NULL);
	const struct event_def *def = event_def_by_name(jv_str(jv_get(v, "event"), ""));
	const char *text = jv_str(jv_get(v, "evidence"), "?");
	int p = phase_by_name(jv_str(jv_get(v, "phase"), ""));
	struct phase_now t = now();
	uint64_t us;

	if (def != NULL && def->id == EVENT_PHASE_CHANGED && p != -1) {
		ph->phase = (enum phase)p;
		ph->known = true;
		if (clock_parse(jv_str(jv_get(v, "ts"), ""), &ph->since_wall_us) == -1)
			ph->since_wall_us = t.wall_us;
		/* (A file says by itself when it was changed, also if that is undone.) */
		if (strncmp(text, BY_FILE, strlen(BY_FILE)) != 0 &&
		    clock_parse(jv_str(jv_get(v, "activity"), ""), &us) == 0) {
			ph->e.has_event = true;
			ph->e.event_boot_us = phase_event_at(us, &t);
			strlcpy(ph->what, text, sizeof(ph->what));
		}
	}
	jv_free(v);
}

struct phases *
phases_new(struct manager *m)
{
	struct phases *ph = xcalloc(1, sizeof(*ph));
	struct phase_now t = now();
	uint64_t us = store_activity(m->store);

	ph->m = m;
	ph->on = m->conf->phases.any;
	ph->timer = loop_timer_new(m->loop, "phase", on_timer, ph);
	ph->soon = loop_timer_new(m->loop, "phase-files", on_timer, ph);
	store_each_kept(m->store, take_event, ph);
	/* What was known later than the phase changed. */
	if (us != 0 &&
	    (!ph->e.has_event || phase_event_at(us, &t) > ph->e.event_boot_us)) {
		ph->e.has_event = true;
		ph->e.event_boot_us = phase_event_at(us, &t);
		strlcpy(ph->what, "before supd was started", sizeof(ph->what));
	}
	if (read_saved(ph))
		ph->e.has_event = true;
	if (!ph->on)
		ph->known = false;
	return ph;
}

void
phases_render(struct manager *m, struct jw *w)
{
	const struct phases *ph = m->phases;
	char text[PHASES_TEXT_MAX + 16], at[CLOCK_TEXT_MAX];
	struct phase_limits l = limits(ph);
	struct phase_now t = now();
	uint64_t idle_us = phase_idle_us(&ph->e, &t),
		 next_us = phase_next_us(&l, idle_us);

	if (!ph->on || !ph->known) {
		jw_kv_null(w, "phase");
		return;
	}
	evidence(ph, &t, text, sizeof(text));
	jw_kv_obj(w, "phase");
	jw_kv_str(w, "phase", phase_name(ph->phase));
	jw_kv_str(w, "since", clock_format_utc(at, sizeof(at), ph->since_wall_us));
	jw_kv_str(w, "evidence", text);
	jw_kv_u64(w, "idle_us", idle_us);
	if (next_us == USEC_INFINITY) {
		jw_kv_null(w, "next");
		jw_kv_null(w, "next_in_us");
	} else {
		jw_kv_str(w, "next",
		    phase_name(phase_at(&l, clock_add_us(idle_us, next_us), false)));
		jw_kv_u64(w, "next_in_us", next_us);
	}
	jw_end(w);
}
