/*
 * job_text: how far a job is (io.supd.Job.List), in words, for the commands that show it.
 */
#ifndef SUPD_SUPCTL_JOB_TEXT_H
#define SUPD_SUPCTL_JOB_TEXT_H

#include <stddef.h>

struct jv;

/* "waiting", "queued in llm.pool (3 of 17)", "auto-restart, retry 1/3", …  Returns dst.
 */
const char *job_text(const struct jv *job, char *dst, size_t size);

#endif
