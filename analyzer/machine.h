/*
 * machine.h - the processor, for the analyzer: what only one of them has is in
 * machine_<processor>.c and in the numbers here. Live stacks are read on x86-64 alone
 * (MACHINE_LIVE).
 */
#ifndef OUTLIVE_MACHINE_H
#define OUTLIVE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

/*
 * DWARF's numbers of the frame pointer, sp and the return address, and how many registers there
 * are; what ELF, Debian and people call the processor. MACHINE_INFO: what a snapshot says of it
 * (FMT_INFO_MACHINE).
 */
#if defined(__x86_64__)
enum { MACHINE_FP = 6, MACHINE_SP = 7, MACHINE_RA = 16, MACHINE_REGS = 17 };
#define MACHINE_LIVE   1
#define MACHINE_ELF    62 /* EM_X86_64 */
#define MACHINE_NAME   "x86-64"
#define MACHINE_INFO   ""
#define MACHINE_FOLDER "x86_64-linux-gnu"
#elif defined(__aarch64__)
enum { MACHINE_FP = 29, MACHINE_RA = 30, MACHINE_SP = 31, MACHINE_REGS = 32 };
#define MACHINE_LIVE   0
#define MACHINE_ELF    183 /* EM_AARCH64 */
#define MACHINE_NAME   "aarch64"
#define MACHINE_INFO   "aarch64"
#define MACHINE_FOLDER "aarch64-linux-gnu"
/* Calls that it never had, as numbers that no call has. */
#define SYS_open       (-1001)
#define SYS_poll       (-1008)
#define SYS_select     (-1009)
#define SYS_epoll_wait (-1010)
#define SYS_pause      (-1011)
#define SYS_vfork      (-1012)
#else
#error "outlive is written for x86-64 and aarch64; preload/arch.h says what another processor takes"
#endif

/* The DWARF number of a system call's argument, from 0 on. */
unsigned machine_argument(unsigned n);

/* A thread's registers as ptrace has them (struct user_regs_struct): by DWARF's numbers; the call
 * that it is in with its arguments, -1: none; what it has answered. */
void machine_registers(const void *user_regs, uint64_t value[MACHINE_REGS]);
int64_t machine_call(const void *user_regs, uint64_t args[6]);
int64_t machine_result(const void *user_regs);
/* Makes the call once more. */
void machine_repeat(void *user_regs);

/*
 * libc's code before the system call that ends `code` names it by a number. The first from the end
 * that `is_one` takes; -1: none.
 */
int64_t machine_number_in(const uint8_t *code, size_t bytes, bool (*is_one)(int64_t number));

#endif
