/*
 * heap_tls.cc - C++ thread_local objects: their destructors run after the thread's function, and
 * free and allocate. tls_destructor: 4 threads, 10 blocks of 21 bytes each, 5 freed.
 */
#include <string>
#include <thread>

#include "prog.h"

FRAME static void tls_destructor()
{
	for (int i = 0; i < 10; i++) {
		void *p = malloc(21);

		prog_sink = p;
		if (i % 2)
			free(p);
	}
}

struct holder {
	std::string text;
	~holder()
	{
		tls_destructor();
	}
};

static thread_local holder held;

int main()
{
	for (int i = 0; i < 4; i++)
		std::thread([] { held.text.assign(1000, 'x'); }).join();
	return 0;
}
