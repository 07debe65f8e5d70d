"""ctypes: libc's own calls, callbacks out of it, a library that is opened by name, timers and threads made by hand."""
import ctypes
import ctypes.util
import os

from agree import agree

libc = ctypes.CDLL(None, use_errno=True)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.realloc.restype = ctypes.c_void_p
libc.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
blocks = [libc.realloc(libc.malloc(n), 2 * n) for n in range(1, 2000)]
print(all(blocks))
for block in blocks:
    libc.free(block)
COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
numbers = (ctypes.c_int * 500)(*((i * 7919) % 1000 for i in range(500)))
libc.qsort(numbers, 500, ctypes.sizeof(ctypes.c_int), COMPARE(lambda a, b: a[0] - b[0]))
print(list(numbers) == sorted(numbers), numbers[250])
START = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
ran = []
start = START(lambda argument: ran.append(argument))
threads = [ctypes.c_ulong() for _ in range(5)]
for i, thread in enumerate(threads):
    libc.pthread_create(ctypes.byref(thread), None, start, ctypes.c_void_p(i + 1))
for thread in threads:
    libc.pthread_join(thread, None)
print(sorted(ran))
print(libc.close(12345), os.strerror(ctypes.get_errno()))
timer = ctypes.c_void_p()
print(libc.timer_create(1, None, ctypes.byref(timer)))
held = [libc.open(b"/dev/null", 0) for _ in range(3)] + [libc.eventfd(0, 0), libc.epoll_create1(0), libc.memfd_create(b"m", 0)]
print(min(held) > 2)
zlib = ctypes.CDLL(ctypes.util.find_library("z"))
zlib.crc32.restype = ctypes.c_ulong
print(zlib.crc32(0, b"matrix", 6))
agree()
print(libc.timer_delete(timer), [libc.close(fd) for fd in held])
