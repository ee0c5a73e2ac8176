/*
 * access: who is at the other end of the control socket, and what that one may do.
 *
 * Decided once, at accept, from what the kernel says of the peer: uid, groups, cgroup and
 * the chain of its ancestors.  Never from what the peer says.  A process that supd itself
 * supervises (its chain reaches init or a unit's process, its cgroup is one of ours, or
 * it has left a scope without a cgroup and bears that one's marks) may read, and stop or
 * restart its own unit, whatever its uid: this keeps an agent from driving the fleet by
 * accident.  It is no boundary against a process of the same user; User= is: one whose
 * user may nothing reads of its own unit only.
 */
#ifndef SUPD_MANAGER_CONTROL_ACCESS_H
#define SUPD_MANAGER_CONTROL_ACCESS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

struct buf;

enum access_class {
	ACCESS_NONE,
	ACCESS_SELF, /* what is of its own unit (METHOD_SELF) */
	ACCESS_READ,
	ACCESS_OPERATE,    /* start, stop, … */
	ACCESS_ADMINISTER, /* everything */
};

struct access_peer {
	pid_t pid;            /* 0: in another pid namespace */
	uint64_t start_ticks; /* of that very process; 0: not known */
	uid_t uid;
	gid_t gid;
	enum access_class class;
	bool supervised;
	char unit[256];     /* the supervised peer's, where it is known; else empty */
	char user[64];      /* name of the user, or the number */
	char command[64];   /* comm, "" when unknown */
	const char *reason; /* why it may not do more (static text) */
};

/* What the decision depends on beside the peer. */
struct access_conf {
	uid_t owner;         /* of the instance */
	gid_t control_group; /* (gid_t)-1: none */
	pid_t init_pid;
	const char
	    *cgroup;     /* path of the instance's cgroup as in /proc/PID/cgroup; NULL */
	bool has_scopes; /* whose processes are no children of init: each caller may be
			    one */
	/* The unit whose processes (main, control, probes) include pid; NULL: none. */
	const char *(*unit_of_pid)(void *arg, pid_t pid);
	/* The unit whose cgroup folder has this name below the instance's; NULL. */
	const char *(*unit_of_cgroup)(void *arg, const char *folder);
	/* The scope whose marks pid has; NULL.  Marks can be copied: they only ever take
	 * rights away. */
	const char *(*unit_of_mark)(void *arg, pid_t pid);
	void *arg;
};

/* Looks at the peer of a connected socket.  Never fails: what is unknown is not allowed.
 */
void access_decide(int fd, const struct access_conf *conf, struct access_peer *out);
const char *access_class_name(enum access_class class);
/* "deacon (uid 1000, supctl, pid 4242)" for people. */
void access_describe(const struct access_peer *p, struct buf *out);

/*
 * The path of an open cgroup v2 folder as it stands in /proc/PID/cgroup, malloc'd; NULL
 * when it cannot be told.
 */
char *access_cgroup_path(int cgroup_fd);

/* The parts, for tests. */
enum access_chain {
	ACCESS_CHAIN_OUTSIDE,
	ACCESS_CHAIN_SUPERVISED, /* init is among them, or a process of a unit */
	ACCESS_CHAIN_UNKNOWN,
};
/* Follows pid's parents.  unit (may be NULL) gets the nearest unit of the chain. */
enum access_chain access_chain(
    pid_t pid, const struct access_conf *conf, const char **unit);
/* Parent and start time from the text of /proc/PID/stat.  -1: not such a text. */
int access_parse_stat(const char *text, pid_t *ppid, uint64_t *start_ticks);

#endif
