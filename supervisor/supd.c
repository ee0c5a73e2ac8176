/*
 * supd: main.  Reads the role from its own name, calls its main, nothing else.
 */
#include <string.h>

#include "boot/boot.h"
#include "init/init.h"
#include "logger/logger.h"
#include "manager/manager.h"
#include "terminal/terminal.h"

/* True for "supd: ROLE" and "supd: ROLE INSTANCE". */
static int
is_role(const char *title, const char *role)
{
	static const char prefix[] = "supd: ";
	size_t n = strlen(role);

	if (strncmp(title, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	title += sizeof(prefix) - 1;
	return strncmp(title, role, n) == 0 && (title[n] == '\0' || title[n] == ' ');
}

int
main(int argc, char **argv)
{
	static const char explain[] = "--explain=";
	const char *title = argc > 0 ? argv[0] : "";

	if (is_role(title, "init"))
		return init_main();
	if (is_role(title, "check"))
		return init_check();
	if (is_role(title, "manager"))
		return manager_main();
	if (is_role(title, "logger"))
		return logger_main();
	if (is_role(title, "terminal"))
		return terminal_main();
	if (argc == 2 && strncmp(argv[1], explain, sizeof(explain) - 1) == 0)
		return manager_explain(argv[1] + sizeof(explain) - 1);
	return boot_main(argc, argv);
}
