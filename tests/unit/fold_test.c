/*
 * fold_test.c - the first line that a person reads is their own code: wrappers by name, by library,
 * by language.
 */
#include "check.h"

#include "analyzer/profile.h"

static bool wrapper_in(const char *function, const char *linkage, const char *module)
{
	struct module m = {.path = module, .build_id = ""};
	struct line l = {.function = function, .linkage = linkage ? linkage : function};

	return fold_is_wrapper(&l, &m);
}

static bool wrapper(const char *function)
{
	return wrapper_in(function, NULL, "/opt/server");
}

/* With _FORTIFY_SOURCE open() is an inline function of the program's. */
TEST(inline_functions_of_the_c_librarys_headers_are_folded)
{
	struct module m = {.path = "/opt/server", .build_id = ""};
	struct line l = {.function = "open", .linkage = "open"};

	OK(!fold_is_wrapper(&l, &m));
	l.file = "/usr/include/x86_64-linux-gnu/bits/fcntl2.h";
	OK(fold_is_wrapper(&l, &m));
	l.file = "/src/server/bits/open.c";
	OK(!fold_is_wrapper(&l, &m));
}

TEST(wrappers_of_many_projects_are_folded)
{
	static const char *const names[] = {"malloc",
	                                    "calloc",
	                                    "strdup",
	                                    "operator new",
	                                    "operator new[]",
	                                    "xmalloc",
	                                    "xrealloc",
	                                    "xstrdup",
	                                    "zmalloc",
	                                    "zmalloc_usable",
	                                    "zcalloc",
	                                    "ztrymalloc_usable_internal",
	                                    "zstrdup",
	                                    "g_malloc0",
	                                    "g_strdup_printf",
	                                    "g_slice_alloc",
	                                    "PyMem_RawMalloc",
	                                    "_PyMem_DebugRawAlloc",
	                                    "PyObject_Malloc",
	                                    "_PyObject_GC_New",
	                                    "sqlite3MemMalloc",
	                                    "sqlite3DbMallocRawNN",
	                                    "Perl_safesysmalloc",
	                                    "apr_palloc",
	                                    "ngx_pcalloc",
	                                    "CRYPTO_zalloc",
	                                    "__rust_alloc",
	                                    "exchange_malloc",
	                                    "<u32 as core::fmt::Display>::fmt",
	                                    "<&mut T as core::fmt::Write>::write_str",
	                                    "palloc0",
	                                    "av_malloc",
	                                    "_start",
	                                    "start_thread",
	                                    "strdup@plt",
	                                    "xmalloc.part.0",
	                                    "xcalloc.constprop.0",
	                                    "std::vector<int, std::allocator<int> >::push_back",
	                                    "__gnu_cxx::new_allocator<int>::allocate"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!wrapper(names[i]))
			FAIL("%s is no wrapper", names[i]);
}

TEST(the_users_own_code_is_not_folded)
{
	static const char *const names[] = {"main",
	                                    "mallocate_rooms",
	                                    "my_xmalloc_user",
	                                    "zone_load",
	                                    "zadd",
	                                    "sdsnewlen",
	                                    "dictAddRaw",
	                                    "createObject",
	                                    "reallocate",
	                                    "g_hash_table_insert",
	                                    "PyDict_SetItem",
	                                    "PyList_New",
	                                    "alloc::Engine::init",
	                                    "core::Session::open",
	                                    "stdlib_init",
	                                    "newConnection",
	                                    "operator newt",
	                                    "Perl_newSV",
	                                    "sqlite3BtreeInsert",
	                                    "x",
	                                    "",
	                                    "std"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (wrapper(names[i]))
			FAIL("%s is folded", names[i]);
}

TEST(languages_are_told_by_the_mangled_name)
{
	/* A template's return type stands before its name. */
	OK(wrapper_in("void std::__uninitialized_fill<int>", "_ZSt20__uninitialized_fillIiEvv",
	              "/opt/x"));
	OK(wrapper_in("std::string::_M_create", "_ZNSs9_M_createEv", "/opt/x"));
	OK(!wrapper_in("main::{lambda()#1}::operator()", "_ZZ4mainENKUlvE_clEv", "/opt/x"));
	OK(!wrapper_in("my::std_like", "_ZN2my8std_likeEv", "/opt/x"));
	OK(wrapper_in("alloc::raw_vec::finish_grow",
	              "_ZN5alloc7raw_vec11finish_grow17h0123456789abcdefE", "/opt/x"));
	OK(wrapper_in("<alloc::vec::Vec<T> as core::clone::Clone>::clone",
	              "_RNvXs_NtC5alloc3vec5clone", "/opt/x"));
	OK(!wrapper_in("app::alloc::grow", "_ZN3app5alloc4grow17h0123456789abcdefE", "/opt/x"));
}

TEST(the_c_library_and_its_kind_are_folded_whole)
{
	static const char *const modules[] = {"/lib/x86_64-linux-gnu/libc.so.6",
	                                      "/lib64/ld-linux-x86-64.so.2",
	                                      "/usr/lib/libstdc++.so.6.0.30",
	                                      "/usr/lib/libjemalloc.so.2",
	                                      "/usr/lib/libtcmalloc_minimal.so.4",
	                                      "[vdso]",
	                                      "/lib/libc-2.31.so",
	                                      "/lib/ld-musl-x86_64.so.1"};

	for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); i++)
		if (!wrapper_in(NULL, NULL, modules[i]) ||
		    !wrapper_in("whatever", NULL, modules[i]))
			FAIL("%s is shown", modules[i]);
	OK(!wrapper_in(NULL, NULL, "/usr/lib/libcrypto.so.3"));
	OK(!wrapper_in(NULL, NULL, "/usr/lib/libcairo.so.2"));
	OK(!wrapper_in(NULL, NULL,
	               "/opt/libc"
	               "ommon.so"));
	OK(!wrapper_in("f", NULL, ""));
	OK(fold_is_system(
	        &(struct module){.path = "/x/odd", .build_id = "", .flags = FMT_MODULE_LOADER}));
}

TEST(a_frame_without_a_name_is_shown)
{
	OK(!wrapper_in(NULL, NULL, "/opt/server"));
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
