/*
 * stacks_odd.c - threads whose stacks are no usual ones. The first thread has ended.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "prog.h"

static FRAME int deep(int n)
{
	volatile char frame[64];

	frame[n % 64] = 1;
	if (!n)
		pause();
	else
		deep(n - 1);
	return frame[n % 64];
}

static void *odd_deep(void *arg)
{
	deep(20000);
	return arg;
}

static void odd_handler(int sig)
{
	(void)sig;
	pause();
}

static void *odd_handled(void *arg)
{
	signal(SIGUSR1, odd_handler);
	raise(SIGUSR1);
	return arg;
}

/* Its child does not go on. */
static void *odd_vfork(void *arg)
{
	if (!vfork()) {
		sleep(1000);
		_exit(0);
	}
	return arg;
}

/* push %rbp; mov %rsp, %rbp; mov $pause, %rax; call *%rax; pop %rbp; ret */
static void *odd_made(void *arg)
{
	unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0xb8, 0,    0,    0,
	                        0,    0,    0,    0,    0,    0xff, 0xd0, 0x5d, 0xc3};
	int (*to)(void) = pause;
	unsigned char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*fn)(void);

	memcpy(code + 6, &to, sizeof(to));
	memcpy(p, code, sizeof(code));
	memcpy(&fn, &p, sizeof(fn));
	fn();
	return arg;
}

int main(void)
{
	void *(*const all[])(void *) = {odd_deep, odd_handled, odd_made, odd_vfork};
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16 << 20);
	for (int i = 0; i < 4; i++)
		if (pthread_create(&t, &attr, all[i], NULL))
			_exit(96);
	pthread_exit(NULL);
}
