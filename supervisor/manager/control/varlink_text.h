/*
 * varlink_text: the .varlink files, as they are in the binary.
 */
#ifndef SUPD_MANAGER_CONTROL_VARLINK_TEXT_H
#define SUPD_MANAGER_CONTROL_VARLINK_TEXT_H

#include <stddef.h>

struct varlink_text {
	const char *name; /* of the interface */
	const char *text; /* the file, terminated */
};

extern const struct varlink_text varlink_texts[];
extern const size_t varlink_ntexts;

#endif
