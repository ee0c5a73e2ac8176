#include "manager/service/memory.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/layout.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "proto/spec.h"

static const char *const state_names[SVC_NSTATES] = {
#define SVC_STATE(id, name, text, active) [id] = text,
#include "manager/service/service.def"
};
static const enum svc_active state_active[SVC_NSTATES] = {
#define SVC_STATE(id, name, text, active) [id] = SVC_ACTIVE_##active,
#include "manager/service/service.def"
};
static const char *const result_names[SVC_NRESULTS] = {
#define SVC_RESULT(id, name, text) [id] = text,
#include "manager/service/service.def"
};
static const char *const active_names[SVC_NACTIVES] = {
	[SVC_ACTIVE_INACTIVE] = "inactive",
	[SVC_ACTIVE_ACTIVATING] = "activating",
	[SVC_ACTIVE_ACTIVE] = "active",
	[SVC_ACTIVE_RELOADING] = "reloading",
	[SVC_ACTIVE_DEACTIVATING] = "deactivating",
	[SVC_ACTIVE_FAILED] = "failed",
};
static const char *const how_names[] = {
	[0] = "none",
	[EXIT_EXITED] = "exited",
	[EXIT_KILLED] = "killed",
	[EXIT_DUMPED] = "dumped",
	[EXIT_UNKNOWN] = "unknown",
	[EXIT_NOT_STARTED] = "not-started",
};
static const char *const timer_names[SVC_NTIMERS] = {
	[SVC_TIMER_PHASE] = "phase", [SVC_TIMER_RUNTIME] = "runtime",
	/* The others are begun anew by a new manager. */
};

const char *
svc_state_name(enum svc_state st)
{
	return (unsigned)st < SVC_NSTATES ? state_names[st] : "?";
}

const char *
svc_result_name(enum svc_result r)
{
	return (unsigned)r < SVC_NRESULTS ? result_names[r] : "?";
}

enum svc_active
svc_state_active(enum svc_state st)
{
	return (unsigned)st < SVC_NSTATES ? state_active[st] : SVC_ACTIVE_INACTIVE;
}

const char *
svc_active_name(enum svc_active a)
{
	return (unsigned)a < SVC_NACTIVES ? active_names[a] : "?";
}

int
svc_state_find(const char *text)
{
	for (int i = 0; i < SVC_NSTATES; i++)
		if (strcmp(state_names[i], text) == 0)
			return i;
	return -1;
}

int
svc_result_find(const char *text)
{
	for (int i = 0; i < SVC_NRESULTS; i++)
		if (strcmp(result_names[i], text) == 0)
			return i;
	return -1;
}

const char *
svc_how_name(uint32_t how)
{
	return how < sizeof(how_names) / sizeof(how_names[0]) ? how_names[how] : "?";
}

const char *
svc_signal_name(int signo, char *dst, size_t size)
{
	const char *abbrev;

	if (signo >= SIGRTMIN && signo <= SIGRTMAX)
		snprintf(dst, size, "RTMIN+%d", signo - SIGRTMIN);
	else if (signo > 0 && (abbrev = sigabbrev_np(signo)) != NULL)
		strlcpy(dst, abbrev, size);
	else
		snprintf(dst, size, "%d", signo);
	return dst;
}

const char *
svc_exit_text(const struct svc_exit *x, char *dst, size_t size)
{
	char sig[24];
	const char *step;

	switch (x->how) {
	case EXIT_EXITED:
		if (x->phase != 0) {
			step = spec_phase_name(x->phase);
			/* Without an error: no call failed, as for a user that there is
			 * not. */
			snprintf(dst, size, "failed at step %s%s%s (status=%d)",
			    step != NULL ? step : "?", x->err != 0 ? ": " : "",
			    x->err != 0 ? strerror(x->err) : "", x->status);
		} else {
			snprintf(dst, size, "exited, status=%d", x->status);
		}
		break;
	case EXIT_KILLED:
		snprintf(dst, size, "killed, signal=%s",
		    svc_signal_name(x->status, sig, sizeof(sig)));
		break;
	case EXIT_DUMPED:
		snprintf(dst, size, "dumped core, signal=%s",
		    svc_signal_name(x->status, sig, sizeof(sig)));
		break;
	case EXIT_UNKNOWN:
		strlcpy(dst, "ended unseen", size);
		break;
	case EXIT_NOT_STARTED:
		snprintf(dst, size, "could not be started%s%s", x->err != 0 ? ": " : "",
		    x->err != 0 ? strerror(x->err) : "");
		break;
	default:
		strlcpy(dst, "did not end", size);
		break;
	}
	return dst;
}

/* The text of all that have none. */
static char no_text[1];

/* What memory.def has beside texts, for those who do not look at it. */
#define UINT(f)
#define INT(f)
#define TIME(f)
#define BOOL(f)
#define TEXT(f, max) m->f = no_text;

