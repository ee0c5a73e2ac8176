/*
 * Unit.Clean.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/clean.h"
#include "manager/control/control_int.h"
#include "manager/service/service.h"

struct cleaned {
	char *unit;
	unsigned what; /* that there is; 0: refused */
	char *why;     /* NULL: all is gone */
};

/* Answered when all units are. */
struct cleaning {
	struct call *call; /* NULL: who asked is gone */
	size_t left;
	size_t n;
	struct cleaned *v;
};

/* What clean_unit is given. */
struct one {
	struct cleaning *of;
	size_t i;
};

static void
cleaning_free(struct cleaning *h)
{
	for (size_t i = 0; i < h->n; i++) {
		free(h->v[i].unit);
		free(h->v[i].why);
	}
	free(h->v);
	free(h);
}

static void
on_gone(struct call *call, void *arg)
{
	struct cleaning *h = call_data(call);

	(void)arg;
	h->call = NULL;
}

static void
reply(struct cleaning *h)
{
	struct jw *w = call_begin(h->call);

	jw_kv_arr(w, "units");
	for (size_t i = 0; i < h->n; i++) {
		const struct cleaned *x = &h->v[i];

		jw_obj(w);
		jw_kv_str(w, "unit", x->unit);
		jw_kv_arr(w, "what");
		for (unsigned bit = 1; bit <= CLEAN_FDSTORE; bit <<= 1)
			if (x->what & bit)
				jw_str(w, clean_name(bit));
		jw_end(w);
		jw_kv_str(w, "refused", x->what == 0 ? x->why : NULL);
		jw_kv_str(w, "left", x->what == 0 ? NULL : x->why);
		jw_end(w);
	}
	jw_end(w);
	call_set_data(h->call, NULL, NULL);
	call_reply(h->call);
}

static void
one_ends(struct cleaning *h)
{
	if (--h->left > 0)
		return;
	if (h->call != NULL)
		reply(h);
	cleaning_free(h);
}

static void
on_cleaned(void *arg, const char *why)
{
	struct one *one = arg;
	struct cleaning *h = one->of;

	h->v[one->i].why = xstrdup_opt(why);
	free(one);
	one_ends(h);
}

static void
clean_one(struct unit *u, unsigned what, const struct wish_who *who, struct cleaning *h,
    size_t i)
{
	struct one *one = xcalloc(1, sizeof(*one));
	char why[SVC_WHY_MAX];

	*one = (struct one){ h, i };
	h->v[i].unit = xstrdup(u->name);
	h->v[i].what = clean_unit(u, what, who, on_cleaned, one, why, sizeof(why));
	if (h->v[i].what != 0) {
		h->left++;
		return;
	}
	h->v[i].why = xstrdup(why);
	free(one);
}

/* The parameter; 0: the call was answered. */
static unsigned
read_what(struct call *call)
{
	const struct jv *list = jv_get(call_params(call), "what");
	unsigned what = 0;

	for (size_t i = 0; i < jv_count(list); i++) {
		const char *name = jv_str(jv_at(list, i), "");
		unsigned bit = clean_find(name);

		if (bit == 0) {
			call_invalid(call, "what",
			    "\"%s\" is none of runtime, state, cache, logs, "
			    "configuration, fdstore, all",
			    name);
			return 0;
		}
		what |= bit;
	}
	return what == 0 ? CLEAN_DEFAULT : what;
}

void
method_unit_clean(struct call *call, void *arg)
{
	unsigned what = read_what(call);
	struct wish_who who;
	struct cleaning *h;
	struct selection s;

	if (what == 0)
		return;
	if (select_units(arg, call, SELECT_LOADED, &s) == -1) {
		selection_clear(&s);
		return;
	}
	control_who(call, &who);
	h = xcalloc(1, sizeof(*h));
	h->call = call;
	h->n = s.n;
	h->v = xcalloc(s.n + 1, sizeof(*h->v));
	h->left = 1;
	call_set_data(call, h, on_gone);
	for (size_t i = 0; i < s.n; i++)
		clean_one(s.v[i], what, &who, h, i);
	selection_clear(&s);
	one_ends(h);
}
