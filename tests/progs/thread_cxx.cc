// std::thread joined and detached, std::async, std::jthread's older way; one is left running.
#include "prog.h"

#include <atomic>
#include <chrono>
#include <dirent.h>
#include <future>
#include <thread>

#include "preload/outlive.h"

static std::atomic<bool> go{false};

static FRAME void make_joined()
{
	std::thread t([] { std::this_thread::yield(); });
	t.join();
}

static FRAME void make_detached()
{
	std::thread([] { std::this_thread::yield(); }).detach();
}

static FRAME int make_async()
{
	return std::async(std::launch::async, [] { return 42; }).get();
}

static FRAME void make_running()
{
	std::thread([] {
		while (!go)
			std::this_thread::sleep_for(std::chrono::milliseconds(1));
	}).detach();
}

static FRAME int make_throwing()
{
	try {
		std::async(std::launch::async, []() -> int { throw 7; }).get();
	} catch (int e) {
		return e;
	}
	return 0;
}

static int tasks()
{
	int n = -2;
	DIR *d = opendir("/proc/self/task");

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

int main()
{
	outlive_stats before, after;
	int profiled = outlive_read_stats(&before);

	make_joined();
	make_detached();
	printf("%d %d\n", make_async(), make_throwing());
	while (tasks() > 1)
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	make_running();
	outlive_snapshot("cxx");
	if (!profiled && !outlive_read_stats(&after))
		fprintf(stderr, "created %d, running %d\n",
		        (int)(after.threads_created - before.threads_created),
		        (int)(after.live_threads - before.live_threads));
	fflush(stdout);
	_exit(0);
}
