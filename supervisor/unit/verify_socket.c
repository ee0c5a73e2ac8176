#include "unit/verify_socket.h"

#include <stdint.h>
#include <string.h>

#include "unit/conf.h"
#include "unit/diag.h"
#include "unit/load.h"
#include "unit/socket_address.h"

void
socket_complete(struct unit_parts *parts)
{
	struct socket_conf *s = &parts->trigger.socket;

	if (s->trigger_limit_burst == UINT32_MAX)
		s->trigger_limit_burst = s->accept ? 200 : 20;
	if (s->poll_limit_burst == UINT32_MAX)
		s->poll_limit_burst = s->accept ? 150 : 15;
}

static const char *
place(const struct unit_conf *conf)
{
	return conf->fragment != NULL ? conf->fragment : conf->id;
}

static size_t
count_paths(const struct socket_conf *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->listen.n; i++)
		n += s->listen.v[i].kind <= LISTEN_FIFO &&
		     s->listen.v[i].address[0] == '/';
	return n;
}

/* Connections come from a stream, and from packets in order. */
static void
verify_accept(const struct unit_conf *conf, struct diags *d)
{
	const struct socket_conf *s = &conf->trigger->socket;

	for (size_t i = 0; i < s->listen.n; i++) {
		const struct listen_conf *l = &s->listen.v[i];

		if (l->kind != LISTEN_STREAM && l->kind != LISTEN_SEQPACKET)
			diag_add(d, DIAG_ERROR, place(conf), 0, 0,
			    "Accept=no, or ListenStream=",
			    "Accept=yes, and %s=%s has no connections",
			    listen_kind_key(l->kind), l->address);
	}
	if (s->service != NULL)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0,
		    "call the template as the socket is called, with @",
		    "Accept=yes starts instances of %s@.service: Service= cannot name "
		    "another",
		    conf->stem);
	if (s->max_connections == 0)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0, NULL,
		    "MaxConnections=0 would refuse everybody");
}

void
socket_verify(const struct unit_conf *conf, struct diags *d)
{
	const struct socket_conf *s = &conf->trigger->socket;

	if (s->listen.n == 0)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0,
		    "add ListenStream= to [Socket]",
		    "the socket has nothing to listen to");
	if (s->accept)
		verify_accept(conf, d);
	if (s->symlinks.n > 0 && count_paths(s) != 1)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0,
		    "a unit of its own for each path",
		    "Symlinks= needs just one path that they lead to");
}
