/*
 * outlive_catch2.h - Catch2 under outlive: each test case has its name in outlive's reports, and
 * what it leaves is told on stderr. One header, nothing to link; without liboutlive.so nothing
 * happens. For Catch2 version 2 and 3; include it in one source file.
 *
 * A listener cannot make a test case fail. `outlive run --check` fails for it; so does a main of
 * your own that ends with
 *
 *     return outlive::catch2_result(Catch::Session().run(argc, argv));
 */
#ifndef OUTLIVE_CATCH2_H
#define OUTLIVE_CATCH2_H

#include <iostream>

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using outlive_catch2_base = Catch::EventListenerBase;
#else
#include <catch2/catch.hpp>
using outlive_catch2_base = Catch::TestEventListenerBase;
#endif

#include "outlive.h"

namespace outlive
{
inline int &catch2_failed()
{
	static int failed;

	return failed;
}

struct catch2_listener : outlive_catch2_base {
	using outlive_catch2_base::outlive_catch2_base;

	void testCaseStarting(Catch::TestCaseInfo const &info) override
	{
		outlive_catch2_base::testCaseStarting(info);
		outlive_test_begin(info.name.c_str());
	}
	void testCaseEnded(Catch::TestCaseStats const &stats) override
	{
		static outlive_verify v;

		v = outlive_verify();
		if (outlive_verify_none(&v)) {
			catch2_failed()++;
			std::cerr << v.text << std::endl;
		}
		outlive_test_end();
		outlive_catch2_base::testCaseEnded(stats);
	}
};

/* Of a session that was run: its result, or 1 when test cases have left something. */
inline int catch2_result(int result)
{
	return result ? result : catch2_failed() != 0;
}
} // namespace outlive

using outlive_catch2_listener = outlive::catch2_listener;
CATCH_REGISTER_LISTENER(outlive_catch2_listener)

#endif
