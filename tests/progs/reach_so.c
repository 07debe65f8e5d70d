/*
 * reach_so.c - a library that is opened by dlopen and holds pointers: in a global, in thread-local
 * memory. For reach_case.c.
 */
static void *volatile g_held;
static __thread void *volatile t_held;

void reach_hold_global(void *p)
{
	g_held = p;
}

void reach_hold_tls(void *p)
{
	t_held = p;
}
