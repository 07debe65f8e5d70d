/*
 * control_page.c - see control_page.h. Owns the page and its file's name. Context: hooked calls and
 * signal handlers, on any thread, and the snapshot child: raw system calls only.
 */
#include "control_page.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <time.h>

#include "format.h"
#include "sys.h"

#define PAGE_BYTES 4096u
_Static_assert(sizeof(struct fmt_control) <= PAGE_BYTES, "the control page is one page");

struct fmt_control *g_control_page;
bool g_control_has_file, g_control_lost;

static void file_name(struct text *t)
{
	text_str(t, FMT_CONTROL_DIR "/outlive.");
	text_u64(t, (uint64_t)sys_getpid());
	text_str(t, ".ctl");
}

void control_page_init(void)
{
	g_control_page = sys_map(PAGE_BYTES);
}

void control_page_make_private(void)
{
	sys_call(SYS_mmap, g_control_page, PAGE_BYTES, PROT_READ | PROT_WRITE,
	         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	g_control_has_file = false;
}

/* Maps a new file over the page. With fallocate: a full /dev/shm must show here, not as SIGBUS at
 * the first write. */
static bool make_shared(void)
{
	char name[64];
	struct text t = TEXT(name);

	file_name(&t);
	int fd = sys_open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd == -EEXIST) {
		/* Left by an earlier process of this number, or cut. */
		sys_unlink(name);
		fd = sys_open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	}
	if (fd < 0)
		return false;
	/* The limit of a file's size (ulimit -f) may be less than a page: that is a signal, too. */
	struct sys_signals signals;
	sys_signals_hold(&signals);
	long r = sys_call(SYS_fallocate, fd, 0, 0, PAGE_BYTES);
	sys_signals_release(&signals, true);
	if (!r)
		r = sys_call(SYS_mmap, g_control_page, PAGE_BYTES, PROT_READ | PROT_WRITE,
		             MAP_SHARED | MAP_FIXED, fd, 0);
	sys_close(fd);
	if (r == (long)g_control_page)
		return g_control_has_file = true;
	sys_unlink(name);
	return false;
}

void control_page_make(void)
{
	g_control_lost = false;
	if (!make_shared())
		control_page_make_private();
}

void control_page_unlink(void)
{
	char name[64];
	struct text t = TEXT(name);

	file_name(&t);
	sys_unlink(name);
}

/* ---- a file that was cut ---- */

/* One of those who see it. */
static void lose(void)
{
	if (!__atomic_exchange_n(&g_control_has_file, false, __ATOMIC_ACQ_REL))
		return;
	control_page_make_private();
	__atomic_store_n(&g_control_lost, true, __ATOMIC_RELEASE);
}

/* The kernel reads the word, and says what we would die of: that there is nothing, or that it is
 * other than it should be. */
void control_page_look(void)
{
	const struct timespec at_once = {0, 0};

	if (!__atomic_load_n(&g_control_has_file, __ATOMIC_ACQUIRE))
		return;
	long r = sys_call(SYS_futex, &g_control_page->version, FUTEX_WAIT_PRIVATE, 0, &at_once,
	                  NULL, 0);
	if (r == -EFAULT || r == -ETIMEDOUT)
		lose();
}

bool control_page_fault(const void *address)
{
	uintptr_t page = (uintptr_t)g_control_page, at = (uintptr_t)address;

	if (!page || at < page || at >= page + PAGE_BYTES)
		return false;
	lose();
	return true;
}
