/*
 * Datagrams of the notify socket, as any process of a service may send them.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "manager/service/notify.h"

#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct notify_fields f;
	char *text = malloc(size + 1); /* exactly as long: what is read beyond shows */

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	notify_parse(text, size, &f);
	assert(strlen(f.status) < sizeof(f.status));
	assert(strlen(f.fdname) < sizeof(f.fdname));
	assert(!f.has_mainpid || f.mainpid > 0);
	assert(!f.has_fdname || f.fdname[0] != '\0');
	free(text);
	return 0;
}
