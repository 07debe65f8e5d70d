/* pairs_heap.c - ways of C and POSIX to lose blocks, and not to: see pairs.h. */
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <glob.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <pthread.h>
#include <regex.h>
#include <search.h>
#include <setjmp.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

#include "tests/progs/pairs.h"

struct node {
	struct node *next, *other;
	char text[16];
};

CASE(malloc_lost)
{
	drop(malloc(10));
}
CASE(calloc_lost)
{
	drop(calloc(3, 10));
}
CASE(realloc_moved)
{
	drop(realloc(realloc(NULL, 10), 5000));
}
CASE(realloc_failed)
{
	void *p = malloc(20), *q = realloc(p, (size_t)1 << 60);

	if (!q)
		drop(p); /* p = realloc(p, n) would have lost it */
}
CASE(reallocarray_lost)
{
	drop(reallocarray(NULL, 3, 7));
}
CASE(aligned_lost)
{
	drop(aligned_alloc(64, 128));
}
CASE(posix_memalign_lost)
{
	void *p = NULL;

	if (!posix_memalign(&p, 256, 300))
		drop(p);
}
CASE(getline_lost)
{
	char text[] = "one line\n", *line = NULL;
	FILE *f = fmemopen(text, sizeof(text), "r");
	size_t n = 0;

	if (getline(&line, &n, f) > 0)
		drop(line);
	fclose(f);
}
CASE(getdelim_lost)
{
	char text[] = "one;two", *word = NULL;
	FILE *f = fmemopen(text, sizeof(text), "r");
	size_t n = 0;

	if (getdelim(&word, &n, ';', f) > 0)
		drop(word);
	fclose(f);
}
CASE(asprintf_lost)
{
	char *text;

	if (asprintf(&text, "%d bottles", 99) > 0)
		drop(text);
}
CASE(strdup_lost)
{
	drop(strdup("a copy"));
}
CASE(strndup_lost)
{
	drop(strndup("a copy", 3));
}
CASE(wcsdup_lost)
{
	drop(wcsdup(L"a copy"));
}
CASE(sscanf_lost)
{
	char *word = NULL;

	if (sscanf("word and more", "%ms", &word) == 1)
		drop(word);
}
CASE(getcwd_lost)
{
	drop(getcwd(NULL, 0));
}
CASE(realpath_lost)
{
	drop(realpath("/proc/../tmp", NULL));
}
CASE(memstream_lost)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	fputs("text", f);
	fclose(f);
	drop(text);
}
CASE(scandir_lost)
{
	struct dirent **list = NULL;
	int n = scandir("/proc/self/task", &list, NULL, alphasort);

	for (int i = 0; i < n; i++)
		drop(list[i]);
	free(list);
}
CASE(glob_lost)
{
	glob_t g;

	if (!glob("/e*", 0, NULL, &g) && !bad)
		globfree(&g);
	memset(&g, 0, sizeof(g));
}
CASE(regcomp_lost)
{
	regex_t r;

	if (!regcomp(&r, "a(b|c)*d", REG_EXTENDED) && !bad)
		regfree(&r);
	memset(&r, 0, sizeof(r));
}
CASE(getaddrinfo_lost)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *found = NULL;

	if (!getaddrinfo("127.0.0.1", NULL, &hints, &found) && !bad)
		freeaddrinfo(found);
	found = NULL;
}
CASE(getifaddrs_lost)
{
	struct ifaddrs *all = NULL;

	if (!getifaddrs(&all) && !bad)
		freeifaddrs(all);
	all = NULL;
}
static struct node *chain(int n)
{
	struct node *volatile head = NULL;

	for (int i = 0; i < n; i++) {
		struct node *new = calloc(1, sizeof(*new));
		new->next = head;
		head = new;
	}
	return head;
}
static void unchain(struct node *p)
{
	while (p) {
		struct node *next = p->next;
		free(p);
		p = next;
	}
}
CASE(list_lost)
{
	struct node *p = chain(20);

	if (!bad)
		unchain(p);
}
CASE(list_tail_lost)
{
	struct node *p = chain(20);

	if (!bad)
		unchain(p->next);
	free(p);
}
static struct node *grow_tree(int depth)
{
	struct node *p = calloc(1, sizeof(*p));

