/* stack_tree_test.c - the tree of stacks and the table of frames: a path has one node, whoever asks
 * first, and however many siblings there are. */
#include "preload/stack_tree.h"

#include <pthread.h>

#include "preload/stack_frame.h"
#include "tests/unit/check.h"

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static uint32_t node_of(uint32_t parent, uint32_t what)
{
	const struct frame f = {.what = what};
	struct frame_kept kept;
	uint32_t number;

	return stack_tree_path(parent, &f, 1, &kept, &number) ? kept.node : 0;
}

TEST(frame_has_one_number_for_each_module_it_was_seen_in)
{
	enum { N = 20000 };
	static uint32_t number[N][2];
	uint32_t wrong = 0;

	EQ(stack_frame_init(), 0);
	for (uint32_t i = 0; i < N; i++)
		for (uint32_t m = 0; m < 2; m++)
			number[i][m] = stack_frame(0x400000 + i * 5, m);
	for (uint32_t i = 0; i < N; i++)
		for (uint32_t m = 0; m < 2; m++) {
			wrong += number[i][m] != 1 + 2 * i + m;
			wrong += stack_frame(0x400000 + i * 5, m) != number[i][m];
			wrong += stack_frame_at(number[i][m])->ip != 0x400000 + i * 5;
			wrong += stack_frame_at(number[i][m])->module != m;
		}
	EQ(wrong, 0);
}

/* Siblings lie together in the index up to a number; beyond it they are spread. */
TEST(families_of_all_sizes_are_found_again)
{
	enum { PARENTS = 40, LARGEST = 6000 };
	static uint32_t node[PARENTS][LARGEST];
	uint32_t wrong = 0, size[PARENTS], count = 0, parent[PARENTS];

	EQ(stack_frame_init(), 0);
	for (uint32_t p = 0; p < PARENTS; p++) {
		size[p] = p == 7 ? LARGEST : 1 + p * p * p / 40;
		parent[p] = p == 3 ? 0 : node_of(0, stack_frame(0x1000 + p, 1));
		count += p != 3;
	}
	for (uint32_t i = 0; i < LARGEST; i++)
		for (uint32_t p = 0; p < PARENTS; p++)
			if (i < size[p]) {
				node[p][i] = node_of(parent[p], stack_frame(0x2000 + i, 1));
				wrong += node[p][i] != ++count;
			}
	EQ(stack_node_count(), count);
	for (uint32_t p = 0; p < PARENTS; p++)
		for (uint32_t i = 0; i < size[p]; i++) {
			struct stack_node n;

			wrong += node_of(parent[p], stack_frame(0x2000 + i, 1)) != node[p][i];
			wrong += !stack_node(node[p][i], &n) || n.parent != parent[p];
			wrong += n.ip != 0x2000 + i || n.module != 1 || n.flags;
		}
	EQ(stack_node_count(), count);
	EQ(wrong, 0);
}

/* As a snapshot reads them: chunk by chunk. */
static uint32_t count_unlike(uint32_t first, uint32_t last)
{
	uint32_t wrong = 0, n;

	for (uint32_t i = first; i <= last; i += n) {
		const struct stack_kept *kept = stack_nodes(i, last, &n);

		OK(n && n <= last - i + 1);
		for (uint32_t k = 0; k < n; k++) {
			struct stack_node a = {0}, b = {.parent = kept[k].parent};

			stack_node_what(kept[k].what, &b);
			wrong += !stack_node(i + k, &a) || a.ip != b.ip || a.parent != b.parent ||
			         a.module != b.module || a.flags != b.flags;
		}
	}
	return wrong;
}

TEST(nodes_that_are_read_together_are_those_that_are_read_alone)
{
	EQ(stack_frame_init(), 0);
	for (uint32_t i = 0; i < 40000; i++)
		node_of(i / 3, stack_what(stack_frame(0x2000 + i % 777, 1 + i % 3), i % 4));
	EQ(stack_node_count(), 40000);
	EQ(count_unlike(1, 40000), 0);
	EQ(count_unlike(16383, 16385), 0);
	EQ(count_unlike(40000, 40000), 0);
}

TEST(flags_of_a_frame_make_another_node)
{
	EQ(stack_frame_init(), 0);
	uint32_t frame = stack_frame(0x3000, 2), a = node_of(0, stack_what(frame, 0)),
	         b = node_of(0, stack_what(frame, FMT_NODE_TRUNCATED));
	struct stack_node n;

	OK(a && b && a != b);
	OK(stack_node(b, &n));
	EQ(n.flags, FMT_NODE_TRUNCATED);
	EQ(node_of(0, stack_what(frame, 0)), a);
	EQ(node_of(0, stack_what(0, 0)), 0); /* a frame for which there was no room */
}

/* ---- threads that meet the same stacks in different orders ---- */

enum { THREADS = 4, PATHS = 30000, DEPTH = 6 };
static uint32_t g_leaf[THREADS][PATHS];

/* Path k, which any thread can make: few frames outside, many inside. The innermost is the first.
 */
static void path(uint32_t k, struct frame *frame)
{
	uint32_t random = k * 7919 + 1;

	for (uint32_t i = 0; i < DEPTH; i++)
		frame[DEPTH - 1 - i] = (struct frame){
		        .what = stack_frame(0x5000 + next_random(&random) % (2u << 2 * i), 1)};
}

static void *intern_all(void *arg)
{
	uint32_t me = (uint32_t)(uintptr_t)arg, step = me % 2 ? 7919 : 104729;

	for (uint32_t i = 0; i < PATHS; i++) {
		uint32_t k = (i * step + me * 1000) % PATHS;
		struct frame frame[DEPTH];
		struct frame_kept kept[DEPTH];

		path(k, frame);
		stack_tree_path(0, frame, DEPTH, kept, &g_leaf[me][k]);
	}
	return NULL;
}

TEST(threads_agree_on_the_number_of_each_stack)
{
	pthread_t thread[THREADS];
	uint32_t wrong = 0;

	EQ(stack_frame_init(), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		EQ(pthread_create(&thread[i], NULL, intern_all, (void *)i), 0);
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	uint32_t nodes = stack_node_count(), stacks = stack_count();

	for (uint32_t k = 0; k < PATHS; k++) {
		struct frame frame[DEPTH];
		struct stack_node n = {0};
		uint32_t node = stack_leaf(g_leaf[0][k]);

		for (uint32_t i = 1; i < THREADS; i++)
			wrong += g_leaf[i][k] != g_leaf[0][k] || !g_leaf[0][k];
		path(k, frame);
		for (uint32_t i = 0; i < DEPTH; i++, node = n.parent)
			wrong += !stack_node(node, &n) || n.ip != stack_frame_at(frame[i].what)->ip;
		wrong += node != 0;
	}
	EQ(wrong, 0);
	intern_all(NULL);
	EQ(stack_node_count(), nodes);
	EQ(stack_count(), stacks);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
