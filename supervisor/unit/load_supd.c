/*
 * load_supd: supd.conf, by the same parser as units.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "unit/file.h"
#include "unit/load.h"
#include "unit/parse.h"
#include "unit/supd_conf.h"
#include "unit/verify_alert.h"

static struct supd_conf *
load_text(const char *file, const char *text, size_t len, struct diags *d,
    const struct line_hook *hook)
{
	struct supd_conf *sc = xcalloc(1, sizeof(*sc));
	struct supd_conf base = { 0 };
	struct parse p = {
		.diags = d,
		.file = file,
		.target = &base,
		.base = &base,
		.set = base.set,
		.supd = &base,
	};

	parse_defaults(&p, true);
	strv_free(&base.launcher_names);
	p.target = sc;
	p.set = sc->set;
	p.supd = sc;
	p.defaults = sc;
	parse_defaults(&p, true);
	p.on_line = *hook;
	p.supd = sc;
	parse_text(&p, text, len);
	verify_alerts(sc, file, d);
	return sc;
}

struct supd_conf *
supd_conf_load_text(const char *file, const char *text, size_t len, struct diags *d)
{
	return load_text(file, text, len, d, &(struct line_hook){ 0 });
}

struct supd_conf *
supd_conf_load_lines(const char *path, struct diags *d, const struct line_hook *hook)
{
	struct buf text = { 0 };
	struct supd_conf *sc;
	struct stat st;

	if (unit_file_read(path, &text, &st) == -1) {
		int err = errno;

		/* A file that is missing is an empty one; a link was meant to lead to
		 * something. */
		if (err != ENOENT || lstat(path, &st) == 0)
			diag_add(d, DIAG_ERROR, path, 0, 0, NULL, "cannot be read: %s",
			    err == ENOENT ? "it is a link that leads nowhere"
					  : unit_file_strerror(err));
		buf_clear(&text);
	}
	sc = load_text(path, buf_str(&text), text.len, d, hook);
	buf_free(&text);
	return sc;
}

struct supd_conf *
supd_conf_load(const char *path, struct diags *d)
{
	return supd_conf_load_lines(path, d, &(struct line_hook){ 0 });
}

void
supd_conf_free(struct supd_conf *sc)
{
	if (sc == NULL)
		return;
	strv_free(&sc->default_environment);
	strv_free(&sc->pass_environment);
	free(sc->exit_unit);
	free(sc->control_group);
	free(sc->unit_path);
	strv_free(&sc->launcher_names);
	strv_free(&sc->phases.files);
	for (size_t i = 0; i < sc->marks.n; i++)
		free(sc->marks.v[i].name);
	free(sc->marks.v);
	strv_free(&sc->status_groups);
	for (size_t i = 0; i < sc->alerts.n; i++)
		alert_conf_clear(&sc->alerts.v[i]);
	free(sc->alerts.v);
	free(sc);
}
