/*
 * whole: each file begins with a section that is of no meaning, so that lines in front of
 * its first section belong to none, as they did; a blank line ends what a backslash at
 * the end of the file before would have joined.
 */
#include "unit/whole.h"

#include <sys/stat.h>

#include <errno.h>
#include <string.h>

#include "lib/buf.h"
#include "unit/conf.h"
#include "unit/file.h"
#include "unit/load.h"
#include "unit/resolve.h"

#define NSEC_PER_SEC INT64_C(1000000000)

static int
add_file(const struct unit_source *source, struct buf *out)
{
	static const char mark[] = "\xef\xbb\xbf";
	struct buf text = { 0 };
	struct stat st;
	const char *from;
	int rc = -1;

	if (unit_file_read(source->path, &text, &st) == -1)
		goto out;
	if (source_sum(buf_str(&text), text.len) != source->sum ||
	    st.st_dev != source->dev || st.st_ino != source->ino ||
	    st.st_size != source->size ||
	    st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec !=
		source->wall_mtime_ns) {
		errno = ESTALE;
		goto out;
	}
	from = buf_str(&text);
	if (strncmp(from, mark, sizeof(mark) - 1) == 0)
		from += sizeof(mark) - 1;
	buf_adds(out, "\n\n[X-File]\n");
	buf_append(out, from, text.len - (size_t)(from - buf_str(&text)));
	rc = 0;
out:
	buf_free(&text);
	return rc;
}

int
unit_conf_whole(const struct unit_conf *conf, struct buf *out)
{
	const struct unit_source *profile = unit_conf_profile(conf);
	struct stat st;

	for (size_t i = 0; i < conf->n_sources; i++) {
		const struct unit_source *source = &conf->sources[i];

		if (source == profile)
			continue;
		if (stat(source->path, &st) == -1)
			return -1;
		if (!S_ISDIR(st.st_mode) && add_file(source, out) == -1)
			return -1;
	}
	return 0;
}
