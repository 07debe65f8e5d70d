/*
 * demangle_test.c - what a person reads for a linkage name, and names that would eat all memory.
 */
#include "analyzer/demangle.h"

#include "analyzer/util.h"
#include "tests/unit/check.h"

TEST(parameters_are_cut_template_arguments_stay)
{
	STREQ(demangle("_ZN2ns5ClassIiE6methodEid"), "ns::Class<int>::method");
	STREQ(demangle("_Znwm"), "operator new");
	STREQ(demangle("_ZdaPvSt11align_val_t"), "operator delete[]");
	STREQ(demangle("_ZNKSt8functionIFviEEclEi"), "std::function<void (int)>::operator()");
	STREQ(demangle("_ZZ4mainENKUlvE_clEv"), "main::{lambda()#1}::operator()");
	STREQ(demangle("_ZN12_GLOBAL__N_13barEv"), "(anonymous namespace)::bar");
	STREQ(demangle("_ZN3FooC2Ev"), "Foo::Foo");
}

TEST(rust_names_lose_their_hash)
{
	STREQ(demangle("_ZN4core3ptr13drop_in_place17h0123456789abcdefE"),
	      "core::ptr::drop_in_place");
	STREQ(demangle("_ZN4core3ptr13drop_in_place17h0123456789abcdefE.llvm.8123"),
	      "core::ptr::drop_in_place");
	STREQ(demangle("_ZN63_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..clone..Clone$GT$"
	               "5clone17h0123456789abcdefE"),
	      "<alloc::vec::Vec<T> as core::clone::Clone>::clone");
	STREQ(demangle("_RNvNtCs1234_7mycrate3foo3bar"), "mycrate::foo::bar");
}

TEST(clones_of_compilers_have_their_function_s_name)
{
	STREQ(demangle("foo.part.0"), "foo");
	STREQ(demangle("foo.constprop.0.isra.2"), "foo");
	STREQ(demangle("foo.cold"), "foo");
	STREQ(demangle("_Z3fooIiEvT_.cold"), "foo<int>");
	STREQ(demangle("_ZN1a1bEv.lto_priv.0"), "a::b");
}

TEST(other_names_stay)
{
	STREQ(demangle("main.main"), "main.main"); /* Go */
	STREQ(demangle("malloc"), "malloc");
	STREQ(demangle("foo.party"), "foo.party");
	STREQ(demangle("_Zzz"), "_Zzz");
	STREQ(demangle("_R"), "_R");
	STREQ(demangle(""), "");
	OK(demangle_or_null("malloc") == NULL);
}

TEST(same_name_is_the_same_pointer)
{
	OK(demangle("_Znwm") == demangle("_Znwm"));
}

/* Each type names the one before twice: 34 of them are a terabyte. */
TEST(name_that_grows_without_end_is_given_up)
{
	struct str s = {0};

	alarm(20);
	str_add(&s, "_Z1fI1aIiiE"); /* S_ is f, S0_ is a, S1_ is a<int, int> */
	for (int i = 1; i < 34; i++)
		str_addf(&s, "S0_IS%c_S%c_E", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i],
		         "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i]);
	str_add(&s, "Evv");
	OK(demangle_or_null(s.data) == NULL);
	STREQ(demangle(s.data), s.data);
	str_free(&s);
	/* while a few are a name */
	STREQ(demangle("_Z1fI1aIiiES0_IS1_S1_EEvv"),
	      "f<a<int, int>, a<a<int, int>, a<int, int> > >");
}

TEST(deep_and_long_names_end)
{
	char *deep = malloc(1000001);

	alarm(20);
	memset(deep, 'P', 1000000);
	deep[1000000] = 0;
	memcpy(deep, "_Z1f", 4);
	OK(demangle(deep) != NULL);
	deep[8000] = 0;
	OK(demangle(deep) != NULL);
	memset(deep + 4, 'I', 7996);
	OK(demangle(deep) != NULL);
	memcpy(deep, "_RNv", 4);
	OK(demangle(deep) != NULL);
	memset(deep + 2, 'I', 7998);
	OK(demangle(deep) != NULL);
	free(deep);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
