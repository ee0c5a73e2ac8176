/*
 * service_exec: from a unit's configuration to what init and the child of init are told:
 * the SLOT_OPEN of an invocation and the execution context of each of its processes.
 *
 * The environment is made in the order of man supd.unit(5): DefaultEnvironment= of
 * supd.conf, the base (HOME USER LOGNAME SHELL PATH LANG TZ and what supd says of
 * itself), PassEnvironment=, Environment=, EnvironmentFile=, then UnsetEnvironment=; what
 * describes the call (MAINPID, SERVICE_RESULT, …) stands over all of it.
 */
#ifndef SUPD_MANAGER_SERVICE_SERVICE_EXEC_H
#define SUPD_MANAGER_SERVICE_SERVICE_EXEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/service/service.h"

struct buf;
struct credentials;
struct exec_conf;
struct helper;
struct loop;
struct strv;
struct supd_conf;
struct svc_users;
struct unit_paths;

/* What is the same for all services of an instance; the strings must outlive it. */
struct svc_world {
	const struct supd_conf *conf;
	struct unit_paths *paths;
	const char *root; /* path of the instance folder */
	const char *run;  /* short path of the run folder */
	bool want_cgroup; /* a cgroup can be made for each slot */
	bool is_root;     /* supd may change users */
	bool is_pid1;
	struct svc_users *users; /* made on first use; svc_world_clear */
};

/* Forgets what was looked up. */
void svc_world_clear(struct svc_world *w);

/* The terminal of StandardInput=tty and its like. */
const char *svc_tty_path(const struct exec_conf *x);

/* Whether its processes get a notify socket. */
bool svc_wants_notify(const struct service_conf *c);

/*
 * Fills SLOT_OPEN for conf.  -1: why says it ("no such user: bob"), *status is the exit
 * status that a child would have had (217 …).
 */
int svc_exec_open(struct svc_world *w, const struct unit_conf *conf,
    struct msg_slot_open *open, int *status, char *why, size_t size);

/*
 * The sealed context of a process, CLOEXEC, and its size.  -1: why says it.
 */
int svc_exec_spec(struct svc_world *w, const struct service *s,
    const struct svc_spawn *sp, const struct strv *from_files, uint64_t *spec_size,
    char *why, size_t size);

/*
 * What EnvironmentFile= and LoadCredential= name may lie where reading never ends: read
 * by a helper.  One of svc_files_begin (the answer comes as a list for svc_exec_spec:
 * svc_files_read gives it) and svc_files_wait, which waits for at most timeout_us.
 * credentials: those to be made before the files are read, which may be among them; NULL:
 * none.
 */
struct helper *svc_files_begin(struct loop *l, const struct exec_conf *x,
    const struct credentials *credentials, uint64_t timeout_us,
    void (*fn)(void *arg, const struct buf *answer), void *arg);
/* answer NULL: errno; -1: why says what is wrong, and *phase is PHASE_CREDENTIALS when it
 * is with the credentials, else 0.  skipped (may be NULL): what is to be told of lines
 * that mean nothing. */
int svc_files_read(const struct buf *answer, struct strv *from_files,
    struct strv *skipped, uint32_t *phase, char *why, size_t size);
int svc_files_wait(const struct exec_conf *x, uint64_t timeout_us,
    struct strv *from_files, char *why, size_t size);

/*
 * The environment alone, for `show --resolved'; s may be NULL (nothing runs).
 * from_files: what svc_files_read gave, NULL if there are no such lines.  removed (may be
 * NULL) gets the names of what a session does not get of supd's own (nested.def).
 */
int svc_exec_environment(struct svc_world *w, const struct unit_conf *conf,
    const struct service *s, const struct svc_spawn *sp, const struct strv *from_files,
    struct strv *env, struct strv *removed, char *why, size_t size);

#endif
