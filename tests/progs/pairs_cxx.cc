/* pairs_cxx.cc - C++ ways to lose blocks, threads and descriptors, and not to: see pairs.h. */
#include <any>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
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

struct shape {
	int kind = 1;
};
struct polygon : shape {
	std::vector<int> corners = std::vector<int>(50);
};
/* As if through a base without a virtual destructor: what it owns is never taken down. */
CASE(destructor_not_virtual)
{
	auto *d = new polygon;

	sink = d;
	if (bad)
		::operator delete(static_cast<void *>(d));
	else
		delete d;
	sink = nullptr;
}
struct listener : std::enable_shared_from_this<listener> {
	std::function<int()> callback;
	int value = 1;
	void listen()
	{
		if (bad)
			callback = [self = shared_from_this()] { return self->value; };
		else
			callback = [self = weak_from_this()] { return self.lock()->value; };
	}
};
CASE(callback_owns_its_owner)
{
	auto l = std::make_shared<listener>();

	l->listen();
}
/* A count of one's own, as in intrusive pointers. */
struct counted {
	int references = 1;
	std::string text = std::string(60, 'c');
	void put()
	{
		if (!--references)
			delete this;
	}
};
CASE(intrusive_count_too_high)
{
	auto *c = new counted;

	if (bad)
		c->references++;
	c->put();
}
CASE(monotonic_never_released)
{
	auto *pool = new std::pmr::monotonic_buffer_resource(1000);
	void *volatile p = pool->allocate(100);

	(void)p;
	if (bad)
		::operator delete(static_cast<void *>(pool), sizeof(*pool));
	else
		delete pool;
}
CASE(unordered_map_of_pointers)
{
	std::unordered_map<std::string, int *> numbers;

	for (int i = 0; i < 4; i++)
		numbers[std::string(30, static_cast<char>('a' + i))] = new int(i);
	if (!bad)
		for (auto &n : numbers)
			delete n.second;
}
CASE(exception_kept)
{
	auto *kept = new std::exception_ptr;

	try {
		throw std::runtime_error("kept for ever");
	} catch (...) {
		*kept = std::current_exception();
	}
	if (!bad)
		delete kept;
	kept = nullptr;
}
CASE(any_lost)
{
	auto *a = new std::any(std::string(200, 'a'));

	sink = a;
	if (!bad)
		delete a;
	sink = nullptr;
}
CASE(file_of_lost_stream)
{
	auto *f = new std::ifstream("/dev/null");

	sink = f;
	if (!bad)
		delete f;
	sink = nullptr;
}
CASE(file_of_unique_released)
{
	struct closer {
		void operator()(FILE *f) const
		{
			fclose(f);
		}
	};
	std::unique_ptr<FILE, closer> f(fopen("/dev/null", "r"));

	if (bad)
		f.release();
}
CASE(async_thread_forgotten)
{
	/* Never destroyed: that waits for who waits. */
	static auto &lock = *new std::mutex;
	static auto &wake = *new std::condition_variable;
	static bool stop;
	auto *f = new std::future<void>(std::async(std::launch::async, [] {
		std::unique_lock<std::mutex> l(lock);
		wake.wait(l, [] { return stop; });
	}));

	if (bad)
		return;
	{
		std::lock_guard<std::mutex> l(lock);
		stop = true;
	}
	wake.notify_all();
	delete f;
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
	        H(destructor_not_virtual),
	        H(callback_owns_its_owner),
	        H(intrusive_count_too_high),
	        H(monotonic_never_released),
	        H(unordered_map_of_pointers),
	        H(exception_kept),
	        H(any_lost),
	        {"file_of_lost_stream", "fd", file_of_lost_stream},
	        {"file_of_unique_released", "fd", file_of_unique_released},
	        {"async_thread_forgotten", "thread", async_thread_forgotten},
	        {"stream_left", "fd", stream_left},
	        {"thread_left_running", "thread", thread_left_running},
	};

	return run_pairs(pairs, sizeof(pairs) / sizeof(*pairs), argc, argv);
}
