/*
 * demangle.c - libiberty's demanglers behind bounds. A mangled name of a hundred characters can
 * stand for gigabytes of text (each back reference may double it), so the output is taken piece by
 * piece and given up by longjmp when it grows too long: both demanglers keep all their state on the
 * stack. Context: the analyzer's one thread.
 */
#include "demangle.h"

#include <ctype.h>
#include <setjmp.h>
#include <string.h>

#include <libiberty/demangle.h>

#include "util.h"

enum { MAX_MANGLED = 8192, MAX_TEXT = 16384 };

struct output {
	jmp_buf too_long;
	size_t len;
	char text[MAX_TEXT];
};

static void take(const char *piece, size_t n, void *opaque)
{
	struct output *out = opaque;

	if (n >= sizeof(out->text) - out->len)
		longjmp(out->too_long, 1);
	memcpy(out->text + out->len, piece, n);
	out->len += n;
}

/* Rust's older scheme is a C++ name whose last part is "17h" and 16 hexadecimal digits. */
static bool is_legacy_rust(const char *name)
{
	const char *hash = NULL;

	for (const char *p = name; (p = strstr(p, "17h")); p++)
		hash = p + 3;
	return hash && strspn(hash, "0123456789abcdef") == 16 && hash[16] == 'E';
}

static const char *run(const char *name, bool rust)
{
	static struct output
	        out; /* static: too large for a stack, and setjmp keeps no promise for locals */
	int ok;

	out.len = 0;
	if (setjmp(out.too_long))
		return NULL;
	if (rust)
		ok = rust_demangle_callback(name, DMGL_RUST, take, &out);
	else
		ok = cplus_demangle_v3_callback(name, DMGL_GNU_V3 | DMGL_ANSI, take, &out);
	return ok && out.len ? intern_mem(out.text, out.len) : NULL;
}

/* The length of name without the endings that compilers give to clones and parts of one function.
 */
static size_t without_clone(const char *name)
{
	static const char *const ending[] = {"part", "constprop", "isra",       "cold",
	                                     "llvm", "lto_priv",  "localalias", "warm"};

	for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
		for (size_t i = 0; i < sizeof(ending) / sizeof(*ending); i++) {
			size_t n = strlen(ending[i]);

			if (dot != name && !strncmp(dot + 1, ending[i], n) &&
			    (dot[1 + n] == '.' || dot[1 + n] == 0))
				return (size_t)(dot - name);
		}
	return strlen(name);
}

const char *demangle_or_null(const char *linkage)
{
	bool cxx = !strncmp(linkage, "_Z", 2) || !strncmp(linkage, "___Z", 4);
	bool rust = !strncmp(linkage, "_R", 2);

	if ((!cxx && !rust) || strnlen(linkage, MAX_MANGLED) == MAX_MANGLED)
		return NULL;
	if (rust || is_legacy_rust(linkage)) {
		/* The Rust demangler wants the name alone: ".llvm.123" is not part of it. */
		const char *bare = intern_mem(linkage, without_clone(linkage));
		const char *text = run(bare, true);

		if (text || rust)
			return text;
	}
	return run(linkage, false);
}

const char *demangle(const char *linkage)
{
	const char *text = demangle_or_null(linkage);

	return text ? text : intern_mem(linkage, without_clone(linkage));
}
