/*
 * version: of supd and supctl.
 */
#ifndef SUPD_LIB_VERSION_H
#define SUPD_LIB_VERSION_H

#define SUPD_VERSION "0.1.0"

#endif
