import java.time.Duration;
import java.util.*;
import java.util.concurrent.ExecutionException;
import java.util.stream.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

/** Java's own Producer, Consumer and AdminClient against the broker: one line "ok NAME" for each thing that holds, "failed" and exit 1 otherwise. */
public class Clients {
  static String servers;

  interface Check { void run() throws Exception; }

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

  static Producer<String, String> producer(Map<String, Object> more) {
    Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", servers));
    config.putAll(more);
    return new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
  }

  static Consumer<String, String> consumer(String group, Map<String, Object> more) {
    Map<String, Object> config = new HashMap<>(
        Map.of("bootstrap.servers", servers, "group.id", group, "auto.offset.reset", "earliest", "enable.auto.commit", false));
    config.putAll(more);
    return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
  }

  static List<ConsumerRecord<String, String>> poll(Consumer<String, String> consumer, int count) {
    List<ConsumerRecord<String, String>> records = new ArrayList<>();
    long end = System.nanoTime() + 30_000_000_000L;
    while (records.size() < count && System.nanoTime() < end) consumer.poll(Duration.ofMillis(100)).forEach(records::add);
    same(count, records.size());
    return records;
  }

  static void send(String topic, int count, Map<String, Object> config) throws Exception {
    try (Producer<String, String> producer = producer(config)) {
      for (int i = 0; i < count; i++) producer.send(new ProducerRecord<>(topic, "k" + i % 7, "v" + i));
      producer.flush();
    }
  }

  static void until(java.util.concurrent.Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + 30_000_000_000L;
    while (!condition.call()) if (System.nanoTime() > end) throw new AssertionError("waited for too long");
  }

  static <E extends Throwable> void fails(Class<E> with, Check check) {
    try {
      check.run();
    } catch (ExecutionException e) {
      same(with, e.getCause().getClass());
      return;
    } catch (Exception e) {
      same(with, e.getClass());
      return;
    }
    throw new AssertionError("no " + with);
  }

