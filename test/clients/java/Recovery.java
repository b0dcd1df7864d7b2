import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

/** Writes, reads in a group, commits, and ends a transaction, as an application does that knows nothing of what goes wrong meanwhile. */
public class Recovery {
  static void same(Object expected, Object actual) {
    if (!Objects.equals(expected, actual)) throw new AssertionError("expected " + expected + ", got " + actual);
  }

  public static void main(String[] args) throws Exception {
    Map<String, Object> writing = new HashMap<>(Map.of("bootstrap.servers", args[0], "retry.backoff.ms", 20, "linger.ms", 0));
    List<String> expected = new ArrayList<>();
    try (Producer<String, String> producer = new KafkaProducer<>(writing, new StringSerializer(), new StringSerializer())) {
      for (int i = 0; i < 20; i++) {
        producer.send(new ProducerRecord<>("orders", 0, "k", "v" + i)).get();
        expected.add("v" + i);
      }
    }
    System.out.println("ok written");
    writing.put("transactional.id", "tx");
    try (Producer<String, String> producer = new KafkaProducer<>(writing, new StringSerializer(), new StringSerializer())) {
      producer.initTransactions();
      for (int i = 0; i < 3; i++) {
        producer.beginTransaction();
        producer.send(new ProducerRecord<>("orders", 0, "k", "t" + i));
        producer.commitTransaction();
        expected.add("t" + i);
      }
    }
    System.out.println("ok transactions");
    Map<String, Object> reading = Map.of("bootstrap.servers", args[0], "group.id", "readers", "auto.offset.reset", "earliest",
        "enable.auto.commit", false, "isolation.level", "read_committed", "heartbeat.interval.ms", 100, "retry.backoff.ms", 20);
    try (Consumer<String, String> consumer = new KafkaConsumer<>(reading, new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(List.of("orders"));
      List<String> seen = new ArrayList<>();
      long end = System.nanoTime() + 60_000_000_000L;
      // Also for as long as a heartbeat needs to be refused.
      long least = System.nanoTime() + 2_000_000_000L;
      while ((seen.size() < expected.size() || System.nanoTime() < least) && System.nanoTime() < end)
        consumer.poll(Duration.ofMillis(100)).forEach(record -> { if (!seen.contains(record.value())) seen.add(record.value()); });
      same(expected, seen);
      consumer.commitSync();
      TopicPartition partition = new TopicPartition("orders", 0);
      same(consumer.position(partition), consumer.committed(Set.of(partition)).get(partition).offset());
    }
    System.out.println("ok read");
  }
}
