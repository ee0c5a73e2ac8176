/* deed_disk: what supd would do, on the disk. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "deed.h"

#include "install/install.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "unit/diag.h"

void
deed_expand(struct unit_paths *paths, struct strv *names)
{
	struct install_index *x = NULL;
	struct strv all = { 0 }, out = { 0 };

	for (size_t i = 0; i < names->n; i++) {
		if (names->v[i][0] == '/' || strpbrk(names->v[i], "*?[") == NULL) {
			(void)strv_add_unique(&out, names->v[i]);
			continue;
		}
		if (x == NULL) {
			x = install_index_new(paths);
			install_list(x, &all);
		}
		for (size_t k = 0; k < all.n; k++)
			if (fnmatch(names->v[i], all.v[k], FNM_NOESCAPE) == 0)
				(void)strv_add_unique(&out, all.v[k]);
	}
	install_index_free(x);
	strv_free(&all);
	strv_free(names);
	*names = out;
}

static void
write_units(struct jw *w, struct unit_paths *paths, const struct deed *d)
{
	struct install_index *x = install_index_new(paths);

	jw_kv_arr(w, "units");
	for (size_t i = 0; i < d->names.n; i++) {
		const char *name = d->names.v[i];

		if (name[0] == '/')
			name = strrchr(name, '/') + 1;
		jw_obj(w);
		jw_kv_str(w, "unit", name);
		jw_kv_str(w, "enabled", install_state_name(install_state(x, name, NULL)));
		jw_end(w);
	}
	jw_end(w);
	install_index_free(x);
}

int
deed_on_disk(struct ctl *ctl, struct deed *d, struct jv **reply)
{
	struct unit_paths *paths;
	struct buf text = { 0 };
	struct install in;
	struct diags diags;
	enum preset_mode mode =
	    d->mode == NULL ? PRESET_FULL : (enum preset_mode)preset_mode_find(d->mode);
	struct jw *w;
	int code, r;

	paths = deed_paths(ctl, d, &code);
	if (paths == NULL)
		return code;
	deed_expand(paths, &d->names);
	diags_init(&diags);
	install_begin(&in, paths, &diags);
	in.runtime = d->runtime;
	in.force = d->force;
	r = install_run(&in, install_verb_find(d->verb), d->target, mode, &d->names);
	w = ctl_params();
	jw_kv_bool(w, "failed", r == -1);
	write_units(w, paths, d);
	install_write(&in, w);
	jw_end(w);
	jw_take(w, &text);
	jw_free(w);
	*reply = jv_parse(buf_str(&text), text.len, NULL);
	buf_free(&text);
	install_clear(&in);
	diags_clear(&diags);
	unit_paths_free(paths);
	return CTL_OK;
}
