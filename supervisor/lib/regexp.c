/*
 * regexp: see the header.
 */
#include "lib/regexp.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

/*
 * The bounds of {n,m} multiply when they are nested, and glibc unrolls them:
 * "((a{99}){99})" is memory, not matching.  The product of all is a cheap upper bound.
 */
static bool
repeats_are_small(const char *text)
{
	unsigned long product = 1;

	for (const char *s = text; *s != '\0'; s++) {
		unsigned long max = 0;

		if (*s == '\\' && s[1] != '\0') {
			s++;
			continue;
		}
		if (*s != '{')
			continue;
		while (*++s != '\0' && *s != '}') {
			char *end;
			unsigned long v;

			if (*s < '0' || *s > '9')
				continue;
			v = strtoul(s, &end, 10);
			s = end - 1;
			max = v > max ? v : max;
		}
		if (*s == '\0')
			break;
		if (max > REGEXP_REPEAT_MAX)
			return false;
		product *= max > 1 ? max : 1;
		if (product > REGEXP_REPEAT_MAX)
			return false;
	}
	return true;
}

static bool
has_back_reference(const char *text)
{
	for (const char *s = text; *s != '\0'; s++) {
		if (*s != '\\' || s[1] == '\0')
			continue;
		s++;
		if (*s >= '1' && *s <= '9')
			return true;
	}
	return false;
}

const char *
regexp_refused(const char *text, bool icase)
{
	regex_t re;

	if (text[0] == '\0')
		return "it is empty";
	if (strlen(text) > REGEXP_TEXT_MAX)
		return "it is too long";
	if (!repeats_are_small(text))
		return "its repeat counts are too large";
	if (has_back_reference(text))
		return "it has a back reference";
	if (regcomp(&re, text, REG_EXTENDED | REG_NOSUB | (icase ? REG_ICASE : 0)) != 0)
		return "it is not a regular expression";
	regfree(&re);
	return NULL;
}
