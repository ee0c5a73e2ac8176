/*
 * settings: what supd.conf means for init and the logger.  Pure.
 */
#ifndef SUPD_INSTANCE_SETTINGS_H
#define SUPD_INSTANCE_SETTINGS_H

#include <stdbool.h>

#include "proto/msg.h"

struct supd_conf;

/* tty: supd's standard output is a terminal. */
void settings_of_log(
    const struct supd_conf *conf, bool is_pid1, bool tty, struct msg_log_settings *out);
void settings_of_init(
    const struct supd_conf *conf, bool is_pid1, struct msg_settings *out);
/* ShutdownTimeoutSec= with its default; 0: without limit. */
uint64_t settings_shutdown_us(const struct supd_conf *conf, bool is_pid1);

#endif
