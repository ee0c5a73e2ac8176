#include "manager/service/service_fds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "manager/service/service.h"
#include "proto/spec.h"
#include "unit/conf.h"

void
svc_fds_add(struct svc_fds *fds, uint32_t id, const char *name)
{
	fds->ids = xreallocarray(fds->ids, fds->n + 1, sizeof(fds->ids[0]));
	fds->ids[fds->n++] = id;
	strv_add(&fds->names, name);
}

void
svc_fds_clear(struct svc_fds *fds)
{
	free(fds->ids);
	strv_clear(&fds->names);
	*fds = (struct svc_fds){ 0 };
}

bool
svc_stdio_is_socket(const struct exec_conf *x)
{
	return x->in.kind == STDIO_SOCKET || x->out.kind == STDIO_SOCKET ||
	       x->err.kind == STDIO_SOCKET;
}

/* How many of its sockets are passed at 3 and up. */
static size_t
count_sockets(const struct service *s, const struct svc_spawn *sp)
{
	if (sp->fds == NULL || svc_stdio_is_socket(&svc_conf(s)->service->context))
		return 0;
	return sp->fds->n > SPEC_FDS_MAX ? SPEC_FDS_MAX : sp->fds->n;
}

int
svc_fds_find(
    const struct service *s, const struct svc_spawn *sp, const char *name, uint32_t *id)
{
	const struct svc_fds *fds = sp->fds;
	const uint32_t *ids;
	char *const *names;
	size_t n = svc_stored(s, &ids, &names);

	if (name == NULL) {
		if (fds == NULL || fds->n != 1)
			return -1;
		*id = fds->ids[0];
		return 0;
	}
	for (size_t i = 0; fds != NULL && i < fds->n; i++) {
		if (strcmp(fds->names.v[i], name) != 0)
			continue;
		*id = fds->ids[i];
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		*id = ids[i];
		return 0;
	}
	return -1;
}

void
svc_fds_environment(const struct service *s, const struct svc_spawn *sp, struct strv *env)
{
	size_t sockets = count_sockets(s, sp), n;
	struct strv list = { 0 };
	char *const *names, *text;

	n = svc_stored(s, NULL, &names);
	if (n > SPEC_FDS_MAX - sockets)
		n = SPEC_FDS_MAX - sockets;
	if (sp->kind != PROC_MAIN || sockets + n == 0)
		return;
	for (size_t i = 0; i < sockets; i++)
		strv_add(&list, sp->fds->names.v[i]);
	for (size_t i = 0; i < n; i++)
		strv_add(&list, names[i]);
	text = xasprintf("LISTEN_FDS=%zu", sockets + n);
	strv_env_set(env, text);
	free(text);
	{
		char *joined = strv_join(&list, ":");

		text = xasprintf("LISTEN_FDNAMES=%s", joined);
		strv_env_set(env, text);
		free(text);
		free(joined);
	}
	strv_clear(&list);
}

int
svc_fds_put(const struct service *s, const struct svc_spawn *sp, struct spec_buf *b,
    char *why, size_t size)
{
	const struct service_conf *c = svc_conf(s)->service;
	size_t sockets = count_sockets(s, sp), n;
	const uint32_t *stored;

	if (sp->kind != PROC_MAIN)
		return 0;
	if (svc_stdio_is_socket(&c->context) && (sp->fds == NULL || sp->fds->n != 1)) {
		snprintf(why, size,
		    "StandardInput=socket needs just one socket, and there are %zu: "
		    "start "
		    "its socket unit, which starts it",
		    sp->fds == NULL ? (size_t)0 : sp->fds->n);
		return -1;
	}
	n = svc_stored(s, &stored, NULL);
	if (n > SPEC_FDS_MAX - sockets)
		n = SPEC_FDS_MAX - sockets;
	if (sockets + n == 0)
		return 0;
	spec_put_str(b, SPEC_ENV_PID, "LISTEN_PID");
	for (size_t i = 0; i < sockets; i++)
		spec_put_u32(b, SPEC_FD, sp->fds->ids[i]);
	for (size_t i = 0; i < n; i++)
		spec_put_u32(b, SPEC_FD, stored[i]);
	if (sockets > 0)
		spec_put_u32(b, c->non_blocking ? SPEC_FDS_NONBLOCK : SPEC_FDS_BLOCK,
		    (uint32_t)sockets);
	return 0;
}
