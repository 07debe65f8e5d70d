/*
 * heap_new.cc - operator new and delete in every form, each from a function of its own, 100 times;
 * every block is then given back by the form that belongs to it, but for the plain ones that are
 * kept. Prints what a caller sees.
 */
#include <cerrno>
#include <cstdint>
#include <new>
#include <vector>

#include "prog.h"

static const std::align_val_t ALIGN{64};
static int handler_calls;

struct with_destructor {
	~with_destructor()
	{
		prog_sink = this;
	}
	char bytes[24];
};

/* 100, 2400; 100, 2400 */
FRAME static void new_kept()
{
	for (int i = 0; i < 100; i++)
		prog_sink = ::operator new(24);
}

/* all below: 100 each, all given back */
FRAME static void new_plain() /* 2400 */
{
	for (int i = 0; i < 100; i++)
		::operator delete(prog_sink = ::operator new(24));
}
FRAME static void new_array() /* 2500 */
{
	for (int i = 0; i < 100; i++)
		::operator delete[](prog_sink = ::operator new[](25));
}
FRAME static void new_nothrow() /* 2600 */
{
	for (int i = 0; i < 100; i++)
		::operator delete(prog_sink = ::operator new(26, std::nothrow), std::nothrow);
}
FRAME static void new_array_nothrow() /* 2700 */
{
	for (int i = 0; i < 100; i++)
		::operator delete[](prog_sink = ::operator new[](27, std::nothrow), std::nothrow);
}
FRAME static void
new_aligned() /* 12800: a multiple of the alignment, for aligned_alloc rounds up */
{
	for (int i = 0; i < 100; i++)
		::operator delete(prog_sink = ::operator new(128, ALIGN), ALIGN);
}
FRAME static void new_array_aligned()
{
	for (int i = 0; i < 100; i++)
		::operator delete[](prog_sink = ::operator new[](128, ALIGN), ALIGN);
}
FRAME static void new_aligned_nothrow()
{
	for (int i = 0; i < 100; i++)
		::operator delete(prog_sink = ::operator new(128, ALIGN, std::nothrow), ALIGN,
		                  std::nothrow);
}
FRAME static void new_array_aligned_nothrow()
{
	for (int i = 0; i < 100; i++)
		::operator delete[](prog_sink = ::operator new[](128, ALIGN, std::nothrow), ALIGN,
		                    std::nothrow);
}
FRAME static void new_sized() /* 2800 */
{
	for (int i = 0; i < 100; i++)
		::operator delete(prog_sink = ::operator new(28), std::size_t(28));
}
FRAME static void new_array_sized() /* 2900 */
{
	for (int i = 0; i < 100; i++)
		::operator delete[](prog_sink = ::operator new[](29), std::size_t(29));
}
FRAME static void new_aligned_sized()
{
	for (int i = 0; i < 100; i++)
		::operator delete(prog_sink = ::operator new(128, ALIGN), std::size_t(128), ALIGN);
}
FRAME static void new_array_aligned_sized()
{
	for (int i = 0; i < 100; i++)
		::operator delete[](prog_sink = ::operator new[](128, ALIGN), std::size_t(128),
		                    ALIGN);
}
FRAME static void new_zero() /* 100, 100: libstdc++ asks malloc for one byte */
{
	for (int i = 0; i < 100; i++)
		::operator delete(prog_sink = ::operator new(0));
}
FRAME static void new_cookie() /* 3 * 24 bytes and 8 for the count: 8000 */
{
	for (int i = 0; i < 100; i++) {
		with_destructor *p = new with_destructor[3];

		prog_sink = p;
		delete[] p;
	}
}
FRAME static void new_vector() /* 4 + 8 + ... + 512 bytes: 8 allocations of 1020 each time */
{
	for (int i = 0; i < 100; i++) {
		std::vector<int> v;

		for (int j = 0; j < 128; j++)
			v.push_back(j);
		prog_sink = v.data();
	}
}

static void handler()
{
	if (++handler_calls == 3)
		std::set_new_handler(nullptr);
}

/* Nothing is made; the handler is called as often as natively, and the exception passes through the
 * hook. */
FRAME static void new_refused()
{
	volatile std::size_t huge = PTRDIFF_MAX;
	bool thrown = false;

	std::set_new_handler(handler);
	try {
		prog_sink = ::operator new(huge);
	} catch (const std::bad_alloc &) {
		thrown = true;
	}
	printf("thrown %d handler %d\n", thrown, handler_calls);
	thrown = false;
	try {
		prog_sink = ::operator new[](huge, ALIGN);
	} catch (const std::bad_alloc &) {
		thrown = true;
	}
	printf("aligned thrown %d nothrow %p %p\n", thrown, ::operator new(huge, std::nothrow),
	       ::operator new[](huge, ALIGN, std::nothrow));
	::operator delete(nullptr);
	::operator delete[](nullptr, ALIGN);
	errno = E2BIG;
	::operator delete(prog_sink = ::operator new(5));
	printf("errno kept %d\n", errno == E2BIG);
}

int main()
{
	new_kept();
	new_plain();
	new_array();
	new_nothrow();
	new_array_nothrow();
	new_aligned();
	new_array_aligned();
	new_aligned_nothrow();
	new_array_aligned_nothrow();
	new_sized();
	new_array_sized();
	new_aligned_sized();
	new_array_aligned_sized();
	new_zero();
	new_cookie();
	new_vector();
	new_refused();
	return 0;
}
