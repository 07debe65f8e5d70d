/*
 * fake_stack.h - in place of stack.c, for one test program: a caller's ip is its stack's number.
 * Nothing is ever guessed, so that each capture comes here.
 */
#ifndef OUTLIVE_TEST_FAKE_STACK_H
#define OUTLIVE_TEST_FAKE_STACK_H

#include "preload/stack_hot.h"

uint32_t g_module_epoch;
/* Called in each capture, when not NULL. */
static void (*g_in_capture)(void);

uint32_t stack_capture_otherwise(struct stack_cache *c, const struct caller *from)
{
	(void)c;
	if (g_in_capture)
		g_in_capture();
	return (uint32_t)from->ip;
}

uint32_t stack_capture(struct stack_cache *c, const struct caller *from)
{
	return stack_capture_otherwise(c, from);
}

struct stack_cache *stack_cache_new(void)
{
	static struct record none;
	static uint32_t line[PREDICT_LINE];
	static struct stack_cache cache = {.hot = {.records = (uint8_t *)&none, .line = line}};

	return &cache;
}

void stack_cache_leased(struct stack_cache *c)
{
	(void)c;
}

void stack_fork_child(void)
{
}

#endif
