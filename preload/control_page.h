/*
 * control_page.h - the memory of the control page (format.h, section 5), and its file.
 *
 * The file is in a folder of everybody's, and the user's own: a program that clears up may cut it,
 * and whoever touches the page then would be ended by SIGBUS. So who is about to do so has it
 * looked at: a page that is gone is made anew, empty and without a file. Any context.
 */
#ifndef OUTLIVE_CONTROL_PAGE_H
#define OUTLIVE_CONTROL_PAGE_H

#include <stdbool.h>
#include <stdint.h>

struct fmt_control;

/* One address for the life of the process: nobody ever holds a pointer into another's page. NULL:
 * there is none. */
extern struct fmt_control *g_control_page __attribute__((visibility("hidden")));
/* It is a file's. */
extern bool g_control_has_file __attribute__((visibility("hidden")));
/* Its file was cut, and it has none since. */
extern bool g_control_lost __attribute__((visibility("hidden")));

void control_page_init(void);
/* Empty: a new file's, or where there can be none, private. */
void control_page_make(void);
void control_page_make_private(void);
/* The file goes; the page stays. */
void control_page_unlink(void);
/* Before the page is touched. */
void control_page_look(void);
/* SIGBUS at this address: true when it was the page, which is there again. */
bool control_page_fault(const void *address);

#endif
