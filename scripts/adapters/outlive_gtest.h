/*
 * outlive_gtest.h - GoogleTest under outlive: each test has its name in outlive's reports, and
 * fails where it leaves threads, timers, descriptors or lost blocks. One header, nothing to link;
 * without liboutlive.so nothing happens. C++11. In main:
 *
 *     ::testing::InitGoogleTest(&argc, argv);
 *     outlive::listen();
 *     return RUN_ALL_TESTS();
 *
 * With gtest_main, in one source file instead:
 *
 *     static const bool outlive_listens = outlive::listen();
 */
#ifndef OUTLIVE_GTEST_H
#define OUTLIVE_GTEST_H

#include <string>

#include <gtest/gtest.h>

#include "outlive.h"

namespace outlive
{
class gtest_listener : public ::testing::EmptyTestEventListener
{
      public:
	void OnTestStart(const ::testing::TestInfo &info) override
	{
		outlive_test_begin(
		        (std::string(info.test_suite_name()) + "." + info.name()).c_str());
	}
	/* The test, with its fixture, is destroyed already. */
	void OnTestEnd(const ::testing::TestInfo &) override
	{
		static outlive_verify v;

		v = outlive_verify();
		if (outlive_verify_none(&v))
			ADD_FAILURE() << v.text;
		outlive_test_end();
	}
};

/* Listeners that are appended last see a test's end first: printers then know of the failure. */
inline bool listen()
{
	::testing::UnitTest::GetInstance()->listeners().Append(new gtest_listener);
	return true;
}
} // namespace outlive

#endif
