import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import java.util.stream.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

/** Java's transactional producer and read_committed consumer: one line "ok NAME" for each thing that holds, "failed" and exit 1 otherwise. */
public class Transactions {
  static String servers;

  interface Check { void run() throws Throwable; }

  static void check(String name, Check check) {
    try {
      check.run();
      System.out.println("ok " + name);
    } catch (Throwable e) {
      System.out.println("failed " + name);
      e.printStackTrace();
      System.exit(1);
    }
  }

  static void same(Object expected, Object actual) {
    if (!Objects.equals(expected, actual)) throw new AssertionError("expected " + expected + ", got " + actual);
  }

  static <E extends Throwable> void fails(Class<E> with, Check check) throws Throwable {
    try {
      check.run();
    } catch (Exception e) {
      Throwable cause = e instanceof ExecutionException ? e.getCause() : e;
      if (!with.isInstance(cause) && !with.isInstance(cause.getCause())) throw e;
      return;
    }
    throw new AssertionError("no " + with);
  }

  static KafkaProducer<String, String> producer(String transactionalId, Map<String, Object> more) {
    Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", servers, "transactional.id", transactionalId));
    config.putAll(more);
    return new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
  }

  static KafkaConsumer<String, String> consumer(String group, String isolation) {
    return new KafkaConsumer<>(
        Map.of("bootstrap.servers", servers, "group.id", group, "auto.offset.reset", "earliest", "enable.auto.commit", false, "isolation.level", isolation),
        new StringDeserializer(), new StringDeserializer());
  }

  static Admin admin() {
    return Admin.create(Map.of("bootstrap.servers", servers));
  }

  static List<String> read(String topic, String isolation, int count) {
    try (KafkaConsumer<String, String> consumer = consumer("read-" + UUID.randomUUID(), isolation)) {
      consumer.subscribe(List.of(topic));
      List<String> values = new ArrayList<>();
      long end = System.nanoTime() + 30_000_000_000L;
      while (values.size() < count && System.nanoTime() < end) consumer.poll(Duration.ofMillis(100)).forEach(r -> values.add(r.value()));
      consumer.poll(Duration.ofMillis(300)).forEach(r -> values.add(r.value()));
      return values.stream().sorted().toList();
    }
  }

  static void create(String... names) throws Exception {
    try (Admin admin = admin()) {
      admin.createTopics(Stream.of(names).map(n -> new NewTopic(n, 2, (short) 1)).toList()).all().get();
    }
  }

  static void until(java.util.concurrent.Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + 30_000_000_000L;
    while (!condition.call()) if (System.nanoTime() > end) throw new AssertionError("waited for too long");
  }

  static ProducerRecord<String, String> record(String topic, String value) {
    return new ProducerRecord<>(topic, value, value);
  }

