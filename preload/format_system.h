/*
 * format_system.h - which programs are the system's, the third thing on which liboutlive.so and
 * outlive agree: a gate wants no verdict on them, and what they leave on a suite's way is accepted.
 * A part of format.h, which includes it.
 */
#ifndef OUTLIVE_FORMAT_SYSTEM_H
#define OUTLIVE_FORMAT_SYSTEM_H

/* A file is the system's where its path begins with one of the first, and with none of the second.
 */
#define FMT_SYSTEM_FOLDERS "/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/"
#define FMT_SYSTEM_OTHERS  "/usr/local/", "/usr/src/"

/* Base names begin so: they run scripts, which are the user's. */
#define FMT_SYSTEM_INTERPRETERS \
	"python", "pypy", "perl", "ruby", "node", "php", "lua", "tclsh", "java", "guile"

#endif
