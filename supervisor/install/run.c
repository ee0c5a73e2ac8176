/*
 * run: requests by their word, and how what came of them is written.
 */
#include <string.h>

#include "install/install.h"
#include "lib/json.h"
#include "unit/diag.h"

static const char *const verbs[INSTALL_NVERBS] = {
	[INSTALL_ENABLE] = "enable",
	[INSTALL_DISABLE] = "disable",
	[INSTALL_REENABLE] = "reenable",
	[INSTALL_MASK] = "mask",
	[INSTALL_UNMASK] = "unmask",
	[INSTALL_LINK] = "link",
	[INSTALL_REVERT] = "revert",
	[INSTALL_PRESET] = "preset",
	[INSTALL_PRESET_ALL] = "preset-all",
	[INSTALL_ADD_WANTS] = "add-wants",
	[INSTALL_ADD_REQUIRES] = "add-requires",
};

enum install_verb
install_verb_find(const char *word)
{
	int i = 0;

	while (i < INSTALL_NVERBS && strcmp(verbs[i], word) != 0)
		i++;
	return (enum install_verb)i;
}

const char *
install_verb_name(enum install_verb verb)
{
	return verbs[verb];
}

int
install_run(struct install *in, enum install_verb verb, const char *target,
    enum preset_mode mode, const struct strv *names)
{
	switch (verb) {
	case INSTALL_ENABLE:
		return install_enable(in, names);
	case INSTALL_DISABLE:
		return install_disable(in, names);
	case INSTALL_REENABLE:
		return install_reenable(in, names);
	case INSTALL_MASK:
		return install_mask(in, names);
	case INSTALL_UNMASK:
		return install_unmask(in, names);
	case INSTALL_LINK:
		return install_link(in, names);
	case INSTALL_REVERT:
		return install_revert(in, names);
	case INSTALL_PRESET:
		return install_preset(in, names, mode);
	case INSTALL_PRESET_ALL:
		return install_preset_all(in, mode);
	case INSTALL_ADD_WANTS:
		return install_add(in, target, "wants", names);
	case INSTALL_ADD_REQUIRES:
		return install_add(in, target, "requires", names);
	default:
		return -1;
	}
}

void
install_write(const struct install *in, struct jw *w)
{
	jw_kv_bool(w, "nothing", in->n_units > 0 && in->n_silent == in->n_units);
	jw_kv_arr(w, "changes");
	for (size_t i = 0; i < in->n; i++) {
		jw_obj(w);
		jw_kv_bool(w, "removed", in->v[i].removed);
		jw_kv_str(w, "path", in->v[i].path);
		jw_kv_str(w, "target", in->v[i].target);
		jw_end(w);
	}
	jw_end(w);
	jw_kv_arr(w, "notes");
	for (size_t i = 0; in->diags != NULL && i < in->diags->n; i++) {
		const struct diag *d = &in->diags->v[i];

		jw_obj(w);
		jw_kv_str(w, "level", d->level == DIAG_ERROR ? "error" : "warning");
		jw_kv_str(w, "subject", d->file);
		jw_kv_str(w, "text", d->text);
		jw_kv_str(w, "next", d->hint);
		jw_end(w);
	}
	jw_end(w);
}
