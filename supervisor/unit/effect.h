/*
 * effect: when a changed value holds for a unit that runs.  The one place that says it:
 * reload, explain and the manual have it from here.
 */
#ifndef SUPD_UNIT_EFFECT_H
#define SUPD_UNIT_EFFECT_H

struct directive;

enum effect {
	EFFECT_NOW,        /* with the reload, for what runs too */
	EFFECT_NEXT_START, /* it is about starts: what runs is none the worse */
	EFFECT_RESTART,    /* what runs has the old one until it is restarted */
	EFFECT_SUPD,       /* with the next start of supd (supd.conf) */
	EFFECT_N,
};

enum effect directive_effect(const struct directive *);
/* "now", "next-start", "restart", "supd-start" */
const char *effect_name(enum effect);
/* The same for people: half a sentence. */
const char *effect_text(enum effect);

#endif
