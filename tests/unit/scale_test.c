/*
 * scale_test.c - two snapshots of 100,000 stacks and a million frames are loaded and compared in
 * bounded memory and CPU time. Each step is a process of its own, so that none inherits another's
 * memory. CPU, not wall time; a sanitizer's figures would mean nothing.
 */
#include "check.h"

#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "analyzer/out.h"
#include "analyzer/profile.h"
#include "build_snap.h"

enum { STACKS = 100000, DEPTH = 10, ADDRESSES = 10000 };

static uint64_t next_random(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static unsigned below(unsigned n)
{
	return (unsigned)(next_random() % n);
}

static int write_snapshot(const char *path, unsigned sequence)
{
	static unsigned node[STACKS * DEPTH], leaf[STACKS];
	struct build b = {0};
	unsigned n = 0;

	build_start(&b);
	build_info_u(&b, FMT_INFO_PID, 7);
	build_info_u(&b, FMT_INFO_SEQUENCE, sequence);
	build_info_u(&b, FMT_INFO_START_TIME, 1000);
	build_info_u(&b, FMT_INFO_UPTIME, sequence * 60000000000ull);
	build_info_s(&b, FMT_INFO_BOOT_ID, "boot");
	unsigned exe = build_module(&b, "/opt/large", "beef", FMT_MODULE_MAIN);
	for (unsigned i = 0; i < STACKS; i++) {
		unsigned at = n ? node[below(n)] : 0;
		for (int d = 0; d < DEPTH; d++) {
			at = build_node(&b, at, exe, 0x1000 + 4 * below(ADDRESSES));
			node[n++] = at;
		}
		leaf[i] = at;
	}
	for (unsigned i = 0; i < STACKS; i++) {
		unsigned made = sequence * (1 + below(50)), freed = made / 2;
		build_site(&b, &(struct build_site){.node = leaf[i],
		                                    .allocs = made,
		                                    .bytes = made * 64,
		                                    .frees = freed,
		                                    .bytes_freed = freed * 64,
		                                    .size_min = 64,
		                                    .size_max = 64,
		                                    .lifetimes = {{3, freed, 0}},
		                                    .ages = {{20, made - freed, 64}}});
	}
	build_end(&b);
	return build_save(&b, path);
}

static int compare(const char *first, const char *second)
{
	struct profile_options po = {.sort = ALLOC_SPACE, .forget = true};
	struct out_options oo = {.sort = ALLOC_SPACE, .n = 10};
	struct snapshot *a, *b;
	struct profile *p;
	struct err err;
	FILE *f = fopen("/dev/null", "w");

	mallopt(M_MMAP_THRESHOLD, 256 << 10); /* as main() does */
	return load_snapshot(first, &a, &err) || load_snapshot(second, &b, &err) ||
	       profile_diff(a, b, &po, &p, &err) || p->n_rows != STACKS ||
	       out_text_diff(f, p, &oo, &err);
}

static struct rusage used_by_child(pid_t child)
{
	struct rusage usage = {0};
	int status = -1;

	EQ(wait4(child, &status, 0, &usage), child);
	EQ(status, 0);
	return usage;
}

TEST(a_hundred_thousand_stacks)
{
	char folder[] = "/tmp/outlive-scale.XXXXXX";
	struct stat st[2];
	pid_t child;

	OK(mkdtemp(folder) != NULL);
	char *path[2] = {xasprintf("%s/1.snap", folder), xasprintf("%s/2.snap", folder)};
	for (unsigned i = 0; i < 2; i++) {
		if (!(child = fork()))
			_exit(write_snapshot(path[i], i + 1) != 0);
		used_by_child(child);
		EQ(stat(path[i], &st[i]), 0);
	}
	if (!(child = fork()))
		_exit(compare(path[0], path[1]));
	struct rusage usage = used_by_child(child);
	long files_kb = (long)((st[0].st_size + st[1].st_size) / 1024);
	double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	             (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	printf("# files of %ld kB: %ld kB, %.2f s of CPU\n", files_kb, usage.ru_maxrss, cpu);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	OK(usage.ru_maxrss < 4 * files_kb);
	OK(cpu < 2); /* 0.3 on a machine of 2023 */
#endif
	for (int i = 0; i < 2; i++) {
		unlink(path[i]);
		free(path[i]);
	}
	rmdir(folder);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
