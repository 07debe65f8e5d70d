/*
 * mem_test.c - what may be read: the bounds of a thread's own stack, stacks that are not its own,
 * addresses that are none.
 */
#include "check.h"

#include <pthread.h>
#include <sys/mman.h>

#include "preload/mem.h"

static uintptr_t here(void)
{
	return (uintptr_t)__builtin_frame_address(0);
}

static void reads_what_it_says(uintptr_t sp)
{
	struct mem_window w;
	volatile uint64_t sum = 0;

	mem_enter(&w, sp, true);
	OK(w.own);
	OK(w.lo == sp);
	for (uintptr_t a = sp; mem_has(&w, a); a += 8)
		sum += mem_word(a);
	(void)sum;
	OK(!mem_has(&w, sp - 8));
	OK(!mem_has(&w, ~0ul - 3));
	OK(!mem_has(&w, 0));
}

TEST(first_threads_stack_is_known_to_its_top)
{
	mem_init();
	reads_what_it_says(here());
	reads_what_it_says(here() - 100000); /* the kernel grows it as we look, not below */
}

static void *in_thread(void *arg)
{
	(void)arg;
	reads_what_it_says(here());
	return NULL;
}

TEST(threads_stack_is_known_to_its_top)
{
	pthread_t t;

	mem_init();
	for (int i = 0; i < 20; i++) {
		pthread_create(&t, NULL, in_thread, NULL);
		pthread_join(t, NULL);
	}
}

TEST(foreign_stack_ends_at_a_guard_page)
{
	char *p = mmap(NULL, 8 * MEM_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	               0);
	uintptr_t top = (uintptr_t)p + 5 * MEM_PAGE;
	struct mem_window w;

	mem_init();
	mprotect((void *)top, MEM_PAGE, PROT_NONE);
	for (uintptr_t sp = top - 2 * MEM_PAGE; sp < top; sp += 8) {
		mem_enter(&w, sp, true);
		OK(!w.own);
		OK(mem_has(&w, sp));
		OK(mem_has(&w, top - 8));
		OK(!mem_has(&w, top - 4)); /* half of it */
		OK(!mem_has(&w, top));
		OK(!mem_has(&w, top + MEM_PAGE)); /* readable, but behind the guard */
		OK(!mem_has(&w, sp - 8));
	}
}

/* What was readable is asked for again: the stack may be another one by now. */
TEST(foreign_stack_that_shrank_is_noticed)
{
	char *p = mmap(NULL, 4 * MEM_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	               0);
	uintptr_t sp = (uintptr_t)p + 64;
	struct mem_window w;

	mem_init();
	mem_enter(&w, sp, true);
	OK(mem_has(&w, (uintptr_t)p + 3 * MEM_PAGE));
	/* Not munmap: somebody else's mapping could take its place. */
	mprotect(p + 2 * MEM_PAGE, 2 * MEM_PAGE, PROT_NONE);
	mem_enter(&w, sp, true);
	OK(mem_has(&w, (uintptr_t)p + MEM_PAGE));
	OK(!mem_has(&w, (uintptr_t)p + 2 * MEM_PAGE));
	mprotect(p, MEM_PAGE, PROT_NONE);
	mem_enter(&w, sp, false); /* not the stack that we run on: nothing is taken for granted */
	OK(!mem_has(&w, sp));
}

TEST(what_is_no_address_is_not_read)
{
	uintptr_t none[] = {0,
	                    1,
	                    8,
	                    4095,
	                    ~0ul,
	                    ~7ul,
	                    1ul << 63,
	                    1ul << 47,
	                    0x800000000000ul - 8,
	                    0xffffffffff600000ul,
	                    0x7fffffffffffffff};
	struct mem_window w;

	mem_init();
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		OK(!mem_probe(none[i]));
		mem_enter(&w, none[i], false);
		OK(!mem_has(&w, none[i]));
		OK(!mem_has(&w, here()));
	}
	OK(mem_probe(here()));
	OK(mem_probe((uintptr_t)&none));
	OK(mem_probe((uintptr_t)&mem_init));
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
