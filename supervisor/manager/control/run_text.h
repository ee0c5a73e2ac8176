/*
 * run_text: the unit files of what is run once, from the parameters of Job.Run.  Words
 * are quoted so that they are read back as they are; properties stand as they would in a
 * file, behind all else.
 */
#ifndef SUPD_MANAGER_CONTROL_RUN_TEXT_H
#define SUPD_MANAGER_CONTROL_RUN_TEXT_H

struct buf;
struct call;
struct control;

/* 0, or -1 when the call was answered. */
int run_unit_text(
    struct control *c, struct call *call, const char *title, struct buf *out);
/* Of the timer, path or socket that starts it; type is one of these words. */
int run_trigger_text(
    struct call *call, const char *type, const char *title, struct buf *out);
/* Of a scope, from the parameters of Job.Scope. */
int run_scope_text(
    struct control *c, struct call *call, const char *title, struct buf *out);

#endif
