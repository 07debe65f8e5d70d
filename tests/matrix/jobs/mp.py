"""multiprocessing by METHOD: a pool, a queue, a manager, shared memory, a process that fails."""
import hashlib
import multiprocessing as mp
import sys
from multiprocessing import shared_memory

from agree import agree


def digest(n):
    return hashlib.sha256(str(list(range(n))).encode()).hexdigest()


def produce(queue, name):
    memory = shared_memory.SharedMemory(name)
    memory.buf[0] = 42
    memory.close()
    for i in range(100):
        queue.put(digest(i))
    queue.put(None)


def fail():
    sys.exit(7)


def main(method):
    context = mp.get_context(method)
    with context.Pool(3) as pool:
        print(hashlib.sha256("".join(pool.map(digest, range(0, 2000, 20))).encode()).hexdigest())
        agree()
        pool.close()
        pool.join()
    memory = shared_memory.SharedMemory(create=True, size=4096)
    queue = context.Queue()
    process = context.Process(target=produce, args=(queue, memory.name))
    process.start()
    print(sum(1 for _ in iter(queue.get, None)))
    process.join()
    print(memory.buf[0], process.exitcode)
    memory.close()
    memory.unlink()
    with context.Manager() as manager:
        shared = manager.dict({"a": 1})
        shared["b"] = digest(5)
        print(sorted(shared.items()))
    failing = context.Process(target=fail)
    failing.start()
    failing.join()
    print(failing.exitcode)
    agree()


if __name__ == "__main__":
    main(sys.argv[1])
