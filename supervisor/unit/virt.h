/*
 * virt: in what kind of machine this runs, by systemd's words.
 */
#ifndef SUPD_UNIT_VIRT_H
#define SUPD_UNIT_VIRT_H

#include <stdbool.h>

struct condition_world;

enum virt_kind {
	VIRT_NONE,
	VIRT_VM,
	VIRT_CONTAINER,
};

/* "docker", "kvm", ...: the innermost one.  NULL (and VIRT_NONE): it is none. */
const char *virt_detect(const struct condition_world *w, enum virt_kind *kind);
/* The container alone, NULL: it is in none. */
const char *virt_container(const struct condition_world *w);
bool virt_is_known(const char *word);
/* The users of this system are not those of the machine. */
bool virt_private_users(const struct condition_world *w);

#endif
