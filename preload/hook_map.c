/*
 * hook_map.c - memory that the program maps itself. What an allocator maps is not counted: calls
 * from within the real malloc (IN_HEAP), and calls from the allocator's own module, whose threads
 * and operators new come past our guard. libc's and ld.so's own mappings (stacks, libraries) are
 * internal calls, which nobody sees. Mappings of files are not counted; one that is laid over
 * counted memory ends that. Context: any thread, and signal handlers by custom: a release is
 * recorded before the call and taken back if it fails, no lock is held over it.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "hook.h"
#include "seccomp.h"

static bool is_programs(const struct caller *from)
{
	return !(t_self.flags & IN_HEAP) && !real_is_allocator(from->ip);
}

static size_t pages(size_t n)
{
	return (n + 4095) & ~(size_t)4095;
}

static inline void *do_mmap(void *(*call)(void *, size_t, int, int, int, off_t),
                            const struct caller *from, void *at, size_t n, int prot, int flags,
                            int fd, off_t offset)
{
	struct track_unmapped gone = {.n = 0};
	bool counts = is_programs(from);

	if (counts && (flags & MAP_FIXED))
		track_unmap((uintptr_t)at, pages(n), &gone);
	void *p = call(at, n, prot, flags, fd, offset);

	track_unmapped(&gone, p != MAP_FAILED);
	if (counts && p != MAP_FAILED && (flags & MAP_ANONYMOUS))
		track_map((uintptr_t)p, pages(n), from);
	return p;
}

EXPORT void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
	hook_ready();
	return do_mmap(real.mmap, &CALLER(), at, n, prot, flags, fd, offset);
}

EXPORT void *mmap64(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
	hook_ready();
	return do_mmap(real.mmap64, &CALLER(), at, n, prot, flags, fd, offset);
}

EXPORT int munmap(void *at, size_t n)
{
	struct track_unmapped gone = {.n = 0};

	hook_ready();
	if (is_programs(&CALLER()))
		track_unmap((uintptr_t)at, pages(n), &gone);
	int r = real.munmap(at, n);

	track_unmapped(&gone, !r);
	return r;
}

/* One end and one birth, as with realloc; counted only where the old one was. */
EXPORT void *mremap(void *old, size_t old_n, size_t n, int flags, ...)
{
	struct track_unmapped gone = {.n = 0}, under = {.n = 0};
	void *to = NULL;

	hook_ready();
	if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
		va_list ap;
		va_start(ap, flags);
		to = va_arg(ap, void *);
		va_end(ap);
	}
	if (!is_programs(&CALLER()))
		return real.mremap(old, old_n, n, flags, to);
	track_unmap((uintptr_t)old, pages(old_n), &gone);
	if (flags & MREMAP_FIXED)
		track_unmap((uintptr_t)to, pages(n), &under);
	bool known = gone.n;
	void *p = real.mremap(old, old_n, n, flags, to);
	bool done = p != MAP_FAILED;

	track_unmapped(&under, done);
	track_unmapped(&gone, done && !(flags & MREMAP_DONTUNMAP));
	if (done && known)
		track_map((uintptr_t)p, pages(n), &CALLER());
	return p;
}

/* The program's own break; malloc's moves it by an internal call. */
EXPORT void *sbrk(intptr_t by)
{
	struct track_unmapped gone = {.n = 0};

	hook_ready();
	bool counts = by && is_programs(&CALLER());
	if (counts && by < 0)
		track_unmap((uintptr_t)real.sbrk(0) + (uintptr_t)by, (size_t)-by, &gone);
	void *p = real.sbrk(by);
	bool done = p != (void *)-1;

	track_unmapped(&gone, done);
	if (counts && done && by > 0)
		track_map((uintptr_t)p, (size_t)by, &CALLER());
	return p;
}

EXPORT int brk(void *to)
{
	struct track_unmapped gone = {.n = 0};

	hook_ready();
	if (!is_programs(&CALLER()))
		return real.brk(to);
	uintptr_t was = (uintptr_t)real.sbrk(0), now = (uintptr_t)to;

	if (now < was)
		track_unmap(now, was - now, &gone);
	int r = real.brk(to);

	track_unmapped(&gone, !r);
	if (!r && now > was)
		track_map(was, now - was, &CALLER());
	return r;
}

/* What is locked counts against a limit of the program's, and our tables would be part of it. */
EXPORT int mlockall(int flags)
{
	hook_ready();
	int r = real.mlockall(flags);

	if (!r && seccomp_now() != SECCOMP_LOCKED_IN)
		sys_map_unlocked(true);
	return r;
}
