/*
 * units: what the manager knows of units by name: the loaded file, the service, and what
 * persons decided about it (wishes, which outlive everything).
 *
 * Look-ups by any name of a unit, with or without suffix.  A unit is loaded on demand and
 * its files are looked at again by unit_refresh; a changed file is shown as changed and
 * used at the next start, never before.
 */
#ifndef SUPD_MANAGER_UNITS_H
#define SUPD_MANAGER_UNITS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/strv.h"
#include "unit/diag.h"

struct bond;
struct connection;
struct drain;
struct instances;
struct job_unit;
struct jw;
struct loop_timer;
struct manager;
struct member;
struct part;
struct pool_member;
struct service;
struct session;
struct supd_conf;
struct svc_memory;
struct unit_budget;
struct unit_conf;
struct unit_ops;
struct unit_request;
struct unit_signal;

/* What a person asked for last: survives crash, re-exec, upgrade and reboot. */
enum wish {
	WISH_NONE,    /* the file decides ([Install]) */
	WISH_STARTED, /* somebody started it: started again with the instance */
	WISH_STOPPED, /* somebody stopped it: stays so until started */
};

/* Who decided, for `status' and for the history. */
struct wish_who {
	uid_t uid;
	pid_t pid;
	char name[64];    /* of the user, or the number */
	char command[64]; /* comm of the client */
	uint64_t wall_us; /* 0: nobody */
};

enum wish_flag {
	WISH_FLAG_ENABLED,  /* enable: started with the instance without [Install] */
	WISH_FLAG_DISABLED, /* disable: not started with the instance */
	WISH_FLAG_MASKED,   /* mask: cannot be started at all */
	WISH_FLAG_HELD,     /* hold: may run on, is not started or restarted */
	WISH_FLAG_FROZEN,   /* freeze: stands still, and is not started */
	WISH_FLAG_HALTED,   /* an emergency stop ended it: its end starts it again */
	WISH_FLAG_DRAINING, /* drain: is about to come to its end, and to be stopped */
	WISH_FLAG_AWAITED,  /* something wanted it started while it was held */
	WISH_NFLAGS,
};

/* What goes with a flag that is on. */
struct wish_terms {
	char *reason;           /* NULL: none was given */
	uint64_t until_wall_us; /* 0: until it is taken back */
	char *text;             /* "held by root (supctl) until 2026-…: REASON" */
};

struct unit {
	struct manager *manager;
	char *name;              /* conf->id, or the name asked for when not loaded */
	struct unit_conf *conf;  /* of the newest load; never NULL */
	struct diags diags;      /* of that load */
	struct service *svc;     /* NULL: not a service, or nothing to run */
	struct strv other_names; /* by which the manager knows it as well */
	struct part *part;       /* NULL: a service, or nothing that can be started */
	int told_active;         /* enum svc_active, when it was looked at last */
	bool tells_active;       /* see unit_know_active */
	struct unit_conf
	    *svc_conf; /* the newest that svc or part was given; conf may be bad */
	struct unit_conf **held; /* older ones that svc still reads */
	size_t n_held;
	struct unit_ops *ops;         /* what ops.c keeps for svc */
	struct job_unit *job_unit;    /* never NULL */
	int log_err;                  /* its lines cannot be written; 0: they can */
	uint32_t log_err_slot;        /* of this slot */
	struct session *session;      /* NULL: it never had a terminal (sessions.c) */
	struct unit_request *request; /* the last one; NULL: none (requests.c) */
	struct bond *bond;            /* NULL: nothing of others followed yet (bonds.c) */
	struct instances *instances;  /* a template's [Instances] (instances.c); NULL */
	struct member *member;        /* what a template's source names; NULL: nothing */
	unsigned looked; /* the scan in which its files were looked at last; 0: in none */
	bool changed;    /* a file differs from conf */
	bool stand_in;   /* svc_conf is that of unit_make_stoppable */
	bool unanswered; /* conf is not what is on the disk: see reach.h */
	bool transient;  /* made by `supctl run' */
	unsigned pins;   /* so many have still to tell of it: it is not forgotten */
	/* of which run/kept has the files (kept.c); NULL: of none that is known */
	const struct unit_conf *kept;
	bool kept_due;            /* that waits for its turn */
	bool adopted;             /* was running when this manager came */
	bool restored;            /* its memory was given to svc */
	int told_result;          /* enum svc_result of the newest event about it */
	uint32_t last_slot;       /* of the newest one that had a slot, else SLOT_NONE */
	uint32_t told_slot;       /* the same, until its failure is told */
	unsigned untold_failures; /* their event waits for the end of the log */
	struct loop_timer *share; /* of a bounded end; NULL: none */
	char
	    *wanted_by; /* by links, with the instance, for people; NULL: not (links.h) */
	enum wish wish;
	struct wish_who wish_who;
	bool flag[WISH_NFLAGS];
	struct wish_who *flag_who[WISH_NFLAGS]; /* ours; NULL: never said */
	struct wish_terms terms[WISH_NFLAGS];
	struct unit_budget *budget;  /* NULL: it has none, or nobody asked (budgets.c) */
	struct drain *drain;         /* NULL: it is not being drained (drain.c) */
	bool released;               /* what waited for that is still to be started */
	struct unit_signal *signal;  /* the last that was sent; NULL: none (tell.c) */
	struct pool_member *in_pool; /* NULL: it is in none (part/pools.c) */
	uint64_t start_at_us; /* its start with the instance waits; 0: no (jitter.h) */
	/* Accept=yes made it (sockets_accept.c); NULL */
	struct connection *connection;
	/* control's cached JSON, full and short, freed by units with free() */
	void *rendered[2];
	uint32_t rendered_len[2];
};

