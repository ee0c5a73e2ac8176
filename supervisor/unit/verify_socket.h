/*
 * verify_socket: what holds of a socket unit as a whole.
 */
#ifndef SUPD_UNIT_VERIFY_SOCKET_H
#define SUPD_UNIT_VERIFY_SOCKET_H

struct diags;
struct unit_conf;
struct unit_parts;

/* Defaults that depend on other keys. */
void socket_complete(struct unit_parts *parts);
void socket_verify(const struct unit_conf *conf, struct diags *d);

#endif
