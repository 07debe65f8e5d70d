/*
 * command.h - a command before it runs: which file it is, and whether liboutlive.so will get into
 * it.
 */
#ifndef OUTLIVE_COMMAND_H
#define OUTLIVE_COMMAND_H

#include "util.h"

struct command {
	char *path;    /* what execvp will find; NULL when there is nothing to run */
	bool is_elf;   /* path is a program itself, not a script */
	int error;     /* then: the errno, ENOENT or EACCES */
	char *program; /* the ELF file that will run: path, or a script's interpreter */
	bool blind;    /* certain: nothing of it will be seen */
	const char
	        *why;  /* the same in a word or two: "static"; NULL unless the library stays out */
	bool keep_out; /* it would not start with the library, so it runs without */
	char *warning; /* a sentence that says so, or what will be missing; NULL: all is well */
};

/* Looks `name` up as execvp does. */
void command_inspect(const char *name, struct command *c);
void command_free(struct command *c);

#endif
