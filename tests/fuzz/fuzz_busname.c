/*
 * What comes back from the message bus: of a bus that lies, and of others who are on it.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "manager/service/busname.h"

#include "fuzz.h"

/* As namewatch.c reads it: one after the other, each exactly as long as it says. */
static void
read_messages(const uint8_t *data, size_t size)
{
	struct busname_message m;
	uint64_t want;
	uint8_t *copy;

	while (size >= BUSNAME_HEAD) {
		want = busname_size(data);
		if (want == 0 || want > size)
			return;
		assert(want >= BUSNAME_HEAD);
		copy = malloc((size_t)want);
		if (copy == NULL)
			abort();
		memcpy(copy, data, (size_t)want);
		if (busname_message(copy, (size_t)want, &m) == 0 &&
		    m.what == BUSNAME_SIGNAL)
			assert(strlen(m.name) < want);
		free(copy);
		data += want;
		size -= (size_t)want;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ssize_t greeting;
	uint8_t *copy = malloc(size + 1);

	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	(void)busname_read(copy, size);
	greeting = busname_greeting(copy, size);
	if (greeting > 0)
		read_messages(copy + greeting, size - (size_t)greeting);
	free(copy);
	return 0;
}
