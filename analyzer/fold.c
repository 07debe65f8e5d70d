/*
 * fold.c - which frames are not the user's own: allocation functions and their wrappers, the C and
 * C++ runtimes.
 *
 * Owns the tables below and how they are matched, nothing else. The first line that a person reads
 * should be the code that wanted the memory, not the twentieth function that forwards to malloc. To
 * teach it a wrapper, add a line.
 */
#include "profile.h"

#include <string.h>

/* clang-format off */

/*
 * Functions. '*' stands for any text. A row of a library's wrappers names the library where the
 * names alone could be anybody's. Names are matched as a person reads them (demangled, without
 * parameters).
 */
static const char *const wrappers[] = {
        /* the C library's, also where a program brings its own or links them in */
        "malloc", "calloc", "realloc", "reallocarray", "recallocarray", "reallocf", "memalign",
        "aligned_alloc", "posix_memalign", "valloc", "pvalloc", "strdup", "strndup", "__strdup",
        "__strndup", "wcsdup", "memdup", "asprintf", "vasprintf", "__asprintf_chk",
        "__vasprintf_chk", "__libc_malloc", "__libc_calloc", "__libc_realloc", "__libc_memalign",
        /* C++ */
        "operator new", "operator new(*", "operator new[*", "__cxa_allocate_exception",
        "__cxa_allocate_*",
        /* GNU, BSD and everybody's "or die" kind: gcc, git, bash, coreutils, ... */
        "xmalloc*", "xcalloc*", "xrealloc*", "xstrdup*", "xstrndup*", "xmemdup*", "xzalloc*",
        "xzmalloc*", "xnmalloc*", "xcharalloc*", "xalloc*", "x2realloc*", "x2nrealloc*",
        "xnrealloc*", "xpalloc*", "ximalloc", "xicalloc", "xirealloc", "xireallocarray",
        "xreallocarray", "xasprintf*", "xvasprintf*", "xmallocz*", "xmemdupz", "do_xmalloc",
        "do_xmallocz", "emalloc", "ecalloc", "erealloc", "estrdup", "emalloc_*", "safe_malloc*",
        "safe_calloc*", "safe_realloc*", "safe_strdup*", "checked_malloc", "checked_realloc",
        "rpl_malloc", "rpl_calloc", "rpl_realloc", "sh_xmalloc*", "sh_xrealloc*",
        /* gcc */
        "ggc_internal_alloc*", "ggc_internal_cleared_alloc*", "ggc_alloc*", "ggc_realloc*",
        "_obstack_begin*", "_obstack_newchunk", "_objalloc_alloc", "objalloc_*", "bfd_alloc*",
        "bfd_zalloc*", "bfd_malloc*", "bfd_zmalloc*",
        /* redis, valkey */
        "zmalloc*", "zcalloc*", "zrealloc*", "zstrdup", "ztrymalloc*", "ztrycalloc*",
        "ztryrealloc*", "valkey_malloc*", "valkey_calloc*", "valkey_realloc*",
        "ztry*alloc_usable_internal", "hi_malloc", "hi_calloc", "hi_realloc", "hi_strdup",
        "s_malloc_*", "s_realloc_*",
        /* jemalloc, tcmalloc, mimalloc, linked into the program */
        "je_*", "mallocx", "rallocx", "imalloc*", "tc_malloc*", "tc_calloc*", "tc_realloc*",
        "tc_new*", "tcmalloc::*", "mi_malloc*", "mi_calloc*", "mi_zalloc*", "mi_realloc*",
        "mi_new*", "_mi_*",
        /* glib */
        "g_malloc*", "g_try_malloc*", "g_realloc*", "g_try_realloc*", "g_slice_alloc*",
        "g_slice_copy", "g_strdup*", "g_strndup", "g_memdup*", "g_strconcat", "g_strjoin*",
        "g_aligned_alloc*", "g_rc_box_alloc*", "g_atomic_rc_box_alloc*", "standard_malloc",
        "standard_calloc", "thread_memory_magazine*", "magazine_*", "slab_allocator_*",
        /* python */
        "PyMem_*", "_PyMem_*", "PyObject_Malloc", "PyObject_Calloc", "PyObject_Realloc",
        "_PyObject_Malloc", "_PyObject_Calloc", "_PyObject_Realloc", "_PyObject_Alloc*",
        "_PyObject_GC_*", "_PyObject_New*", "PyObject_GC_*", "pymalloc_*", "pyobject_*alloc*",
        "new_arena", "_PyObject_ArenaMmap", "_PyObject_ArenaMalloc", "allocate_from_new_pool",
        "PyType_GenericAlloc", "_PyType_AllocNoTrack", "gc_alloc", "_PyObject_DebugRaw*",
        /* perl, ruby, lua, php, tcl */
        "Perl_safesys*", "Perl_safe*alloc", "Perl_savepv*", "Perl_more_bodies", "ruby_xmalloc*",
        "ruby_xcalloc*", "ruby_xrealloc*", "rb_xmalloc*", "rb_xrealloc*", "objspace_xmalloc*",
        "objspace_xcalloc*", "objspace_xrealloc*", "objspace_malloc*", "l_alloc", "luaM_*",
        "_emalloc*", "_ecalloc*", "_erealloc*", "_estrdup*", "_safe_emalloc*", "__zend_malloc*",
        "zend_mm_*", "Tcl_Alloc", "Tcl_Realloc", "TclpAlloc", "TclpRealloc",
        /* sqlite */
        "sqlite3_malloc*", "sqlite3_realloc*", "sqlite3Malloc*", "sqlite3Realloc*", "sqlite3Mem*",
        "sqlite3DbMalloc*", "sqlite3DbRealloc*", "sqlite3DbStr*", "dbMallocRaw*",
        "dbReallocFinish", "mallocWithAlarm", "sqlite3PageMalloc", "pcache1Alloc",
        "pcache1AllocPage", "sqlite3PcacheMalloc", "sqlite3StrDup", "sqlite3StrAccum*",
        "memsys5Malloc*",
        /* apache, nginx, haproxy, memcached */
        "apr_palloc*", "apr_pcalloc*", "apr_pstr*", "apr_pmem*", "apr_psprintf", "apr_pvsprintf",
        "allocator_alloc", "apr_allocator_alloc", "apr_pool_create*", "ngx_alloc", "ngx_calloc",
        "ngx_memalign", "ngx_palloc*", "ngx_pnalloc", "ngx_pcalloc", "ngx_pmemalign",
        "ngx_pstrdup", "ngx_create_pool", "pool_alloc_*", "__pool_alloc", "pool_get_from_os*",
        /* databases */
        "palloc", "palloc0", "palloc_*", "repalloc*", "pstrdup", "pnstrdup", "psprintf",
        "MemoryContextAlloc*", "MemoryContextStrdup", "AllocSetAlloc*", "AllocSetRealloc*",
        "GenerationAlloc*", "SlabAlloc*", "pg_malloc*", "pg_realloc*", "pg_strdup", "my_malloc",
        "my_realloc", "my_strdup", "my_multi_malloc", "alloc_root", "multi_alloc_root",
        "ut_allocator*",
        /* crypto, xml, images, networks */
        "CRYPTO_malloc*", "CRYPTO_zalloc*", "CRYPTO_calloc*", "CRYPTO_realloc*",
        "CRYPTO_clear_realloc*", "CRYPTO_strdup", "CRYPTO_strndup", "CRYPTO_memdup",
        "OPENSSL_malloc*", "gnutls_malloc", "_gcry_malloc*", "_gcry_xmalloc*", "gcry_malloc*",
        "gcry_xmalloc*", "xmlMalloc*", "xmlRealloc*", "xmlMemMalloc*", "xmlStrdup", "xmlStrndup",
        "xmlMemStrdup*", "XML_Mem*", "png_malloc*", "png_calloc", "av_malloc*", "av_realloc*",
        "av_calloc", "av_strdup", "Curl_memdup*", "curl_dbg_malloc", "curl_dbg_*alloc",
        "uv__malloc", "uv__calloc", "uv__realloc", "uv__strdup", "event_mm_*", "cJSON_malloc",
        "jsonp_malloc", "jsonp_strdup", "jsonp_strndup", "isc__mem_get", "isc_mem_get*",
        "isc__mem_allocate", "talloc_*", "_talloc_*", "__talloc*",
        /* rust: also what wraps the allocator inside of std's collections */
        "__rust_alloc*", "__rust_realloc", "__rdl_alloc*", "__rdl_realloc", "__rg_alloc*",
        "__rg_realloc", "exchange_malloc", "<hashbrown::*", "hashbrown::*",
        /* traits of core for types of the language: core's own code */
        "<u8 as core::*", "<u16 as core::*", "<u32 as core::*", "<u64 as core::*",
        "<u128 as core::*", "<usize as core::*", "<i8 as core::*", "<i16 as core::*",
        "<i32 as core::*", "<i64 as core::*", "<i128 as core::*", "<isize as core::*",
        "<f32 as core::*", "<f64 as core::*", "<bool as core::*", "<char as core::*",
        "<str as core::*", "<&* as core::*", "<&* as alloc::*", "<[* as core::*",
        /* descriptors: gnulib's, and what everybody calls theirs */
        "open_safer", "openat_safer", "creat_safer", "dup_safer", "fd_safer", "fd_safer_flag",
        "fopen_safer", "pipe_safer", "opendir_safer", "open_cloexec", "rpl_open", "rpl_openat",
        "rpl_fopen", "rpl_opendir", "xopen", "xfopen", "xdup", "xpipe", "xsocket",
        /* what is outermost in every stack */
        "_start", "__libc_start_main*", "__libc_start_call_main", "start_thread", "clone",
        "clone3", "__clone3", "__GI___clone*",
};

