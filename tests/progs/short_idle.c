/* short_idle.c - idle from its first instruction on: never allocates, and waits to be killed. */
#include <unistd.h>

int main(void)
{
	for (;;)
		pause();
}
