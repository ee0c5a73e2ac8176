/*
 * notice: what whoever looks must not miss: emergency stops that are on.
 */
#ifndef SUPD_SUPCTL_NOTICE_H
#define SUPD_SUPCTL_NOTICE_H

struct ctl;
struct jv;

/* A line for each of the member "emergencies" of a reply: loud, with who, since when, why
 * and what undoes it.  Nothing with --json or -q. */
void notice_emergencies(struct ctl *ctl, const struct jv *params);

#endif