/* Linkage names that begin so: the C++ standard library (std::, std::string, std::allocator,
 * __gnu_cxx::), libc++. */
static const char *const cxx_linkage[] = {
        "_ZNSt", "_ZNKSt", "_ZNOSt", "_ZSt", "_ZNSa", "_ZNKSa", "_ZNSs", "_ZNKSs", "_ZNSi",
        "_ZNSo", "_ZN9__gnu_cxx", "_ZNK9__gnu_cxx", "_ZN10__cxxabiv1", "_ZZNSt", "_ZGVNSt",
};
/* Of Rust names (those alone): the crates that are the language's own. */
static const char *const rust_crates[] = {
        "alloc::", "core::", "std::", "<alloc::", "<core::", "<std::",
};

/* Modules whose frames are never the user's own, by the base name up to ".so". */
static const char *const system_modules[] = {
        "libc", "libc-2.*", "ld-linux*", "ld-2.*", "ld-musl*", "libpthread", "libpthread-*",
        "libdl", "librt", "libm", "libstdc++", "libc++", "libc++abi", "libgcc_s", "libsupc++",
        "libjemalloc", "libtcmalloc*", "libmimalloc*", "libunwind*", "libasan", "libdmalloc*",
        "libresolv", "libnss_*", "[vdso]", "libtbbmalloc*", "libhoard", "libsnmalloc*", "libnsl",
        "libanl", "liboutlive",
};

