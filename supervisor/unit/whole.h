/*
 * whole: the files of a unit as one text, which means what they mean together.
 *
 * For who keeps what a unit was started with while its files may change.
 */
#ifndef SUPD_UNIT_WHOLE_H
#define SUPD_UNIT_WHOLE_H

struct buf;
struct unit_conf;

/*
 * Appends the main file and the drop-ins that conf was read from, in the order in which
 * they hold.  Not its profile, which the text names, and not what links in .wants and
 * .requires add.  Waits for the disk that the files are on.
 *
 * -1 with errno, ESTALE when a file is not the one that was read any more; out may have
 * grown then.
 */
int unit_conf_whole(const struct unit_conf *conf, struct buf *out);

#endif
