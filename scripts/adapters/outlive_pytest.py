"""pytest under outlive: each test has its name in outlive's reports, its child processes included.

    outlive run --check -- pytest -p outlive_pytest            (this file in PYTHONPATH, or named in conftest.py:
                                                                pytest_plugins = ["outlive_pytest"])

What a test's child processes leave is found by the gate at their end. What the interpreter's own extensions leave is told
within the test, with --outlive-verify: lost blocks, threads, timers and descriptors that were made in it fail it. Without
liboutlive.so nothing happens.
"""
import ctypes
import os

import pytest

HEAP, THREADS, TIMERS, FDS = 1, 2, 4, 8


class Verify(ctypes.Structure):
    """struct outlive_verify of outlive.h."""

    _fields_ = [(name, ctypes.c_uint32) for name in ("what", "settle_ms")] + [
        (name, ctypes.c_uint64) for name in ("blocks", "bytes", "threads", "timers", "fds")] + [
        (name, ctypes.c_uint32) for name in ("by_names", "heap_unknown")] + [("text", ctypes.c_char * 4000)]


def library():
    """The functions of liboutlive.so, or None."""
    program = ctypes.CDLL(None)
    try:
        test, verify = program.outlive_test_v1, program.outlive_verify_v1
    except AttributeError:
        return None
    test.argtypes = [ctypes.c_int, ctypes.c_char_p]
    verify.argtypes = [ctypes.POINTER(Verify), ctypes.c_uint64]
    return test, verify


def pytest_addoption(parser):
    parser.addoption("--outlive-verify", action="store_true",
                     help="fail tests that leave lost blocks, threads, timers or descriptors in this process")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """Child processes learn the name from the variable, this one from the call."""
    calls = library()
    before = os.environ.get("OUTLIVE_TEST")
    os.environ["OUTLIVE_TEST"] = item.nodeid
    if calls:
        calls[0](1, item.nodeid.encode())
    yield
    if calls:
        calls[0](0, None)
    if before is None:
        del os.environ["OUTLIVE_TEST"]
    else:
        os.environ["OUTLIVE_TEST"] = before


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_teardown(item):
    """After the fixtures' own teardown."""
    outcome = yield
    calls = library()
    if not calls or not item.config.getoption("--outlive-verify"):
        return
    found = Verify(what=HEAP | THREADS | TIMERS | FDS)
    if calls[1](ctypes.byref(found), ctypes.sizeof(found)) > 0 and outcome.excinfo is None:
        pytest.fail(found.text.decode(errors="replace"), pytrace=False)
