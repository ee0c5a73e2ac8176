#include "instance/settings.h"

#include <string.h>

#include "lib/clock.h"
#include "unit/supd_conf.h"

/* A container engine sends KILL ten seconds after TERM; two are for the rest. */
#define PID1_SHUTDOWN_US (8 * USEC_PER_SEC)
#define PARKED_RETRY_US USEC_PER_SEC
#define COMPRESS_AFTER_US USEC_PER_DAY

enum { LOG_FILE_MODE = 0640, LOG_DIR_MODE = 0750 };

static uint64_t
none_if_infinite(uint64_t us)
{
	return us == UNIT_INFINITY ? 0 : us;
}

void
settings_of_log(
    const struct supd_conf *conf, bool is_pid1, bool tty, struct msg_log_settings *out)
{
	static const uint32_t digits[] = {
		[LOG_PRECISION_S] = 0,
		[LOG_PRECISION_MS] = 3,
		[LOG_PRECISION_US] = 6,
	};

	memset(out, 0, sizeof(*out));
	out->unit_max_bytes = conf->log_unit_max_bytes;
	out->total_max_bytes = conf->log_total_max_bytes;
	out->max_age_us = none_if_infinite(conf->log_max_age_us);
	out->compress_after_us = conf->log_compress ? COMPRESS_AFTER_US : 0;
	out->precision = digits[conf->log_precision];
	out->utc = conf->log_zone == LOG_ZONE_UTC;
	out->line_max =
	    conf->log_line_max > UINT32_MAX ? UINT32_MAX : (uint32_t)conf->log_line_max;
	out->mirror = conf->log_mirror == LOG_MIRROR_STDOUT ||
		      (conf->log_mirror == LOG_MIRROR_AUTO && is_pid1 && !tty);
	out->file_mode = LOG_FILE_MODE;
	out->dir_mode = LOG_DIR_MODE;
	out->sync_interval_us = conf->log_sync_interval_us;
	out->retry_us = PARKED_RETRY_US;
}

uint64_t
settings_shutdown_us(const struct supd_conf *conf, bool is_pid1)
{
	if (conf->shutdown_timeout_us == SUPD_TIMEOUT_AUTO)
		return is_pid1 ? PID1_SHUTDOWN_US : 0;
	return none_if_infinite(conf->shutdown_timeout_us);
}

void
settings_of_init(const struct supd_conf *conf, bool is_pid1, struct msg_settings *out)
{
	memset(out, 0, sizeof(*out));
	out->ping_us = conf->role_ping_us;
	out->ping_timeout_us = conf->role_hang_us;
	out->shutdown_us = settings_shutdown_us(conf, is_pid1);
	out->backoff_max_us = conf->role_restart_max_us;
	out->safe_mode_after = conf->safe_mode_after;
	out->on_exit_leave = conf->on_exit == ON_EXIT_LEAVE;
}