	if (depth) {
		p->next = grow_tree(depth - 1);
		p->other = grow_tree(depth - 1);
	}
	return p;
}
static void fell(struct node *p)
{
	if (!p)
		return;
	fell(p->next);
	fell(p->other);
	free(p);
}
CASE(tree_lost)
{
	struct node *p = grow_tree(4);

	if (!bad)
		fell(p);
}
CASE(cycle_lost)
{
	struct node *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));

	a->next = b;
	b->next = a;
	if (!bad) {
		free(a);
		free(b);
	}
}
CASE(self_lost)
{
	struct node *a = calloc(1, sizeof(*a));

	a->next = a;
	drop(a);
}
CASE(member_lost)
{
	struct node *a = calloc(1, sizeof(*a));

	a->next = malloc(50);
	if (!bad)
		free(a->next);
	free(a);
}
CASE(strings_lost)
{
	char **list = calloc(5, sizeof(*list));

	for (int i = 0; i < 5; i++)
		list[i] = strdup("string");
	for (int i = 0; i < 5 && !bad; i++)
		free(list[i]);
	free(list);
}
CASE(overwritten)
{
	static void *cache;

	cache = malloc(30);
	if (!bad)
		free(cache);
	cache = malloc(31);
	free(cache);
	cache = NULL;
}
CASE(slot_overwritten)
{
	static void *ring[4];

	for (int i = 0; i < 8; i++) {
		if (!bad)
			free(ring[i % 4]);
		ring[i % 4] = malloc(24);
	}
	for (int i = 0; i < 4; i++)
		free(ring[i]);
	memset(ring, 0, sizeof(ring));
}
static int early_parse(const char *text)
{
	char *copy = strdup(text);

	if (*copy == '#') {
		if (!bad)
			free(copy);
		return -1;
	}
	free(copy);
	return 0;
}
CASE(early_return)
{
	early_parse("# comment");
}
static jmp_buf g_jump;
__attribute__((noinline)) static void longjmp_inner(void)
{
	void *p = malloc(70);

	sink = p;
	if (!bad)
		free(p);
	sink = p = NULL;
	longjmp(g_jump, 1);
}
CASE(longjmp_over)
{
	if (!setjmp(g_jump))
		longjmp_inner();
}
static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}
CASE(tsearch_lost)
{
	void *root = NULL;

	tsearch("one", &root, compare);
	tsearch("two", &root, compare);
	for (int i = 0; i < 2 && !bad; i++)
		tdelete(i ? "one" : "two", &root, compare);
	root = NULL;
}
static void *cross_consume(void *p)
{
	if (!bad)
		free(p);
	return NULL;
}
CASE(cross_thread)
{
	pthread_t thread;

	pthread_create(&thread, NULL, cross_consume, malloc(80));
	pthread_join(thread, NULL);
}
static void *result_of_thread_make(void *arg)
{
	return arg ? arg : malloc(90);
}
CASE(result_of_thread)
{
	pthread_t thread;
	void *result = NULL;

	pthread_create(&thread, NULL, result_of_thread_make, NULL);
	pthread_join(thread, &result);
	if (!bad)
		free(result);
}
static pthread_key_t g_key;
static void *specific_lost_set(void *arg)
{
	pthread_setspecific(g_key, malloc(60));
	return arg;
}
CASE(specific_lost)
{
	pthread_t thread;

	pthread_key_create(&g_key, bad ? NULL : free);
	pthread_create(&thread, NULL, specific_lost_set, NULL);
	pthread_join(thread, NULL);
	pthread_key_delete(g_key);
}
static __thread void *t_cache;
static void *local_of_thread_set(void *arg)
{
	t_cache = malloc(55);
	if (!bad)
		free(t_cache);
	return arg;
}
CASE(local_of_thread)
{
	pthread_t thread;

	pthread_create(&thread, NULL, local_of_thread_set, NULL);
	pthread_join(thread, NULL);
}
CASE(fork_child)
{
	pid_t child = fork();

	if (!child) {
		drop(malloc(44));
		exit(0);
	}
	waitpid(child, NULL, 0);
}
/* The plug-in lies beside the program; what its own data points to is lost when it is closed. */
CASE(plugin_closed)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);

	if (n < 0)
		return;
	path[n] = 0;
	strcpy(strrchr(path, '/') + 1, "pairs_so.so");
	void *plugin = dlopen(path, RTLD_NOW);
	if (!plugin)
		exit(98);
	void (*begin)(void) = dlsym(plugin, "plugin_closed_begin");
	void (*end)(void) = dlsym(plugin, "plugin_closed_end");
	begin();
	if (!bad)
		end();
	dlclose(plugin);
}
CASE(kept_in_static)
{
	static void *volatile kept __attribute__((unused)); /* good: reachable at the end */

	kept = malloc(33);
	if (bad)
		kept = NULL;
}
CASE(kept_in_environment)
{
	char *entry = strdup("PAIR=1");

	if (!bad)
		putenv(entry); /* the environment has it */
	entry = NULL;
}

#define P(name)                     \
	{                           \
#name, "heap", name \
	}
int main(int argc, char **argv)
{
	static const struct pair pairs[] = {
	        P(malloc_lost),         P(calloc_lost),       P(realloc_moved),
	        P(realloc_failed),      P(reallocarray_lost), P(aligned_lost),
	        P(posix_memalign_lost), P(getline_lost),      P(getdelim_lost),
	        P(asprintf_lost),       P(strdup_lost),       P(strndup_lost),
	        P(wcsdup_lost),         P(sscanf_lost),       P(getcwd_lost),
	        P(realpath_lost),       P(memstream_lost),    P(scandir_lost),
	        P(glob_lost),           P(regcomp_lost),      P(getaddrinfo_lost),
	        P(getifaddrs_lost),     P(list_lost),         P(list_tail_lost),
	        P(tree_lost),           P(cycle_lost),        P(self_lost),
	        P(member_lost),         P(strings_lost),      P(overwritten),
	        P(slot_overwritten),    P(early_return),      P(longjmp_over),
	        P(tsearch_lost),        P(cross_thread),      P(result_of_thread),
	        P(specific_lost),       P(local_of_thread),   P(fork_child),
	        P(plugin_closed),       P(kept_in_static),    P(kept_in_environment),
	};

	return run_pairs(pairs, sizeof(pairs) / sizeof(*pairs), argc, argv);
}