  static long position(Admin admin, String group, TopicPartition partition) throws Exception {
    OffsetAndMetadata found = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition);
    return found == null ? -1 : found.offset();
  }

  @SuppressWarnings("removal")
  public static void main(String[] args) throws Exception {
    servers = args[0];
    TopicPartition in0 = new TopicPartition("in", 0);

    check("committed records are read, aborted ones are not", () -> {
      create("ledger");
      try (KafkaProducer<String, String> producer = producer("ledger", Map.of())) {
        producer.initTransactions();
        for (int i = 0; i < 20; i++) {
          producer.beginTransaction();
          for (int j = 0; j < 3; j++) producer.send(record("ledger", String.format("%02d-%d", i, j)));
          producer.flush();
          if (i % 4 == 3) producer.abortTransaction(); else producer.commitTransaction();
        }
      }
      List<String> committed = IntStream.range(0, 20).filter(i -> i % 4 != 3).boxed()
          .flatMap(i -> IntStream.range(0, 3).mapToObj(j -> String.format("%02d-%d", i, j))).toList();
      same(committed, read("ledger", "read_committed", 45));
      same(60, read("ledger", "read_uncommitted", 60).size());
    });

    check("an open transaction bounds the end that a read_committed consumer is told", () -> {
      create("ends");
      TopicPartition ends = new TopicPartition("ends", 0);
      try (KafkaProducer<String, String> producer = producer("ends", Map.of()); Admin admin = admin()) {
        producer.initTransactions();
        producer.beginTransaction();
        producer.send(new ProducerRecord<>("ends", 0, "k", "v")).get();
        for (IsolationLevel level : IsolationLevel.values()) {
          long end = admin.listOffsets(Map.of(ends, OffsetSpec.latest()), new ListOffsetsOptions(level)).all().get().get(ends).offset();
          same(level == IsolationLevel.READ_COMMITTED ? 0L : 1L, end);
        }
        producer.commitTransaction();
        until(() -> admin.listOffsets(Map.of(ends, OffsetSpec.latest()), new ListOffsetsOptions(IsolationLevel.READ_COMMITTED)).all().get().get(ends).offset() == 2);
      }
    });

    check("consume, transform, produce: offsets come with the commit and not with the abort", () -> {
      create("in", "out");
      try (KafkaProducer<String, String> producer = producer("transform", Map.of());
          KafkaConsumer<String, String> consumer = consumer("transformers", "read_committed"); Admin admin = admin()) {
        producer.initTransactions();
        producer.beginTransaction();
        for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>("in", 0, "k", "v" + i));
        producer.commitTransaction();
        consumer.subscribe(List.of("in"));
        List<ConsumerRecord<String, String>> seen = new ArrayList<>();
        until(() -> { consumer.poll(Duration.ofMillis(100)).forEach(seen::add); return seen.size() == 10; });
        producer.beginTransaction();
        for (ConsumerRecord<String, String> r : seen.subList(0, 5)) producer.send(record("out", "aborted " + r.value()));
        producer.flush();
        producer.sendOffsetsToTransaction(Map.of(in0, new OffsetAndMetadata(5)), consumer.groupMetadata());
        producer.abortTransaction();
        same(-1L, position(admin, "transformers", in0));
        producer.beginTransaction();
        for (ConsumerRecord<String, String> r : seen) producer.send(record("out", "done " + r.value()));
        producer.sendOffsetsToTransaction(Map.of(in0, new OffsetAndMetadata(10)), consumer.groupMetadata());
        fails(org.apache.kafka.common.errors.TimeoutException.class, () -> consumer.committed(Set.of(in0), Duration.ofMillis(700)));
        same(-1L, position(admin, "transformers", in0));
        producer.commitTransaction();
        same(10L, consumer.committed(Set.of(in0), Duration.ofSeconds(20)).get(in0).offset());
        same(seen.stream().map(r -> "done " + r.value()).sorted().toList(), read("out", "read_committed", 10));
      }
    });

    check("a member of another generation commits nothing", () -> {
      try (KafkaProducer<String, String> producer = producer("stranger", Map.of())) {
        producer.initTransactions();
        producer.beginTransaction();
        fails(CommitFailedException.class, () -> {
          producer.sendOffsetsToTransaction(Map.of(in0, new OffsetAndMetadata(3)), new ConsumerGroupMetadata("transformers", 77, "nobody", Optional.empty()));
        });
        producer.abortTransaction();
      }
    });

    check("a second producer of the same transactional id fences the first", () -> {
      create("fence");
      try (KafkaProducer<String, String> first = producer("fence", Map.of()); KafkaProducer<String, String> second = producer("fence", Map.of())) {
        first.initTransactions();
        first.beginTransaction();
        first.send(record("fence", "zombie")).get();
        second.initTransactions();
        fails(ProducerFencedException.class, first::commitTransaction);
        second.beginTransaction();
        second.send(record("fence", "alive")).get();
        second.commitTransaction();
      }
      same(List.of("alive"), read("fence", "read_committed", 1));
    });

    check("a transaction that takes too long is aborted", () -> {
      create("slow");
      try (KafkaProducer<String, String> producer = producer("slow", Map.of("transaction.timeout.ms", 500)); Admin admin = admin()) {
        producer.initTransactions();
        producer.beginTransaction();
        producer.send(record("slow", "late")).get();
        until(() -> admin.describeTransactions(List.of("slow")).description("slow").get().state() == TransactionState.COMPLETE_ABORT);
        fails(ApiException.class, producer::commitTransaction);
      }
      same(List.of(), read("slow", "read_committed", 0));
    });

    check("the tools' APIs: list, describe, producers, abort", () -> {
      create("hang");
      TopicPartition hang = new TopicPartition("hang", 0);
      try (KafkaProducer<String, String> producer = producer("hang", Map.of()); Admin admin = admin()) {
        producer.initTransactions();
        producer.beginTransaction();
        producer.send(new ProducerRecord<>("hang", 0, "k", "v")).get();
        TransactionDescription described = admin.describeTransactions(List.of("hang")).description("hang").get();
        same(TransactionState.ONGOING, described.state());
        same(Set.of(hang), described.topicPartitions());
        TransactionListing listed = admin.listTransactions(new ListTransactionsOptions().filterStates(Set.of(TransactionState.ONGOING))).all().get().stream()
            .filter(t -> t.transactionalId().equals("hang")).findFirst().orElseThrow();
        same(described.producerId(), listed.producerId());
        ProducerState state = admin.describeProducers(List.of(hang)).partitionResult(hang).get().activeProducers().get(0);
        same(OptionalLong.of(0), state.currentTransactionStartOffset());
        same(described.producerId(), state.producerId());
        admin.abortTransaction(new AbortTransactionSpec(hang, state.producerId(), (short) state.producerEpoch(), state.coordinatorEpoch().orElse(0))).all().get();
        same(OptionalLong.empty(), admin.describeProducers(List.of(hang)).partitionResult(hang).get().activeProducers().get(0).currentTransactionStartOffset());
      }
      same(List.of(), read("hang", "read_committed", 0));
    });

    check("an unknown transactional id is said to be so", () -> {
      try (Admin admin = admin()) {
        fails(TransactionalIdNotFoundException.class, () -> admin.describeTransactions(List.of("nobody")).description("nobody").get());
      }
    });

    check("many transactions of many producers", () -> {
      create("many");
      List<Thread> threads = new ArrayList<>();
      List<Throwable> trouble = Collections.synchronizedList(new ArrayList<>());
      for (int p = 0; p < 4; p++) {
        String id = "many-" + p;
        threads.add(new Thread(() -> {
          try (KafkaProducer<String, String> producer = producer(id, Map.of())) {
            producer.initTransactions();
            for (int i = 0; i < 50; i++) {
              producer.beginTransaction();
              for (int j = 0; j < 4; j++) producer.send(record("many", id + "-" + i + "-" + j));
              producer.commitTransaction();
            }
          } catch (Throwable e) {
            trouble.add(e);
          }
        }));
      }
      threads.forEach(Thread::start);
      for (Thread thread : threads) thread.join();
      if (!trouble.isEmpty()) throw trouble.get(0);
      same(800, new HashSet<>(read("many", "read_committed", 800)).size());
    });
  }
}
