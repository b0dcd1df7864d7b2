import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Takes the lock of a file as Apache Kafka does and says so; holds it until its standard input ends. */
class TryLock {
  public static void main(String[] arguments) throws Exception {
    Path path = Path.of(arguments[0]);
    FileChannel channel =
        FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    FileLock lock = channel.tryLock();
    System.out.println(lock == null ? "refused" : "held by " + ProcessHandle.current().pid());
    System.out.flush();
    if (lock != null) System.in.transferTo(java.io.OutputStream.nullOutputStream());
  }
}
