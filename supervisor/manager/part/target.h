/*
 * target: targets and slices.  They hold other units together and do nothing themselves:
 * up as soon as their start has nothing more to wait for.
 */
#ifndef SUPD_MANAGER_TARGET_H
#define SUPD_MANAGER_TARGET_H

#include "manager/part/part.h"

extern const struct part_kind part_target;

#endif
