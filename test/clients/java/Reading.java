import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Reads a topic in a group, with Java's own defaults, and writes each value on a line; before that, how long it waits to connect again. */
public class Reading {
  public static void main(String[] args) {
    Map<String, Object> defaults = ConsumerConfig.configDef().defaultValues();
    System.out.println("backoff " + defaults.get("reconnect.backoff.ms") + " " + defaults.get("retry.backoff.ms"));
    Map<String, Object> config = Map.of("bootstrap.servers", args[0], "group.id", args[2], "client.id", "c", "auto.offset.reset", "earliest");
    try (Consumer<String, String> consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(List.of(args[1]));
      while (true) for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) System.out.println(record.value());
    }
  }
}
