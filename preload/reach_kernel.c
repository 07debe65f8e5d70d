/*
 * reach_kernel.c - see reach_kernel.h. Many a server has its connections in epoll_event.data and
 * nowhere else: no word of its memory points to them, and none is lost; and a timer gives back what
 * it was made with. /proc tells both. Context: a child of the scan's, whose descriptors are its
 * own.
 */
#include "reach_kernel.h"

#include <fcntl.h>
#include <string.h>

#include "sys.h"

/* Of a line of /proc/<pid>/fdinfo: "tfd: 5 events: 19 data: 7f0011223344 pos:0 ..." */
static const char data[] = "data:";
/* And of /proc/<pid>/timers: "signal: 10/000055d0c0ffee00"; "notify: signal/pid.4711" is none. */
static const char value[] = "/";

static struct {
	uint32_t pid;
	void (*fn)(uintptr_t word);
} g_ask;

static void path_of(struct text *t, const char *folder)
{
	text_str(t, "/proc/");
	text_u64(t, g_ask.pid);
	text_str(t, folder);
}

/* Finds a word and the number behind it, over any cuts between reads. */
struct parser {
	const char *word;
	unsigned matched; /* characters of the word, then ~0: in the number */
	uintptr_t value;
	bool digits;
};

static void see_character(struct parser *p, char c)
{
	unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
	                 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
	                                        : 16;

	if (p->matched != ~0u) {
		p->matched = c == p->word[p->matched] ? p->matched + 1 : c == p->word[0];
		if (!p->word[p->matched])
			*p = (struct parser){p->word, .matched = ~0u};
		return;
	}
	if (digit < 16) {
		p->value = p->value << 4 | digit;
		p->digits = true;
		return;
	}
	if (!p->digits && c == ' ')
		return;
	if (p->digits)
		g_ask.fn(p->value);
	*p = (struct parser){p->word, .matched = 0};
}

static void see_file(const char *path, const char *word)
{
	static char buf[4096]; /* one scan at a time */
	struct parser p = {word, .matched = 0};
	long n;
	int file = sys_open(path, O_RDONLY, 0);

	while (file >= 0 && (n = sys_call(SYS_read, file, buf, sizeof(buf))) > 0)
		for (long i = 0; i < n; i++)
			see_character(&p, buf[i]);
	if (file >= 0)
		sys_close(file);
}

static void see_epoll(uint32_t fd)
{
	char path[64];
	struct text t = TEXT(path);

	path_of(&t, "/fdinfo/");
	text_u64(&t, fd);
	see_file(path, data);
}

static void see_descriptor(uint32_t fd, void *arg)
{
	static const char name[] = "anon_inode:[eventpoll]";
	char path[64], link[sizeof(name)];
	struct text t = TEXT(path);

	(void)arg;
	path_of(&t, "/fd/");
	text_u64(&t, fd);
	long n = sys_call(SYS_readlinkat, AT_FDCWD, path, link, sizeof(link));

	if (n == sizeof(name) - 1 && !memcmp(link, name, (size_t)n))
		see_epoll(fd);
}

void reach_kernel_words(uint32_t pid, void (*fn)(uintptr_t word))
{
	char path[64], buf[4096] __attribute__((aligned(8)));
	struct text t = TEXT(path);
	int fd;

	g_ask.pid = pid;
	g_ask.fn = fn;
	path_of(&t, "/fd");
	sys_each_number(path, buf, sizeof(buf), &fd, see_descriptor, NULL);
	t = TEXT(path);
	path_of(&t, "/timers");
	see_file(path, value);
}
