/* pairs_cxx.cc - C++ ways to lose blocks, threads and descriptors, and not to: see pairs.h. */
#include <fstream>
#include <functional>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/progs/pairs.h"

struct thing {
	std::string text = std::string(100, 'x');
	std::shared_ptr<thing> other;
	std::weak_ptr<thing> back;
};
/* Where the only pointer goes: the compiler must not keep it. */
static thing *volatile g_hold;

CASE(new_lost)
{
	g_hold = new thing;
	if (!bad)
		delete g_hold;
	g_hold = nullptr;
}
CASE(new_array_lost)
{
	int *volatile p = new int[50];

	p[0] = 1;
	if (!bad)
		delete[] p;
	p = nullptr;
}
CASE(aligned_new_lost)
{
	struct alignas(128) wide {
		char c[128];
	};
	wide *volatile p = new wide;

	if (!bad)
		delete p;
	p = nullptr;
}
CASE(nothrow_lost)
{
	char *volatile p = new (std::nothrow) char[30];

	if (!bad)
		delete[] p;
	p = nullptr;
}
CASE(exception_skips_delete)
{
	try {
		if (bad) {
			thing *p = new thing;
			g_hold = p;
			g_hold = nullptr;
			throw std::runtime_error("before delete");
		}
		auto p = std::make_unique<thing>();
		throw std::runtime_error("unwinds");
	} catch (const std::exception &) {
	}
}
struct half_made {
	explicit half_made(char *p) : raw(p)
	{
		throw std::runtime_error("no destructor runs");
	}
	~half_made()
	{
		delete[] raw;
	}
	char *raw;
};
CASE(constructor_throws)
{
	char *volatile p = new char[40];

	try {
		half_made h(p);
	} catch (const std::exception &) {
		if (!bad)
			delete[] p;
	}
	p = nullptr;
}
CASE(shared_ring)
{
	auto a = std::make_shared<thing>(), b = std::make_shared<thing>();

	a->other = b;
	if (bad)
		b->other = a;
	else
		b->back = a;
}
CASE(captures_itself)
{
	auto f = std::make_shared<std::function<void()>>();

	if (bad)
		*f = [f] {};
	else
		*f = [weak = std::weak_ptr<std::function<void()>>(f)] {};
}
CASE(released)
{
	auto p = std::make_unique<thing>();

	if (bad) {
		g_hold = p.release();
		g_hold = nullptr;
	}
}
CASE(vector_of_pointers)
{
	std::vector<thing *> all;

	for (int i = 0; i < 4; i++)
		all.push_back(new thing);
	for (auto p : all)
		if (!bad)
			delete p;
}
CASE(map_of_pointers)
{
	std::map<int, std::string *> all;

	for (int i = 0; i < 4; i++)
		all[i] = new std::string(50, 'y');
	for (auto &p : all)
		if (!bad)
			delete p.second;
}
CASE(list_entry_erased)
{
	std::list<int *> all;

	all.push_back(new int(1));
	if (!bad)
		delete all.front();
	all.erase(all.begin());
}
struct base {
	virtual ~base() = default;
};
struct owner : base {
	char *raw = new char[64];
	~owner() override
	{
		if (!bad)
			delete[] raw;
	}
};
CASE(destructor_forgets)
{
	std::unique_ptr<base> p = std::make_unique<owner>();
}
struct assigned {
	char *raw = new char[25];
	assigned &operator=(assigned &&other)
	{
		if (!bad)
			delete[] raw;
		raw = other.raw;
		other.raw = nullptr;
		return *this;
	}
	~assigned()
	{
		delete[] raw;
	}
};
CASE(assignment_overwrites)
{
	assigned a, b;

	a = std::move(b);
}
CASE(placement_forgotten)
{
	alignas(thing) static char room[sizeof(thing)];
	thing *p = new (room) thing;

	if (!bad)
		p->~thing();
	else
		memset(room, 0, sizeof(room));
}
CASE(thread_local_owner)
{
	std::thread([] {
		static thread_local char *raw;
		raw = new char[45];
		if (!bad)
			delete[] raw;
	}).join();
}
CASE(across_threads)
{
	thing *p = new thing;

	std::thread([p] {
		if (!bad)
			delete p;
	}).join();
}
CASE(singleton)
{
	static thing *volatile one __attribute__((unused)); /* good: reachable at the end */

	one = new thing;
	if (bad)
		one = nullptr;
}
CASE(stream_left)
{
	auto *volatile f = new std::ifstream("/dev/null");

	if (!bad)
		delete f;
	f = nullptr;
}
CASE(thread_left_running)
{
	/* Never destroyed: a broken promise would wake the thread. */
	static auto &never = *new std::promise<void>;
	auto future = never.get_future().share();
	std::thread t([future] { future.wait(); });

	if (bad) {
		t.detach();
		return;
	}
	never.set_value();
	t.join();
}

#define H(name)                     \
	{                           \
#name, "heap", name \
	}
int main(int argc, char **argv)
{
	static const struct pair pairs[] = {
	        H(new_lost),
	        H(new_array_lost),
	        H(aligned_new_lost),
	        H(nothrow_lost),
	        H(exception_skips_delete),
	        H(constructor_throws),
	        H(shared_ring),
	        H(captures_itself),
	        H(released),
	        H(vector_of_pointers),
	        H(map_of_pointers),
	        H(list_entry_erased),
	        H(destructor_forgets),
	        H(assignment_overwrites),
	        H(placement_forgotten),
	        H(thread_local_owner),
	        H(across_threads),
	        H(singleton),
	        {"stream_left", "fd", stream_left},
	        {"thread_left_running", "thread", thread_left_running},
	};

	return run_pairs(pairs, sizeof(pairs) / sizeof(*pairs), argc, argv);
}
