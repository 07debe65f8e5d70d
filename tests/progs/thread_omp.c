/* OpenMP: its pool stays for the next parallel region. */
#include "prog.h"

#include <dirent.h>
#include <omp.h>

#include "preload/outlive.h"

static FRAME long parallel_sum(void)
{
	long sum = 0;

#pragma omp parallel for reduction(+ : sum) num_threads(4)
	for (int i = 0; i < 100000; i++)
		sum += i;
	return sum;
}

int main(void)
{
	int n = -2;

	printf("%ld\n", parallel_sum());
	printf("%ld\n", parallel_sum());
	DIR *d = opendir("/proc/self/task");
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	printf("tasks %d\n", n);
	outlive_snapshot("omp");
	return 0;
}
