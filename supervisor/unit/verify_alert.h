/*
 * verify_alert: whether all that an [Alert NAME] says makes sense together.
 */
#ifndef SUPD_UNIT_VERIFY_ALERT_H
#define SUPD_UNIT_VERIFY_ALERT_H

struct diags;
struct supd_conf;

/* What makes none is told, and marked as broken. */
void verify_alerts(struct supd_conf *, const char *file, struct diags *);

#endif
