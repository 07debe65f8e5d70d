/*
 * An auditor (LD_AUDIT): it is loaded before all else, into a namespace with a libc of its own, and
 * allocates there.
 */
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

unsigned la_version(unsigned version);
unsigned la_version(unsigned version)
{
	return version;
}

unsigned la_objopen(struct link_map *map, Lmid_t id, uintptr_t *cookie);
unsigned la_objopen(struct link_map *map, Lmid_t id, uintptr_t *cookie)
{
	(void)id, (void)cookie;
	free(strdup(map->l_name));
	return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}

uintptr_t la_symbind64(Elf64_Sym *sym, unsigned i, uintptr_t *from, uintptr_t *to, unsigned *flags,
                       const char *name);
uintptr_t la_symbind64(Elf64_Sym *sym, unsigned i, uintptr_t *from, uintptr_t *to, unsigned *flags,
                       const char *name)
{
	(void)i, (void)from, (void)to, (void)flags;
	free(strdup(name));
	return sym->st_value;
}