  public static void main(String[] args) throws Exception {
    servers = args[0];
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
      topics(admin);
      producing();
      consuming();
      groups(admin);
      administration(admin);
    }
  }

  static void topics(Admin admin) {
    check("topics", () -> {
      NewTopic topic = new NewTopic("j-topic", 3, (short) 1).configs(Map.of("retention.ms", "3600000"));
      CreateTopicsResult created = admin.createTopics(List.of(topic));
      created.all().get();
      same(3, created.numPartitions("j-topic").get());
      same("3600000", created.config("j-topic").get().get("retention.ms").value());
      TopicDescription described = admin.describeTopics(List.of("j-topic")).allTopicNames().get().get("j-topic");
      same(3, described.partitions().size());
      same("j-topic", admin.describeTopics(TopicCollection.ofTopicIds(List.of(described.topicId()))).allTopicIds().get()
          .get(described.topicId()).name());
      admin.createPartitions(Map.of("j-topic", NewPartitions.increaseTo(5))).all().get();
      fails(TopicExistsException.class, () -> admin.createTopics(List.of(topic)).all().get());
      fails(InvalidReplicationFactorException.class, () -> admin.createTopics(List.of(new NewTopic("j-rf", 1, (short) 3))).all().get());
      fails(InvalidTopicException.class, () -> admin.createTopics(List.of(new NewTopic("no good", 1, (short) 1))).all().get());
      fails(InvalidConfigurationException.class, () -> admin.createTopics(List.of(
          new NewTopic("j-bad", 1, (short) 1).configs(Map.of("retention.ms", "soon")))).all().get());
      fails(UnknownTopicOrPartitionException.class, () -> admin.deleteTopics(List.of("j-nothing")).all().get());
    });
  }

  static void producing() {
    for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
      check("producer " + codec, () -> {
        send("j-" + codec, 500, Map.of("compression.type", codec, "linger.ms", 20));
        try (Consumer<String, String> consumer = consumer("j-" + codec, Map.of())) {
          consumer.subscribe(List.of("j-" + codec));
          same(IntStream.range(0, 500).mapToObj(i -> "v" + i).toList(), poll(consumer, 500).stream().map(ConsumerRecord::value).toList());
        }
      });
    }
    check("producer refusals", () -> {
      try (Producer<String, String> producer = producer(Map.of("max.request.size", 5_000_000, "max.block.ms", 2_000))) {
        fails(RecordTooLargeException.class, () -> producer.send(new ProducerRecord<>("j-topic", "x".repeat(2_000_000))).get());
        RecordMetadata sent = producer.send(new ProducerRecord<>("j-topic", 4, "k", "v")).get();
        same(4, sent.partition());
        same(0L, sent.offset());
      }
      try (Producer<String, String> producer = producer(Map.of("acks", "0", "enable.idempotence", false))) {
        same(-1L, producer.send(new ProducerRecord<>("j-topic", 4, "k", "v")).get().offset());
      }
    });
  }

  static void consuming() {
    check("consumer seeks, offsets and times", () -> {
      send("j-seek", 100, Map.of());
      TopicPartition partition = new TopicPartition("j-seek", 0);
      try (Consumer<String, String> consumer = consumer("j-seek", Map.of("isolation.level", "read_committed"))) {
        consumer.assign(List.of(partition));
        consumer.seek(partition, 90);
        same("v90", poll(consumer, 10).get(0).value());
        same(0L, consumer.beginningOffsets(List.of(partition)).get(partition));
        same(100L, consumer.endOffsets(List.of(partition)).get(partition));
        same(0L, consumer.offsetsForTimes(Map.of(partition, 1L)).get(partition).offset());
        consumer.pause(List.of(partition));
        same(0, consumer.poll(Duration.ofMillis(50)).count());
        consumer.commitSync(Map.of(partition, new OffsetAndMetadata(42, "note")));
        same("note", consumer.committed(Set.of(partition)).get(partition).metadata());
        consumer.seek(partition, 1_000);
        consumer.resume(List.of(partition));
        same("v0", poll(consumer, 100).get(0).value());
      }
    });
  }

  static void groups(Admin admin) {
    for (String assignor : List.of("RangeAssignor", "CooperativeStickyAssignor")) {
      check("two members with the " + assignor, () -> {
        String topic = "j-" + assignor;
        admin.createTopics(List.of(new NewTopic(topic, 4, (short) 1))).all().get();
        Map<String, Object> config = Map.of("partition.assignment.strategy", "org.apache.kafka.clients.consumer." + assignor);
        try (Consumer<String, String> first = consumer(topic, config); Consumer<String, String> second = consumer(topic, config)) {
          first.subscribe(List.of(topic));
          second.subscribe(List.of(topic));
          until(() -> {
            first.poll(Duration.ofMillis(20));
            second.poll(Duration.ofMillis(20));
            return first.assignment().size() == 2 && second.assignment().size() == 2;
          });
          ConsumerGroupDescription group = admin.describeConsumerGroups(List.of(topic)).all().get().get(topic);
          same(2, group.members().size());
          fails(GroupNotEmptyException.class, () -> admin.deleteConsumerGroups(List.of(topic)).all().get());
        }
        admin.deleteConsumerGroups(List.of(topic)).all().get();
      });
    }
    check("a static member comes back without a rebalance", () -> {
      Map<String, Object> config = Map.of("group.instance.id", "one", "session.timeout.ms", 30_000);
      int generation;
      try (Consumer<String, String> consumer = consumer("j-static", config)) {
        consumer.subscribe(List.of("j-topic"));
        until(() -> { consumer.poll(Duration.ofMillis(20)); return consumer.assignment().size() == 5; });
        generation = consumer.groupMetadata().generationId();
      }
      try (Consumer<String, String> consumer = consumer("j-static", config)) {
        consumer.subscribe(List.of("j-topic"));
        until(() -> { consumer.poll(Duration.ofMillis(20)); return consumer.assignment().size() == 5; });
        same(generation, consumer.groupMetadata().generationId());
      }
    });
    check("offsets of a group", () -> {
      TopicPartition partition = new TopicPartition("j-topic", 0);
      admin.alterConsumerGroupOffsets("j-moved", Map.of(partition, new OffsetAndMetadata(7))).all().get();
      same(7L, admin.listConsumerGroupOffsets("j-moved").partitionsToOffsetAndMetadata().get().get(partition).offset());
      admin.deleteConsumerGroupOffsets("j-moved", Set.of(partition)).all().get();
      same(null, admin.listConsumerGroupOffsets("j-moved").partitionsToOffsetAndMetadata().get().get(partition));
      if (admin.listGroups().all().get().stream().noneMatch(g -> g.groupId().equals("j-static"))) throw new AssertionError("not listed");
    });
  }

  static void administration(Admin admin) {
    check("configs", () -> {
      ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "j-topic");
      ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
      admin.incrementalAlterConfigs(Map.of(
          topic, List.of(new AlterConfigOp(new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.APPEND)),
          broker, List.of(new AlterConfigOp(new ConfigEntry("log.retention.ms", "7200000"), AlterConfigOp.OpType.SET)))).all().get();
      Map<ConfigResource, Config> configs = admin.describeConfigs(List.of(topic, broker,
          new ConfigResource(ConfigResource.Type.BROKER_LOGGER, "1"), new ConfigResource(ConfigResource.Type.GROUP, "g"))).all().get();
      same(Set.of("compact", "delete"), Set.of(configs.get(topic).get("cleanup.policy").value().split(",")));
      same("7200000", configs.get(broker).get("log.retention.ms").value());
      same(ConfigEntry.ConfigSource.DYNAMIC_BROKER_CONFIG, configs.get(broker).get("log.retention.ms").source());
    });
    check("records deleted, offsets listed", () -> {
      send("j-deleted", 50, Map.of());
      TopicPartition partition = new TopicPartition("j-deleted", 0);
      same(20L, admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(20))).lowWatermarks().get(partition).get().lowWatermark());
      same(20L, admin.listOffsets(Map.of(partition, OffsetSpec.earliest())).partitionResult(partition).get().offset());
      same(50L, admin.listOffsets(Map.of(partition, OffsetSpec.latest())).partitionResult(partition).get().offset());
      // Kafka looks for it in whole segments, wherever the log starts now.
      if (admin.listOffsets(Map.of(partition, OffsetSpec.maxTimestamp())).partitionResult(partition).get().offset() < 0)
        throw new AssertionError("no record with the greatest timestamp");
    });
    check("cluster, features, quorum, log directories", () -> {
      same(1, admin.describeCluster().nodes().get().size());
      if (!admin.describeFeatures().featureMetadata().get().finalizedFeatures().containsKey("metadata.version"))
        throw new AssertionError("no metadata.version");
      same(1, admin.describeMetadataQuorum().quorumInfo().get().voters().size());
      if (admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1).values().iterator().next().replicaInfos().isEmpty())
        throw new AssertionError("no replicas");
      same(Map.of(), admin.listPartitionReassignments().reassignments().get());
    });
    check("what is not served says so as Kafka does", () -> {
      fails(SecurityDisabledException.class, () -> admin.describeAcls(org.apache.kafka.common.acl.AclBindingFilter.ANY).values().get());
      same(Map.of(), admin.describeClientQuotas(org.apache.kafka.common.quota.ClientQuotaFilter.all()).entities().get());
      same(Map.of(), admin.describeUserScramCredentials().all().get());
      fails(ElectionNotNeededException.class, () -> {
        Map<TopicPartition, Optional<Throwable>> elected =
            admin.electLeaders(ElectionType.PREFERRED, Set.of(new TopicPartition("j-topic", 0))).partitions().get();
        throw (Exception) elected.values().iterator().next().orElseThrow();
      });
    });
  }
}
