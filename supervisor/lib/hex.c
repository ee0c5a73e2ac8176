#include "lib/hex.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

void
hex_encode(char *dst, const void *bytes, size_t n)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < n; i++) {
		dst[2 * i] = digits[b[i] >> 4];
		dst[2 * i + 1] = digits[b[i] & 15];
	}
	dst[2 * n] = '\0';
}

int
hex_decode(void *bytes, size_t n, const char *text)
{
	uint8_t *b = bytes;

	if (strlen(text) != 2 * n || strspn(text, digits) != 2 * n)
		return -1;
	for (size_t i = 0; i < n; i++)
		b[i] =
		    (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
	return 0;
}
