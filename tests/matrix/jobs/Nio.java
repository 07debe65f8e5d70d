import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;

/* A selector with 40 clients, direct buffers, mapped files, pools of threads, processes, a directory that is watched. */
class Nio {
  static void echo(Selector selector, int expected) throws Exception {
    int ended = 0;
    ByteBuffer buffer = ByteBuffer.allocateDirect(4096);
    while (ended < expected) {
      selector.select();
      Iterator<SelectionKey> keys = selector.selectedKeys().iterator();
      while (keys.hasNext()) {
        SelectionKey key = keys.next();
        keys.remove();
        if (key.isAcceptable()) {
          SocketChannel c = ((ServerSocketChannel) key.channel()).accept();
          c.configureBlocking(false);
          c.register(selector, SelectionKey.OP_READ);
          continue;
        }
        SocketChannel c = (SocketChannel) key.channel();
        buffer.clear();
        if (c.read(buffer) < 0) {
          c.close();
          ended++;
          continue;
        }
        buffer.flip();
        while (buffer.hasRemaining()) c.write(buffer);
      }
    }
  }

  static String client(int port, int n) throws Exception {
    try (SocketChannel c = SocketChannel.open(new InetSocketAddress("127.0.0.1", port))) {
      StringBuilder all = new StringBuilder();
      for (int i = 0; i < 10; i++) {
        byte[] line = ("client " + n + " line " + i + "\n").getBytes(StandardCharsets.UTF_8);
        c.write(ByteBuffer.wrap(line));
        ByteBuffer back = ByteBuffer.allocate(line.length);
        while (back.hasRemaining()) c.read(back);
        all.append(new String(back.array(), StandardCharsets.UTF_8));
      }
      return all.toString();
    }
  }

  static void agree() throws Exception {
    System.out.flush();
    ProcessBuilder p = new ProcessBuilder("sh", System.getenv("MATRIX_HERE") + "/agree.sh", String.valueOf(ProcessHandle.current().pid()));
    p.inheritIO().start().waitFor();
  }

  public static void main(String[] a) throws Exception {
    Selector selector = Selector.open();
    ServerSocketChannel server = ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0));
    server.configureBlocking(false);
    server.register(selector, SelectionKey.OP_ACCEPT);
    int port = ((InetSocketAddress) server.getLocalAddress()).getPort();
    Thread loop = new Thread(() -> {
      try { echo(selector, 40); } catch (Exception e) { e.printStackTrace(); }
    });
    loop.start();
    ExecutorService pool = Executors.newFixedThreadPool(8);
    List<Future<String>> all = new ArrayList<>();
    for (int i = 0; i < 40; i++) { int n = i; all.add(pool.submit(() -> client(port, n))); }
    StringBuilder got = new StringBuilder();
    for (Future<String> f : all) got.append(f.get());
    loop.join();
    System.out.println(got.length() + " " + got.toString().hashCode());

    Path file = Path.of("mapped");
    try (FileChannel f = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      MappedByteBuffer map = f.map(FileChannel.MapMode.READ_WRITE, 0, 1 << 20);
      for (int i = 0; i < 1 << 20; i++) map.put(i, (byte) (i * 31));
      map.force();
      ByteBuffer direct = ByteBuffer.allocateDirect(1 << 16);
      f.read(direct, 1000);
      System.out.println(direct.flip().hashCode());
    }
    System.out.println(Files.size(file));
    WatchService watch = FileSystems.getDefault().newWatchService();
    Path.of(".").register(watch, StandardWatchEventKinds.ENTRY_CREATE);
    Files.writeString(Path.of("new"), "x");
    System.out.println(watch.poll(60, TimeUnit.SECONDS) != null);
    Process p = new ProcessBuilder("sort", "-r").start();
    p.getOutputStream().write("a\nc\nb\n".getBytes());
    p.getOutputStream().close();
    System.out.print(new String(p.getInputStream().readAllBytes()));
    System.out.println(p.waitFor());
    pool.shutdown();
    pool.awaitTermination(60, TimeUnit.SECONDS);
    agree();
    System.exit(6);
  }
}