void
svc_memory_init(struct svc_memory *m)
{
	memset(m, 0, sizeof(*m));
#include "manager/service/memory.def"
	m->slot = SLOT_NONE;
	m->watchdog_us = UINT64_MAX;
	m->hard_us = UINT64_MAX;
	m->runtime_us = UINT64_MAX;
	for (int i = 0; i < SVC_NTIMERS; i++)
		m->deadline_us[i] = UINT64_MAX;
}

static void
text_clear(char **field)
{
	if (*field != no_text)
		free(*field);
	*field = no_text;
}

void
svc_memory_text(char **field, size_t max, const char *text)
{
	size_t n = text == NULL ? 0 : utf8_head(text, strlen(text), max - 1);
	char *old = *field;

	/* The new one may be a part of the old one. */
	*field = n > 0 ? xstrndup(text, n) : no_text;
	text_clear(&old);
}

#define UINT(f)
#define INT(f)
#define TIME(f)
#define BOOL(f)
#define TEXT(f, max) text_clear(&m->f);

void
svc_memory_clear(struct svc_memory *m)
{
#include "manager/service/memory.def"
}

#define UINT(f)
#define INT(f)
#define TIME(f)
#define BOOL(f)
#define TEXT(f, max)      \
	dst->f = no_text; \
	svc_memory_text(&dst->f, max, src->f);

void
svc_memory_copy(struct svc_memory *dst, const struct svc_memory *src)
{
	svc_memory_clear(dst);
	memcpy(dst, src, sizeof(*dst));
#include "manager/service/memory.def"
}

static void
write_exit(struct jw *w, const char *key, const struct svc_exit *x)
{
	if (x->how == 0)
		return;
	jw_kv_obj(w, key);
	jw_kv_str(w, "how", svc_how_name(x->how));
	jw_kv_i64(w, "status", x->status);
	if (x->phase != 0)
		jw_kv_u64(w, "step", x->phase);
	if (x->err != 0)
		jw_kv_i64(w, "err", x->err);
	jw_kv_u64(w, "at", x->wall_us);
	jw_end(w);
}

static void
write_u64(struct jw *w, const char *key, uint64_t v)
{
	/* JSON integers end at int64: everything beyond is `none' for us. */
	if (v != 0 && v <= INT64_MAX)
		jw_kv_u64(w, key, v);
}

static void
write_bool(struct jw *w, const char *key, bool v)
{
	if (v)
		jw_kv_bool(w, key, true);
}

static void
write_str(struct jw *w, const char *key, const char *v)
{
	if (v[0] != '\0')
		jw_kv_str(w, key, v);
}

