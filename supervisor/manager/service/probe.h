/*
 * probe: one try of a ReadyTCP=, ReadyHTTP=, ReadyFile=, BusName= or Health…= line over
 * the event loop.
 *
 * Never waits: sockets are non-blocking, names are looked up only when they are numeric
 * or "localhost".  A probe ends by its answer, its time-out, or probe_free, and reads a
 * bounded number of bytes.
 */
#ifndef SUPD_MANAGER_SERVICE_PROBE_H
#define SUPD_MANAGER_SERVICE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "unit/conf.h"

/* How the text of a bus name begins that is not asked for: there is no bus. */
#define PROBE_NO_BUS "no message bus runs"

struct loop;
struct probe;

/* text says what was seen: "connected to 127.0.0.1:80", "HTTP status 503". */
typedef void probe_fn(void *arg, bool ok, const char *text);

/*
 * Starts one.  fn is called once, never from within probe_new; the probe frees itself
 * after it.
 */
struct probe *probe_new(struct loop *l, const struct probe_conf *conf,
    uint64_t since_wall_us, uint64_t timeout_us, probe_fn *fn, void *arg);
/* Ends it without an answer; NULL is fine. */
void probe_free(struct probe *p);

#endif
