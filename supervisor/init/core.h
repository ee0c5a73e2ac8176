/*
 * What every file of init needs: the table, the one epoll set and the clocks.  There is
 * one init in a process, so these are globals.
 */
#ifndef SUPD_INIT_CORE_H
#define SUPD_INIT_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/table.h"

#define NEVER UINT64_MAX

enum {
	SECOND_US = 1000000,
};

/* Whom an event of the epoll set belongs to. */
enum watch {
	WATCH_SIGNALS,
	WATCH_TIMER,
	WATCH_ROLE,   /* a: role */
	WATCH_BUSY,   /* a: role; something waits for it, see pulse.h */
	WATCH_REPORT, /* a: slot, b: kind; a child's pipe that its exec closes */
	WATCH_PIDFD,  /* a: slot, b: kind; a process that is not our child */
	WATCH_EVENTS, /* a: slot; cgroup.events */
};

extern struct table *tab;

/* Microseconds; the wall clock only for what people read. */
uint64_t now_us(void);
uint64_t wall_us(void);

/* Watch fd for events (EPOLL*).  -1 with errno when the kernel has no room. */
int watch_add(int fd, uint32_t events, enum watch w, uint32_t a, uint32_t b);
int watch_change(int fd, uint32_t events, enum watch w, uint32_t a, uint32_t b);
/* Take fd out and close it, and set it to -1; -1 is fine. */
void watch_close(int *fd);

/*
 * See that these bytes of the table have memory: on a full tmpfs the first touch of a
 * page is a SIGBUS.  False: errno.
 */
bool table_make_room(const void *at, size_t n);

/* Memory for init's own lists, zeroed, taken once at the start; NULL with errno. */
void *storage(size_t bytes);

/* A descriptor that must live through a re-exec of init: call it after its number stands
 * in the table, so that none is ever lost. */
void keep_over_exec(int fd);

/* A number from the table that is one of our descriptors, and none of the standard ones.
 */
bool fd_is_open(int fd);

/* Does /proc speak of our own pid namespace?  A container may have been given that of
 * another one, whose numbers mean other processes. */
bool proc_is_ours(void);

/* Field 22 of the stat file of a process below /proc ("self" or a number), and its
 * parent's pid; 0 when /proc does not say, or
 * speaks of another namespace. */
uint64_t proc_start_ticks(const char *pid, int32_t *ppid);

/* Text helpers without stdio: append to *p, before end, always NUL-terminated. */
void put_text(char **p, const char *end, const char *text);
void put_number(char **p, const char *end, uint64_t n);

#endif
