/*
 * dry_run: what a request would do, in order, and what is left out of it.
 */
#ifndef SUPD_SUPCTL_DRY_RUN_H
#define SUPD_SUPCTL_DRY_RUN_H

struct ctl;

/* For the units from optind on; mode NULL: replace.  The exit status. */
int dry_run_show(
    struct ctl *ctl, int argc, char **argv, const char *type, const char *mode);

#endif
