/*
 * helper: a question that may never be answered, asked by a process of its own.
 *
 * A file on a mount whose server is gone, a FIFO where a file should be, a name service
 * that hangs: each of them would stop the manager, and with it all control.  The process
 * is a fork of the manager that keeps no descriptor but the pipe of its answer, dies with
 * the manager, and is killed at its time limit.  What cannot even be killed is reaped
 * when it ends at last; it is never waited for.
 */
#ifndef SUPD_MANAGER_SERVICE_HELPER_H
#define SUPD_MANAGER_SERVICE_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct helper;
struct loop;

/* Runs in the helper: the answer goes to out. */
typedef void helper_work(const void *question, struct buf *out);
/* NULL: no answer, errno says why: ETIMEDOUT, EPIPE: the process died, or why there could
 * be none (EAGAIN, …).  The helper is freed already. */
typedef void helper_fn(void *arg, const struct buf *answer);

/*
 * question is read in the helper only and need not outlive the call.  fn is always called
 * from the loop.  More than a few dozen at once wait for each other, within their time.
 */
struct helper *helper_new(struct loop *l, helper_work *work, const void *question,
    size_t question_size, uint64_t timeout_us, helper_fn *fn, void *arg);
/* fn is not called any more. */
void helper_free(struct helper *h);

/*
 * The same, waited for: only where the caller cannot go on without, with a short time.
 * -1: errno (ETIMEDOUT, …).
 */
int helper_ask(
    helper_work *work, const void *question, uint64_t timeout_us, struct buf *answer);

#endif
