/*
 * dpkg.h - which Debian package a file is of, and which package has its debug information: dpkg.c.
 */
#ifndef OUTLIVE_DPKG_H
#define OUTLIVE_DPKG_H

#include "util.h"

/* Where dpkg lists what it has installed. */
#define DPKG_LISTS "/var/lib/dpkg/info"

/*
 * The package of a file by its absolute path, without ":amd64", to be freed; NULL when it is of
 * none, or this is no Debian. Offline; reads the lists in `lists`, some ten MB at worst.
 */
char *dpkg_owner(const char *lists, const char *path);
/* The package with the debug information of what `package` installs, to be freed. */
char *dpkg_debug_package(const char *package);

#endif
