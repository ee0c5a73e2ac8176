/*
 * The main of a fuzzer built as an ordinary program: runs the files given, and all files
 * below the folders given, through it once.  Names the input before it runs, so that a
 * crash can be told from its last line.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/xalloc.h"

#include "fuzz.h"

enum {
	INPUT_MAX = 64 * 1024 * 1024,
};

static int
run_file(const char *path)
{
	struct buf b = { 0 };
	uint8_t *exact;

	if (file_read_follow_at(AT_FDCWD, path, INPUT_MAX, &b) == -1) {
		perror(path);
		return -1;
	}
	fprintf(stderr, "%s\n", path);
	/* A block of exactly this size: the sanitizer then sees each byte read too many.
	 */
	exact = xmemdup(buf_str(&b), b.len);
	LLVMFuzzerTestOneInput(exact, b.len);
	free(exact);
	buf_free(&b);
	return 0;
}

static int
run_path(const char *path)
{
	struct dirent **list;
	struct stat st;
	int n, r = 0;

	if (stat(path, &st) == -1) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return run_file(path);
	n = scandir(path, &list, NULL, alphasort);
	if (n == -1) {
		perror(path);
		return -1;
	}
	for (int i = 0; i < n; i++) {
		char *below;

		if (list[i]->d_name[0] != '.') {
			below = xasprintf("%s/%s", path, list[i]->d_name);
			if (run_path(below) == -1)
				r = -1;
			free(below);
		}
		free(list[i]);
	}
	free(list);
	return r;
}

int
main(int argc, char **argv)
{
	int r = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE|FOLDER…\n", argv[0]);
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		if (run_path(argv[i]) == -1)
			r = 1;
	}
	return r;
}
