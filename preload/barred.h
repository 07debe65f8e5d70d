/*
 * barred.h - a program that begins behind a seccomp filter which kills for what our start does
 * would be killed before its main(): so the library is taken out of its LD_PRELOAD.
 *
 * Raw system calls only, errno untouched: signal handlers and children of vfork, too.
 */
#ifndef OUTLIVE_BARRED_H
#define OUTLIVE_BARRED_H

#include <stdbool.h>
#include <stddef.h>

/* At start. path: what the loader calls us by; kept. */
void barred_init(const char *path);
/*
 * Before such a filter is set. borrowed: in a child that shares our memory (vfork), of which alone
 * it is true. Else what libc starts by itself (system, popen) begins without us, too: the program's
 * `environ` is led to a copy.
 */
void barred_begin(bool borrowed);
/* It was refused: all is as it was before the last begin. */
void barred_undo(void);
/* The calling process is behind one. No system call, but after a begin in a borrowed process. */
bool barred_now(void);
/* It is a borrowed process that is. */
bool barred_borrower(void);

/* Bytes of room for a copy of envp (may be NULL) without us; and the copy, aligned as pointers are,
 * which points to envp's own texts for all other variables. */
size_t barred_bytes(char *const envp[]);
char **barred_environment(char *const envp[], void *room);

#endif
