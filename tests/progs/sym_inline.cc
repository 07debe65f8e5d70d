/*
 * sym_inline.cc - names for the symbolizer to find: inline chains, templates, lambdas, functions of
 * one file, aliases. tests/unit/symbolize_test.c compiles it in several ways; a MARK is a label in
 * the symbol table, at its line.
 */
#include <stdio.h>
#include <stdlib.h>

#define MARK(name) asm volatile(".globl mark_" #name "\nmark_" #name ":\n\tnop" ::: "memory")
#define INLINE     __attribute__((always_inline)) inline
#define NOINLINE   __attribute__((noinline))

namespace shop
{
namespace
{
INLINE int innermost(int n)
{
	MARK(innermost);
	return n * 3;
}

INLINE int middle(int n)
{
	if (n > 100)
		return n;
	return innermost(n) + 1; /* call of innermost */
}

NOINLINE int only_here(int n)
{
	MARK(only_here);
	return middle(n) + n; /* call of middle */
}
} // namespace

template <typename T> struct Basket {
	T sum;
	explicit Basket(T first) : sum(first)
	{
		MARK(constructor);
	}
	NOINLINE void add(T more)
	{
		MARK(add);
		sum += more;
	}
};
} // namespace shop

extern "C" {
NOINLINE int __sym_price(int n)
{
	MARK(price);
	return n + 7;
}
int sym_price(int) __attribute__((weak, nothrow, alias("__sym_price")));
int sym_price_of_old(int) __attribute__((nothrow, alias("__sym_price")));

__attribute__((visibility("hidden"))) NOINLINE int sym_hidden(int n)
{
	MARK(hidden);
	return n ^ 5;
}

/* Its last instruction is the call: the return address lies in what the linker put behind it. */
NOINLINE void sym_never_returns(int n)
{
	if (n > 1000)
		puts("many");
	exit(n > 1000);
}
NOINLINE int sym_behind(int n)
{
	return n - 1;
}
}

int main(int argc, char **)
{
	shop::Basket<double> basket(argc);
	auto lambda = [&](int n) NOINLINE {
		MARK(lambda);
		return n + argc;
	};
	basket.add(shop::only_here(argc));
	basket.add(lambda(argc) + sym_price(argc) + sym_hidden(argc) + sym_behind(argc));
	printf("%f\n", basket.sum);
	sym_never_returns(argc);
}
