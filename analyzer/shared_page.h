/*
 * shared_page.h - another process's file, mapped to be read and written beside it. It may cut the
 * file at any moment, and who touches what is gone is ended by SIGBUS: here pages of zeros are put
 * in its place instead. What is read there is another's in any case: look for its mark again.
 */
#ifndef OUTLIVE_SHARED_PAGE_H
#define OUTLIVE_SHARED_PAGE_H

#include <stddef.h>

/*
 * The first `bytes` of the file, to be given to shared_page_unmap(); NULL: it cannot be mapped, or
 * 16 are by now. From the first on SIGBUS is handled: any other ends us as before. One thread maps
 * and unmaps, each may read.
 */
void *shared_page_map(int fd, size_t bytes);
void shared_page_unmap(void *page);

#endif
