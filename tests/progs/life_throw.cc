/*
 * C++ exceptions and jumps that pass through calls which outlive has hooked: what is thrown
 * arrives, and what comes after is counted as ever. Prints the same with and without outlive.
 */
#include "prog.h"

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <pthread.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct thrown {
	std::string what;
};

static int g_unwound;
struct guard {
	void *block = malloc(333);
	~guard()
	{
		free(block);
		g_unwound++;
	}
};

/* Ten blocks after each: they must be seen. */
FRAME static void after()
{
	for (int i = 0; i < 10; i++)
		prog_sink = malloc(77);
}

template <typename F> static void expect(const char *name, F f)
{
	g_unwound = 0;
	try {
		guard g;

		f();
		printf("%s: nothing was thrown\n", name);
	} catch (const thrown &t) {
		printf("%s: %s, %d unwound\n", name, t.what.c_str(), g_unwound);
	}
	after();
}

/* ---- from a function that a hooked one calls ---- */

static void out_of_memory()
{
	throw thrown{"from the new handler"};
}

static bool g_ends; /* libc looks at its streams once more */
static ssize_t cookie_write(void *, const char *, size_t n)
{
	if (g_ends)
		return static_cast<ssize_t>(n);
	throw thrown{"from a stream's write"};
}

static int cookie_close(void *)
{
	throw thrown{"from a stream's close"};
}

static FILE *cookie(cookie_write_function_t *w, cookie_close_function_t *c)
{
	cookie_io_functions_t f = {};

	f.write = w;
	f.close = c;
	FILE *s = fopencookie(nullptr, "w", f);
	setvbuf(s, nullptr, _IONBF, 0);
	return s;
}

/* ---- from a handler that interrupts a hooked one ---- */

static void throws(int)
{
	throw thrown{"from a handler"};
}

static sigjmp_buf g_jump;
static void jumps(int)
{
	siglongjmp(g_jump, 1);
}

/* Sends the signal once the first thread sleeps: not a moment sooner, nor later. */
static pthread_t g_first, g_thread;
static unsigned g_first_tid;
static std::atomic<bool> g_armed;

static void *disturbs(void *)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, nullptr);
	for (int asleep = 0;; usleep(1000)) {
		asleep = g_armed && prog_state(g_first_tid) == 'S' ? asleep + 1 : 0;
		if (asleep < 3)
			continue;
		g_armed = false;
		pthread_kill(g_first, SIGALRM);
	}
	return nullptr;
}

static void disturb(void (*handler)(int))
{
	struct sigaction a = {};

	a.sa_handler = handler;
	a.sa_flags = SA_NODEFER;
	sigaction(SIGALRM, &a, nullptr);
	g_armed = true;
}

static int g_listener;
static void waits_to_open()
{
	disturb(throws);
	open("pipe", O_RDONLY);
}
static void waits_to_accept()
{
	disturb(throws);
	accept(g_listener, nullptr, nullptr);
}
template <typename F> static void jump_out(const char *name, F f)
{
	while (!sigsetjmp(g_jump, 1)) {
		disturb(jumps);
		f();
	}
	printf("%s: left\n", name);
	after();
}

int main()
{
	setvbuf(stdout, nullptr, _IONBF, 0);
	g_first = pthread_self();
	g_first_tid = static_cast<unsigned>(getpid());
	pthread_create(&g_thread, nullptr, disturbs, nullptr);
	std::set_new_handler(out_of_memory);
	expect("operator new", [] { prog_sink = ::operator new(static_cast<size_t>(1) << 62); });
	expect("operator new[], aligned", [] {
		prog_sink = ::operator new[](static_cast<size_t>(1) << 62, std::align_val_t{64});
	});
	expect("fputc", [] { fputc('x', cookie(cookie_write, nullptr)); });
	expect("fclose", [] { fclose(cookie(nullptr, cookie_close)); });

	unlink("pipe");
	mkfifo("pipe", 0600);
	expect("open", [] { waits_to_open(); });
	sockaddr_un name = {};
	name.sun_family = AF_UNIX;
	g_listener = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(g_listener, reinterpret_cast<sockaddr *>(&name), sizeof(sa_family_t));
	listen(g_listener, 1);
	expect("accept", [] { waits_to_accept(); });
	jump_out("a jump out of open", [] { open("pipe", O_RDONLY); });
	jump_out("a jump out of accept", [] { accept(g_listener, nullptr, nullptr); });
	jump_out("a jump out of fopen", [] { fopen("pipe", "r"); });
	jump_out("a jump out of pthread_join", [] { pthread_join(g_thread, nullptr); });
	g_ends = true;
	return 5;
}
