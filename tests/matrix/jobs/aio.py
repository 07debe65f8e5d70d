"""asyncio: a server, 50 clients, a process, threads, timers, signals."""
import asyncio
import os
import signal

from agree import agree


async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def client(port, n):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = []
    for i in range(20):
        writer.write(b"client %d line %d\n" % (n, i))
        got.append(await reader.readline())
    writer.close()
    await writer.wait_closed()
    return b"".join(got)


async def main():
    loop = asyncio.get_running_loop()
    hit = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, hit.set)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    got = await asyncio.gather(*(client(port, n) for n in range(50)))
    print(sum(len(g) for g in got), got[7][:20])
    process = await asyncio.create_subprocess_exec("sort", "-r", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    print(await process.communicate(b"a\nc\nb\n"), process.returncode)
    print(await asyncio.to_thread(sum, range(100000)))
    os.kill(os.getpid(), signal.SIGUSR1)
    await hit.wait()
    try:
        await asyncio.wait_for(asyncio.sleep(60), 0.05)
    except asyncio.TimeoutError:
        print("timeout")
    agree()
    server.close()
    await server.wait_closed()


asyncio.run(main())
