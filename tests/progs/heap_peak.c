/* heap_peak SHAPE: a heap whose highest moment is known to the byte; printed. */
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>

#include "prog.h"

enum { MB = 1 << 20, SMALL = 1000, MANY = 40000 };
static void *g_block[MANY];

static FRAME void peak_grow(int from, int to)
{
	for (int i = from; i < to; i++)
		g_block[i] = malloc(SMALL);
}

static FRAME void peak_shrink(int from, int to)
{
	for (int i = from; i < to; i++)
		free(g_block[i]);
}

/* Up, down, up higher, down, up but not as high. */
static void saw(void)
{
	peak_grow(0, 20000);
	peak_shrink(5000, 20000);
	peak_grow(5000, 40000);
	peak_shrink(1000, 40000);
	peak_grow(1000, 25000);
	printf("%d\n", 40000 * SMALL);
}

/* One block that is most of it: gone by a single call. */
static FRAME void one(void)
{
	peak_grow(0, 10000);
	void *p = malloc(50 * MB);
	prog_sink = p;
	free(p);
	printf("%d\n", 10000 * SMALL + 50 * MB);
}

/* The same by realloc. */
static FRAME void resized(void)
{
	void *p = malloc(30 * MB);

	prog_sink = p;
	p = realloc(p, 10);
	prog_sink = p;
	printf("%d\n", 30 * MB);
}

/* Highest at the end. */
static void rise(void)
{
	peak_grow(0, 30000);
	printf("%d\n", 30000 * SMALL);
}

static void *worker(void *arg)
{
	int n = (int)(size_t)arg;

	peak_grow(n * 5000, n * 5000 + 5000);
	return NULL;
}

/* Made by many, freed by another. */
static void threads(void)
{
	pthread_t thread[8];

	for (size_t i = 0; i < 8; i++)
		pthread_create(&thread[i], NULL, worker, (void *)i);
	for (int i = 0; i < 8; i++)
		pthread_join(thread[i], NULL);
	peak_shrink(0, 40000);
	printf("%d\n", 40000 * SMALL);
}

static int writes(const char *children)
{
	char path[64], *end;

	for (long pid; (pid = strtol(children, &end, 10)); children = end) {
		snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
		char state = prog_state_of(path);
		if (state && state != 'Z')
			return 1;
	}
	return 0;
}

/* One is written at a time, by a process that is a child of whoever was on the way: until none is
 * at work. */
static void until_written(void)
{
	char dirents[4096], path[64], children[256];
	int found;

	do {
		int dir = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		long n = syscall(SYS_getdents64, dir, dirents, sizeof(dirents));

		found = 0;
		close(dir);
		for (long at = 0; at < n; at += *(unsigned short *)(dirents + at + 16)) {
			snprintf(path, sizeof(path), "/proc/self/task/%s/children",
			         dirents + at + 19);
			prog_read(path, children, sizeof(children));
			found |= writes(children);
		}
		usleep(1000);
	} while (found);
}

/* In steps of 1 MB, for growth. */
static FRAME void steps(void)
{
	for (int i = 0; i < 20; i++) {
		prog_sink = malloc(MB);
		until_written();
	}
	printf("%d\n", 20 * MB);
}

static void *stepper(void *arg)
{
	static void *hold[4][5][512];
	size_t n = (size_t)arg;

	/* 1 MB in small blocks, then a pause in which it may be written; the first half is freed
	 * while others grow, and comes back. */
	for (int step = 0; step < 5; step++) {
		for (int i = 0; i < 512; i++)
			hold[n][step][i] = malloc(2048);
		for (int i = 0; i < 256; i++)
			free(hold[n][step][i]);
		for (int i = 0; i < 256; i++)
			hold[n][step][i] = malloc(2048);
		until_written();
	}
	prog_sink = hold;
	return NULL;
}

/* 20 MB by four threads at once. */
static void abreast(void)
{
	pthread_t thread[4];

	for (size_t i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, stepper, (void *)i);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	printf("%d\n", 20 * MB);
}

static const char *self;

/* 10 MB, of which the child has its copy and adds 20 to it; the parent adds 5. Then the parent
 * becomes another program. */
static void family(void)
{
	peak_grow(0, 10000);
	pid_t child = fork();

	if (!child) {
		peak_grow(10000, 30000);
		peak_shrink(0, 30000);
		printf("%d %d\n", getpid(), 30000 * SMALL);
		return;
	}
	waitpid(child, NULL, 0);
	peak_grow(10000, 15000);
	peak_shrink(5000, 15000);
	printf("%d %d\n", getpid(), 15000 * SMALL);
	execl(self, "heap_peak", "rise", NULL);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} shape[] = {{"saw", saw},         {"one", one},         {"resized", resized},
	             {"rise", rise},       {"threads", threads}, {"steps", steps},
	             {"abreast", abreast}, {"family", family}};

	self = argv[0];
	setvbuf(stdout, NULL, _IONBF, 0);
	for (size_t i = 0; i < sizeof(shape) / sizeof(shape[0]); i++)
		if (argc > 1 && !strcmp(argv[1], shape[i].name))
			shape[i].run();
	return 0;
}