/* The unit of that name if the manager has it already; NULL: not (yet) known. */
struct unit *unit_find(struct manager *m, const char *name);
/* The same, loaded when it has to be.  NULL only when the name is not valid; a unit
 * without a file is there with load state not-found. */
struct unit *unit_get(struct manager *m, const char *name);
/* While all is restored: the unit of that very name, which has processes.  It is not the
 * unit that the name has become another one of meanwhile. */
struct unit *unit_get_own(struct manager *m, const char *name);
/* NAME is known as another one of u, and is not any more by what is on the disk; tell
 * units_on_change. */
bool unit_name_is_stale(struct unit *u, const char *name);
/* In the folder of the instance: the other names of Alias= that u has as long as it is
 * enabled, unless there is a file of that name, which is told as a warning of u. */
void unit_look_at_aliases(struct unit *u);
/* The same of all, when all that the scan knows of was loaded. */
void units_look_at_aliases(struct manager *m);
/* Look at the files again (a few stat(2)), unless they hang; loads anew what is not
 * running, marks changed what is.  Returns true when something is different now. */
bool unit_refresh(struct unit *u);
/* Load anew whatever runs; the service takes the new one with its next start. */
void unit_reload(struct unit *u);
/* What its files say now, nothing taken yet; refused when its name has become another one
 * of another unit (the id of what is returned is that). */
struct unit_conf *unit_load_again(
    const struct unit *u, const struct supd_conf *conf, struct diags *diags);
/* Whether they are other ones than those that u->conf was made from; a few stat(2). */
bool unit_files_changed(const struct unit *u);
/* The same as unit_reload with what was loaded again; takes conf and diags. */
void unit_take_conf(
    struct unit *u, struct unit_conf *conf, struct diags *diags, bool unanswered);
/* A transient unit from the text of a unit file, as run would write it.  NULL with *err
 * (malloc'd) when it is refused or the name is in use. */
struct unit *unit_make_transient(
    struct manager *m, const char *name, const char *text, size_t len, char **err);
/* Forget a unit that nobody needs: no file (or one that is another unit's now), no
 * process, no wish.  True when it is gone. */
bool unit_forget(struct unit *u);

/* The newest configuration's messages as the member "diagnostics"; w may be NULL. */
void unit_diags_write(const struct unit *u, struct jw *w);
/* There are processes, or it is on its way up or down, or waits for a restart. */
bool unit_is_running(const struct unit *u);
/* It was started last by this supd, whichever its manager was then.  By identity: what
 * the wall clock said then and says now may be in any order. */
/* The run of a pipeline that its newest start was part of; NULL: none that is known, or
 * no unit.  Valid until the next start. */
const char *unit_run(const struct unit *u);
bool unit_started_here(const struct manager *m, const struct svc_memory *mem);
/* A unit whose file is gone or unusable has processes: a service with what was kept of
 * the file (kept.h), else with what every unit has by default, so that they can be
 * stopped; the place of that the first usable file takes at once. */
void unit_make_stoppable(struct unit *u);
/* A service with what was kept of the file; false: nothing was, and it has none. */
bool unit_take_kept(struct unit *u);
/* Between svc_restore_begin and svc_adopt: what runs has what was kept, when its file is
 * another one by now, which holds from the next start on. */
void unit_recall_conf(struct unit *u);
/* svc does not read that one any more. */
void unit_release_conf(struct unit *u, const struct unit_conf *conf);
/* What control has rendered is not true any more. */
void unit_render_drop(struct unit *u);
/* Its file is that of its template: it is there as long as somebody needs it, and has
 * what is wished of it. */
