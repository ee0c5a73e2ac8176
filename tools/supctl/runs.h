/*
 * runs: what supctl knows of runs of pipelines from the event journal: which invocations
 * are part of one, and where their logs are.  Needs no running supd.
 */
#ifndef SUPCTL_RUNS_H
#define SUPCTL_RUNS_H

struct ctl;
struct strv;

/* Text is the id of a run, else -1 after telling that it is none. */
int ctl_check_run(struct ctl *ctl, const char *text);
/*
 * The logger writes the journal a moment after it happened.  Who asks what happened wants
 * what was before the question, too; and to know when the files do not have it yet.
 */
void ctl_await_journal(struct ctl *ctl);
/*
 * The logs of the stages of a run, for reader_query: their names, each once, and "REF
 * NAME" of each invocation.  An exit code: CTL_NO_UNIT after telling that the journal has
 * no stage of that run.
 */
int ctl_run_logs(
    struct ctl *ctl, int root_fd, const char *run, struct strv *names, struct strv *logs);

#endif
