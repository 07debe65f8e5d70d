/*
 * demangle.h - C++ and Rust names as a person writes them: parameters cut, template arguments kept,
 * "ns::Class<int>::method". Names come from other people's files: length, recursion and output are
 * bounded.
 */
#ifndef OUTLIVE_DEMANGLE_H
#define OUTLIVE_DEMANGLE_H

/*
 * What a person reads for a name of a symbol table or a DW_AT_linkage_name: demangled where it is
 * mangled, else without what the compiler appended to a clone (".part.0", ".cold"). Interned; never
 * NULL.
 */
const char *demangle(const char *linkage);

/* As demangle(), but NULL when the name is not a mangled one (or is too hostile to be read). */
const char *demangle_or_null(const char *linkage);

#endif
