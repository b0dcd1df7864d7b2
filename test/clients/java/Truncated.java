import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Reads all that a partition has, says so, and polls on until it is told that what it read is gone (KIP-320): one line for each. */
public class Truncated {
  public static void main(String[] args) throws Exception {
    TopicPartition partition = new TopicPartition(args[1], 0);
    long until = Long.parseLong(args[2]);
    Map<String, Object> config = Map.of("bootstrap.servers", args[0], "auto.offset.reset", "none", "metadata.max.age.ms", 500,
        "reconnect.backoff.max.ms", 200, "retry.backoff.ms", 50);
    try (Consumer<String, String> consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
      consumer.assign(List.of(partition));
      consumer.seek(partition, 0);
      while (consumer.position(partition) < until) consumer.poll(Duration.ofMillis(100));
      System.out.println("read " + consumer.position(partition));
      System.out.flush();
      long end = System.nanoTime() + 60_000_000_000L;
      while (System.nanoTime() < end) {
        try {
          consumer.poll(Duration.ofMillis(100));
        } catch (LogTruncationException e) {
          System.out.println("truncated to " + e.divergentOffsets().get(partition).offset());
          return;
        }
      }
      System.out.println("never told");
      System.exit(1);
    }
  }
}
