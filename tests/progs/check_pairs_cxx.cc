/*
 * check_pairs_cxx.cc - the same as check_pairs.c, in C++: objects, containers, exceptions, threads.
 */
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include "prog.h"

#define WAY(name)                          \
	FRAME static void name(bool good); \
	FRAME static void bad_##name()     \
	{                                  \
		name(false);               \
	}                                  \
	FRAME static void good_##name()    \
	{                                  \
		name(true);                \
	}                                  \
	FRAME static void name(bool good)

static void lose(void *p)
{
	prog_sink = p;
	prog_sink = nullptr;
}

struct Thing {
	std::string text = std::string(100, 'x');
	std::shared_ptr<Thing> other;
	std::weak_ptr<Thing> weak;
	std::function<void()> call;
};

WAY(new_lost)
{
	Thing *t = new Thing;
	if (good)
		delete t;
	else
		lose(t);
}

WAY(new_array_lost)
{
	int *p = new int[100];
	if (good)
		delete[] p;
	else
		lose(p);
}

WAY(aligned_new_lost)
{
	struct alignas(64) Wide {
		char c[64];
	};
	Wide *w = new Wide;
	if (good)
		delete w;
	else
		lose(w);
}

WAY(unique_ptr_released)
{
	std::unique_ptr<Thing> p(new Thing);
	if (!good)
		lose(p.release());
}

WAY(shared_ptr_ring)
{
	auto a = std::make_shared<Thing>(), b = std::make_shared<Thing>();
	a->other = b;
	if (good)
		b->weak = a;
	else
		b->other = a;
}

WAY(function_that_holds_itself)
{
	auto t = std::make_shared<Thing>();
	std::weak_ptr<Thing> weak = t;
	if (good)
		t->call = [weak] { (void)weak.lock(); };
	else
		t->call = [t] { (void)t; };
}

WAY(exception_passes_by)
{
	try {
		std::unique_ptr<Thing> keeper;
		Thing *t = new Thing;
		if (good)
			keeper.reset(t);
		lose(nullptr);
		throw std::runtime_error("by");
	} catch (const std::exception &) {
	}
}

WAY(vector_of_pointers)
{
	std::vector<Thing *> all;
	for (int i = 0; i < 5; i++)
		all.push_back(new Thing);
	for (Thing *t : all)
		if (good)
			delete t;
}

WAY(map_of_pointers)
{
	std::map<int, Thing *> all;
	for (int i = 0; i < 5; i++)
		all[i] = new Thing;
	for (auto &p : all)
		if (good)
			delete p.second;
}

struct Base {
	char c = 0;
};
struct Derived : Base {
	std::unique_ptr<Thing> member{new Thing};
};
struct GoodBase {
	virtual ~GoodBase() = default;
};
struct GoodDerived : GoodBase {
	std::unique_ptr<Thing> member{new Thing};
};

/* What the destructor would have freed. */
WAY(destructor_not_virtual)
{
	if (good) {
		GoodBase *b = new GoodDerived;
		delete b;
	} else {
		Base *b = new Derived;
		operator delete(b);
	}
}

WAY(constructor_throws)
{
	struct Half {
		Thing *raw;
		std::unique_ptr<Thing> owned;
		explicit Half(bool good)
		{
			raw = good ? nullptr : new Thing;
			owned.reset(new Thing);
			throw 1;
		}
	};
	try {
		Half half(good);
	} catch (int) {
	}
}

WAY(placement_not_destroyed)
{
	alignas(Thing) char room[sizeof(Thing)];
	Thing *t = new (room) Thing;
	if (good)
		t->~Thing();
	memset(room, 0, sizeof(room));
}

WAY(stream_lost)
{
	auto *f = new std::ifstream("/dev/null");
	if (good)
		delete f;
}

WAY(thread_detached_stays)
{
	/* A condition variable that is waited for could not be destroyed at exit. */
	std::thread t([good] {
		while (!good)
			pause();
	});
	t.detach();
}

WAY(thread_not_joined)
{
	auto *t = new std::thread([good] {
		while (!good)
			pause();
	});
	if (good) {
		t->join();
		delete t;
	}
}

#define PAIR(name)                             \
	{                                      \
#name, bad_##name, good_##name \
	}
static const struct {
	const char *name;
	void (*bad)(), (*good)();
} pairs[] = {
        PAIR(new_lost),
        PAIR(new_array_lost),
        PAIR(aligned_new_lost),
        PAIR(unique_ptr_released),
        PAIR(shared_ptr_ring),
        PAIR(function_that_holds_itself),
        PAIR(exception_passes_by),
        PAIR(vector_of_pointers),
        PAIR(map_of_pointers),
        PAIR(destructor_not_virtual),
        PAIR(constructor_throws),
        PAIR(placement_not_destroyed),
        PAIR(stream_lost),
        PAIR(thread_detached_stays),
        PAIR(thread_not_joined),
};

FRAME static void wipe()
{
	volatile char junk[16384];

	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "list"))
		for (const auto &p : pairs)
			puts(p.name);
	for (const auto &p : pairs)
		if (argc > 2 && !strcmp(argv[2], p.name))
			(*argv[1] == 'b' ? p.bad : p.good)();
	wipe();
	return 0;
}
