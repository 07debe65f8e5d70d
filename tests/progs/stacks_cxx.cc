// stacks_cxx.cc - C++ threads that wait: a consumer whose producer has gone, a future that nobody
// sets, a mutex that is taken in two orders (std::scoped_lock would not), a join of a stuck thread,
// and one thread that runs. Tells when all are there; ends at a line.
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <queue>
#include <thread>

#include "prog.h"

static std::mutex first, second, queue_mutex;
static std::condition_variable filled;
static std::queue<int> jobs;
static std::promise<int> never;
static std::atomic<int> there;
static volatile unsigned long spins;

FRAME void consume()
{
	std::unique_lock<std::mutex> lock(queue_mutex);
	there++;
	filled.wait(lock, [] { return !jobs.empty(); });
}

FRAME void ask()
{
	there++;
	never.get_future().wait();
}

FRAME void lock_both(std::mutex &a, std::mutex &b)
{
	static std::atomic<int> hold_one;
	std::lock_guard<std::mutex> one(a);
	for (hold_one++; hold_one < 2;)
		std::this_thread::yield();
	there++;
	std::lock_guard<std::mutex> both(b);
}

FRAME void spin()
{
	there++;
	for (;;)
		spins = spins + 1;
}

static void start_and_join()
{
	std::thread t(consume);
	there++;
	t.join();
}

int main()
{
	std::thread(consume).detach();
	std::thread(ask).detach();
	std::thread(lock_both, std::ref(first), std::ref(second)).detach();
	std::thread(lock_both, std::ref(second), std::ref(first)).detach();
	std::thread(start_and_join).detach();
	std::thread(spin).detach();
	while (there < 7)
		std::this_thread::yield();
	usleep(200000);
	prog_wait("there");
	_exit(0);
}
