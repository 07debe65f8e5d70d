/* An OpenMP program that waits for its input: its pool waits for the next parallel region. */
#include "prog.h"

#include <omp.h>

int main(void)
{
	long sum = 0;

#pragma omp parallel for reduction(+ : sum) num_threads(4)
	for (int i = 0; i < 100000; i++)
		sum += i;
	prog_wait("there");
	return sum != 4999950000;
}
