/* commands: the rows that the files of the commands export, one declaration each. */
#ifndef SUPD_SUPCTL_COMMANDS_H
#define SUPD_SUPCTL_COMMANDS_H

struct command;

#define COMMAND(row) extern const struct command row;
#include "commands.def"
#undef COMMAND

#endif