/* clang-format on */

/* '*' in the pattern stands for any text. No recursion: at a mismatch the last '*' takes one
 * character more. */
static bool matches(const char *pattern, const char *text, const char *end)
{
	const char *star = NULL, *resume = NULL;

	while (text < end) {
		if (*pattern == '*') {
			star = pattern++;
			resume = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static bool matches_any(const char *const *table, size_t n, const char *text, const char *end)
{
	for (size_t i = 0; i < n; i++)
		if ((*table[i] == *text || *table[i] == '*') && matches(table[i], text, end))
			return true;
	return false;
}

static bool begins_with_any(const char *const *table, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (!strncmp(table[i], text, strlen(table[i])))
			return true;
	return false;
}
#define COUNT(table) (sizeof(table) / sizeof(*(table)))

/* _R...: the new mangling; 17h and 16 hex digits and E: the old one. C++ has namespaces named core
 * and alloc, too. */
static bool is_rust(const char *linkage)
{
	size_t n = strlen(linkage);

	if (!strncmp(linkage, "_R", 2))
		return true;
	return n > 20 && linkage[n - 1] == 'E' && !strncmp(linkage + n - 20, "17h", 3);
}

/* Where the name that a person would say ends: "foo.part.0", "foo.constprop.0.isra.0" and "foo@plt"
 * are foo. */
static const char *name_end(const char *name)
{
	static const char *const suffix[] = {".part.",     ".constprop.", ".isra.", ".cold",
	                                     ".lto_priv.", "@plt",        "@@",     " [clone"};
	const char *end = name + strlen(name);

	for (size_t i = 0; i < COUNT(suffix); i++) {
		const char *at = strstr(name, suffix[i]);
		if (at && at > name && at < end)
			end = at;
	}
	return end;
}

bool fold_is_system(const struct module *module)
{
	const char *base = module_basename(module), *so = strstr(base, ".so");

	if (module->flags & (FMT_MODULE_LOADER | FMT_MODULE_OUTLIVE))
		return true;
	return *base && matches_any(system_modules, COUNT(system_modules), base,
	                            so ? so : base + strlen(base));
}

/* An inline function of a library's own header: with _FORTIFY_SOURCE open() is one. */
static bool is_libc_header(const char *file)
{
	return file && strstr(file, "/include/") && strstr(file, "/bits/");
}

bool fold_is_wrapper(const struct line *line, const struct module *module)
{
	if (fold_is_system(module) || is_libc_header(line->file))
		return true;
	if (line->linkage) {
		if (begins_with_any(cxx_linkage, COUNT(cxx_linkage), line->linkage) &&
		    !is_rust(line->linkage))
			return true;
		if (line->function && is_rust(line->linkage) &&
		    begins_with_any(rust_crates, COUNT(rust_crates), line->function))
			return true;
	}
	if (!line->function)
		return false;
	if (!strncmp(line->function, "std::", 5) || !strncmp(line->function, "__gnu_cxx::", 11))
		return true;
	return matches_any(wrappers, COUNT(wrappers), line->function, name_end(line->function));
}