bool unit_is_of_template(const struct unit *u);
/* A transient unit, or one of a template, has ended: it can be looked at until many
 * others have. */
void unit_ended(struct unit *u);
/* The same, and gone at once by CollectMode=. */
void unit_collect(struct unit *u);
/* A unit is down in good order: it is forgotten soon when its name has become another one
 * of another unit meanwhile. */
void unit_ended_lost(struct unit *u);
/* Whoever has still to tell of it keeps it from being forgotten, until as many unpin it.
 */
void unit_pin(struct unit *u);
void unit_unpin(struct unit *u);
/* What nothing keeps any more is forgotten. */
void units_forget_soon(struct manager *m);
/* Forget one of a template, soon, unless somebody needs it by then. */
void unit_forget_later(struct unit *u);
/* At the start: those that ended before count as if they had ended now. */
void units_count_ended(struct manager *m);
/* At the end of the instance: the files of those that do not run are deleted. */
void units_remove_transient(struct manager *m);
/* Forget the transient unit of that name, if it is one and does not run. */
void unit_forget_transient(struct manager *m, const char *name);

/* Load all of the folders.  Returns how many units are known. */
size_t units_load_all(struct manager *m);
/* The same within a scan (unit/load.h) of the caller's, for what was not looked at in it
 * yet. */
void units_load_scanned(struct manager *m);
/* When a name is not that of another unit any more: what all say of others is about those
 * that have the names now. */
void units_set_edges(struct manager *m);
/* A file changed, came or vanished (watch.c); name NULL: anything may have. */
void units_on_change(struct manager *m, const char *name);
/* The same of several names. */
void units_on_changes(struct manager *m, const struct strv *names);
/* Each unit once, by name. */
typedef void unit_fn(struct unit *u, void *arg);
void units_foreach(struct manager *m, unit_fn *fn, void *arg);
/* The same, quicker, for a fn that neither adds units nor forgets any. */
void units_look(struct manager *m, unit_fn *fn, void *arg);
size_t units_count(struct manager *m);
/* All units that match a glob, or are of a group ("@NAME", groups.h), or the one of that
 * name, sorted; appended.  -1 when a
 * plain name is not valid. */
int units_match(struct manager *m, const char *pattern, struct strv *names);
/* Known names near to a mistyped one, best first, at most max; appended. */
void units_nearest(struct manager *m, const char *name, size_t max, struct strv *names);
void units_free(struct manager *m);

/* Its file is in the folder units/ of the instance, where [Install] is enough. */
bool unit_is_in_folder(const struct unit *u);
/* The same of a file; NULL: there is none. */
bool units_path_is_in_folder(const struct manager *m, const char *path);
/* It has no file of its own, and is what DefaultInstance= of its template names, in the
 * folder of the instance. */
bool unit_is_default(const struct unit *u);
/* It has an [Install] section that says that it is started with the instance: that of a
 * template is about its default instance, where it is in the folder of the instance. */
bool unit_has_install(const struct unit *u);
/* In the folder of the instance: [Install] or a person enables it, and nobody says no. */
bool unit_is_enabled_here(const struct unit *u);
/* NULL, or what takes that back (static text): a preset, or a person who has masked or
 * disabled its template.  Not where links decide. */
const char *unit_install_denied(const struct unit *u);
/* True when the unit starts with the instance; *why (static text) says the reason. */
bool unit_is_wanted(const struct unit *u, const char **why);
/* NULL, or why a start is refused ("masked by ..."), with the next step; malloc'd.  One
 * that is held is not refused by this: its start waits. */
char *unit_refusal(const struct unit *u);

/* Record what a person decided: in memory, as event and in state/wishes.  Returns the
 * sequence number after which it is durable (ring->wish_stored). */
uint64_t unit_set_wish(struct unit *u, enum wish wish, const struct wish_who *who);
uint64_t unit_set_flag(
    struct unit *u, enum wish_flag flag, bool on, const struct wish_who *who);
/* WISH_FLAG_AWAITED, by supd itself. */
void unit_set_awaited(struct unit *u, bool on);
/* The same, on, with its reason (NULL: none; at most WISH_REASON_MAX bytes are kept) and
 * its end (0: none). */
enum { WISH_REASON_MAX = 256 };
uint64_t unit_set_terms(struct unit *u, enum wish_flag flag, const char *reason,
    uint64_t until_wall_us, const struct wish_who *who);
/* All that is stored of wishes counts again.  What is stored of another name that a unit
 * has by now is of it, too, where nothing is of its own. */
void wishes_restore(struct manager *m);
/* Once more for u, by what is stored of exactly its name. */
void wish_restore_own(struct unit *u);
const char *wish_name(enum wish wish);
const char *wish_flag_name(enum wish_flag flag);

#endif