void
svc_memory_write(const struct svc_memory *m, struct jw *w)
{
	static const uint8_t none[16];
	char hex[HEX_ID_SIZE];

	jw_kv_str(w, "state", svc_state_name(m->state));
	jw_kv_str(w, "result", svc_result_name(m->result));
	if (m->reload_result != SVC_RESULT_SUCCESS)
		jw_kv_str(w, "reload_result", svc_result_name(m->reload_result));
	if (memcmp(m->invocation, none, sizeof(none)) != 0) {
		hex_encode(hex, m->invocation, sizeof(m->invocation));
		jw_kv_str(w, "invocation", hex);
	}
	if (m->slot != SLOT_NONE)
		jw_kv_u64(w, "slot", m->slot);
#define UINT(f) write_u64(w, #f, m->f);
#define INT(f)         \
	if (m->f != 0) \
		jw_kv_i64(w, #f, m->f);
#define TIME(f)                \
	if (m->f <= INT64_MAX) \
		jw_kv_u64(w, #f, m->f);
#define BOOL(f) write_bool(w, #f, m->f);
#define TEXT(f, max) write_str(w, #f, m->f);
#include "manager/service/memory.def"
	write_exit(w, "main_exit", &m->main_exit);
	write_exit(w, "control_exit", &m->control_exit);
	for (int i = 0; i < SVC_NTIMERS; i++)
		if (timer_names[i] != NULL && m->deadline_us[i] <= INT64_MAX)
			jw_kv_u64(w, timer_names[i], m->deadline_us[i]);
}

static int
read_exit(const struct jv *obj, const char *key, struct svc_exit *x, struct json_err *err)
{
	const struct jv *o = NULL;
	const char *how = NULL;
	int64_t status = 0, e = 0;
	uint64_t step = 0;

	if (jr_opt_obj(obj, key, &o, err) == -1)
		return -1;
	if (o == NULL)
		return 0;
	if (jr_str(o, "how", &how, err) == -1 ||
	    jr_opt_i64(o, "status", &status, err) == -1 ||
	    jr_opt_i64(o, "err", &e, err) == -1 ||
	    jr_opt_u64(o, "step", &step, err) == -1 ||
	    jr_opt_u64(o, "at", &x->wall_us, err) == -1)
		return -1;
	x->how = EXIT_UNKNOWN;
	for (uint32_t i = 1; i < sizeof(how_names) / sizeof(how_names[0]); i++)
		if (strcmp(how, how_names[i]) == 0)
			x->how = i;
	if (status < 0 || status > 255 || e < 0 || e > 4095 || step > 255) {
		snprintf(err->text, sizeof(err->text), "%s: out of range", key);
		return -1;
	}
	x->status = (int32_t)status;
	x->err = (int32_t)e;
	x->phase = (uint32_t)step;
	return 0;
}

static int
read_uint(const struct jv *obj, const char *key, uint64_t max, uint64_t *v,
    struct json_err *err)
{
	if (jr_opt_u64(obj, key, v, err) == -1)
		return -1;
	if (*v > max) {
		snprintf(err->text, sizeof(err->text), "%s: out of range", key);
		return -1;
	}
	return 0;
}

static int
read_text(
    const struct jv *obj, const char *key, char **field, size_t max, struct json_err *err)
{
	const char *v = NULL;

	if (jr_opt_str(obj, key, &v, err) == -1)
		return -1;
	svc_memory_text(field, max, v);
	return 0;
}

static int
read_members(const struct jv *obj, struct svc_memory *m, struct json_err *err)
{
	const char *text;
	uint64_t v;
	int64_t i64;
	int i;

	if (jr_str(obj, "state", &text, err) == -1)
		return -1;
	if ((i = svc_state_find(text)) == -1) {
		snprintf(err->text, sizeof(err->text), "state: no such state");
		return -1;
	}
	m->state = (enum svc_state)i;
	text = NULL;
	if (jr_opt_str(obj, "result", &text, err) == -1)
		return -1;
	/* A result of a newer build is a failure that we have no word for. */
	if (text != NULL)
		m->result = (i = svc_result_find(text)) == -1 ? SVC_RESULT_UNKNOWN
							      : (enum svc_result)i;
	text = NULL;
	if (jr_opt_str(obj, "reload_result", &text, err) == -1)
		return -1;
	if (text != NULL)
		m->reload_result = (i = svc_result_find(text)) == -1 ? SVC_RESULT_UNKNOWN
								     : (enum svc_result)i;
	text = NULL;
	if (jr_opt_str(obj, "invocation", &text, err) == -1)
		return -1;
	if (text != NULL &&
	    hex_decode(m->invocation, sizeof(m->invocation), text) == -1) {
		snprintf(err->text, sizeof(err->text), "invocation: not 32 hex digits");
		return -1;
	}
	v = SLOT_NONE;
	if (read_uint(obj, "slot", SLOT_NONE, &v, err) == -1)
		return -1;
	m->slot = (uint32_t)v;
#define UINT(f)                                                                        \
	v = 0;                                                                         \
	if (read_uint(obj, #f, sizeof(m->f) == 4 ? UINT32_MAX : INT64_MAX, &v, err) == \
	    -1)                                                                        \
		return -1;                                                             \
	m->f = (__typeof__(m->f))v;
#define INT(f)                                                                  \
	i64 = 0;                                                                \
	if (jr_opt_i64(obj, #f, &i64, err) == -1)                               \
		return -1;                                                      \
	if (i64 < INT32_MIN || i64 > INT32_MAX) {                               \
		snprintf(err->text, sizeof(err->text), "%s: out of range", #f); \
		return -1;                                                      \
	}                                                                       \
	m->f = (int32_t)i64;
#define TIME(f)                                    \
	if (jr_opt_u64(obj, #f, &m->f, err) == -1) \
		return -1;
#define BOOL(f)                                     \
	if (jr_opt_bool(obj, #f, &m->f, err) == -1) \
		return -1;
#define TEXT(f, max)                                   \
	if (read_text(obj, #f, &m->f, max, err) == -1) \
		return -1;
#include "manager/service/memory.def"
	if (read_exit(obj, "main_exit", &m->main_exit, err) == -1 ||
	    read_exit(obj, "control_exit", &m->control_exit, err) == -1)
		return -1;
	for (i = 0; i < SVC_NTIMERS; i++)
		if (timer_names[i] != NULL &&
		    jr_opt_u64(obj, timer_names[i], &m->deadline_us[i], err) == -1)
			return -1;
	if (m->cmd >= 7 || m->access > 4 || m->log_alt > LAYOUT_ALT_MAX ||
	    m->main_pid < 0 || m->control_pid < 0) {
		snprintf(
		    err->text, sizeof(err->text), "memory of a service: out of range");
		return -1;
	}
	return 0;
}

int
svc_memory_read(const struct jv *obj, struct svc_memory *m, struct json_err *err)
{
	struct json_err mine;

	svc_memory_init(m);
	if (read_members(obj, m, err != NULL ? err : &mine) == 0)
		return 0;
	svc_memory_clear(m);
	return -1;
}

uint64_t
svc_took_us(const struct svc_memory *m)
{
	uint64_t end_us;

	switch (m->state) {
	case SVC_DEAD:
	case SVC_FAILED:
	case SVC_AUTO_RESTART:
	case SVC_LIMIT_WAIT:
		end_us = m->ended_wall_us;
		break;
	case SVC_EXITED:
		end_us = m->changed_wall_us;
		break;
	default:
		return 0;
	}
	if (m->main_started_wall_us == 0)
		return 0;
	/* (A clock that was set back makes it nothing.) */
	return end_us > m->started_wall_us ? end_us - m->started_wall_us : 1;
}
