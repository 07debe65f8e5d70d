/*
 * A library that comes by dlopen, with a thread that waits in it.
 */
#include "prog.h"

#include <semaphore.h>
#include <stdint.h>
#include <sys/syscall.h>

sem_t *so_sem;
volatile uint32_t *so_tid;

FRAME void *so_waits(void *arg)
{
	/* Nobody knows of the library before it has done something. */
	prog_sink = malloc(100);
	*so_tid = (uint32_t)syscall(SYS_gettid);
	sem_wait(so_sem);
	return arg;
}
