/*
 * refusal: an error as Varlink has it, for a connection that is answered once and closed:
 * by a role that was handed it, or by the one that could not hand it over.
 */
#ifndef SUPD_LIB_REFUSAL_H
#define SUPD_LIB_REFUSAL_H

/*
 * Sends the error of that name with a message and a next step for people.  Never waits:
 * it fits into a socket that has nothing on its way; else it is lost, and who asked sees
 * the end of the connection.  fd stays the caller's.
 */
void refusal_send(int fd, const char *error, const char *message, const char *next);

#endif
