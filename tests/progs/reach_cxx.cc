/*
 * reach_cxx.cc - as reach_case.c, for what C++ makes of pointers.
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#define NOINLINE __attribute__((noinline))

static void *volatile g_held;

struct First {
	virtual ~First()
	{
	}
	long a = 1;
};
struct Second {
	virtual ~Second()
	{
	}
	long b = 2;
};
struct Both : First, Second {
	long c[12] = {0};
};
struct Destroyed {
	long a = 0;
	~Destroyed()
	{
		a = 1;
	}
};
struct Ring {
	std::shared_ptr<Ring> next;
	char rest[100] = {0};
};

static NOINLINE void fill(std::map<int, std::string> *m)
{
	for (int i = 0; i < 50; i++)
		(*m)[i] = std::string(60, 'x');
}

static NOINLINE void map_held()
{
	auto m = new std::map<int, std::string>;
	fill(m);
	g_held = m;
}

static NOINLINE void map_lost()
{
	fill(new std::map<int, std::string>);
}

static NOINLINE void vector_held()
{
	static std::vector<std::string *> *volatile all = new std::vector<std::string *>;
	for (int i = 0; i < 10; i++)
		all->push_back(new std::string(60, 'x'));
	g_held = all;
}

static NOINLINE void shared_ring()
{
	auto a = std::make_shared<Ring>();
	a->next = std::make_shared<Ring>();
	a->next->next = a;
}

static NOINLINE void shared_held()
{
	static auto held = new std::shared_ptr<Ring>(std::make_shared<Ring>());
	g_held = held;
}

/* Only the object is known, which lies in the middle of what holds its counts. */
static NOINLINE void shared_raw()
{
	auto p = new std::shared_ptr<Ring>(std::make_shared<Ring>());
	g_held = p->get();
	memset(static_cast<void *>(p), 0, sizeof(*p));
	operator delete(p);
}

static NOINLINE void second_base()
{
	g_held = static_cast<Second *>(new Both);
}

static NOINLINE void second_base_lost()
{
	g_held = new Both;
	g_held = nullptr;
}

static NOINLINE void array_cookie()
{
	g_held = new Destroyed[60];
}

static NOINLINE void array_lost()
{
	g_held = new Destroyed[60];
	g_held = nullptr;
}

static NOINLINE void unique_held()
{
	static auto held = new std::unique_ptr<int[]>(new int[100]);
	g_held = held;
}

/* Its buffer is given back by its destructor, which runs after main: what it held is lost then. */
static std::vector<long *> g_global;

static NOINLINE void global_vector()
{
	g_global.reserve(16);
	for (int i = 0; i < 10; i++)
		g_global.push_back(new long(i));
}

static NOINLINE void local_static()
{
	static std::string s(100, 'x');
	g_held = &s;
}

static const struct {
	const char *name;
	void (*run)();
	int want[4], memcheck[3];
} g_cases[] = {
        {"map_held", map_held, {0, 0, 0, 101}, {0, 0, 0}},
        {"map_lost", map_lost, {1, 100, 0, 0}, {1, 100, 0}},
        {"vector_held", vector_held, {0, 0, 0, 22}, {0, 0, 0}},
        {"shared_ring", shared_ring, {1, 1, 0, 0}, {1, 1, 0}},
        {"shared_held", shared_held, {0, 0, 0, 2}, {0, 0, 0}},
        {"shared_raw", shared_raw, {0, 0, 1, 0}, {0, 0, 1}},
        {"second_base", second_base, {0, 0, 0, 1}, {0, 0, 0}},
        {"second_base_lost", second_base_lost, {1, 0, 0, 0}, {1, 0, 0}},
        {"array_cookie", array_cookie, {0, 0, 0, 1}, {0, 0, 0}},
        {"array_lost", array_lost, {1, 0, 0, 0}, {1, 0, 0}},
        {"unique_held", unique_held, {0, 0, 0, 2}, {0, 0, 0}},
        {"global_vector", global_vector, {0, 0, 0, 10}, {10, 0, 0}},
        {"local_static", local_static, {0, 0, 0, 0}, {0, 0, 0}},
};

int main(int argc, char **argv)
{
	for (auto &c : g_cases) {
		if (argc == 2 && !strcmp(argv[1], "--list"))
			printf("%s %d %d %d %d %d %d %d\n", c.name, c.want[0], c.want[1], c.want[2],
			       c.want[3], c.memcheck[0], c.memcheck[1], c.memcheck[2]);
		else if (argc == 2 && !strcmp(argv[1], c.name))
			return c.run(), 0;
	}
	return argc == 2 && !strcmp(argv[1], "--list") ? 0 : 2;
}
