import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.acl.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.quota.*;
import org.apache.kafka.common.resource.*;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.security.token.delegation.DelegationToken;
import org.apache.kafka.common.serialization.*;

/**
 * `write`: something of everything that a broker of any version from 3.9 on keeps; `describe`: of that what only its administration shows, a
 * line each. Arguments: bootstrap servers, one of the two words, and the servers once more where root is let in with a password (SASL PLAIN):
 * only there are delegation tokens talked of.
 */
public class Everything {
  static final int segments = 3;
  static final String[] codecs = {"none", "gzip", "snappy", "lz4", "zstd"};

  public static void main(String[] args) throws Exception {
    Map<String, Object> asRoot = Map.of("bootstrap.servers", args[2], "security.protocol", "SASL_PLAINTEXT", "sasl.mechanism", "PLAIN",
        "sasl.jaas.config", "org.apache.kafka.common.security.plain.PlainLoginModule required username=root password=secret;");
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0])); Admin root = Admin.create(asRoot)) {
      if (args[1].equals("write")) {
        write(admin, args[0]);
        tokens(root);
      }
      for (String line : describe(admin)) System.out.println(line);
      for (String line : describeTokens(root)) System.out.println(line);
    }
  }

  /** One that stays, and one that is taken back; the broker knows each a moment after its controller. A cluster below metadata.version 14 has none. */
  static void tokens(Admin root) throws Exception {
    CreateDelegationTokenOptions options =
        new CreateDelegationTokenOptions().renewers(List.of(new KafkaPrincipal(KafkaPrincipal.USER_TYPE, "alice")));
    try {
      DelegationToken kept = root.createDelegationToken(options).delegationToken().get();
      while (describeTokens(root).size() != 1) Thread.sleep(20);
      root.renewDelegationToken(kept.hmac(), new RenewDelegationTokenOptions().renewTimePeriodMs(7_200_000)).expiryTimestamp().get();
      DelegationToken goes = root.createDelegationToken(options).delegationToken().get();
      while (describeTokens(root).size() != 2) Thread.sleep(20);
      root.expireDelegationToken(goes.hmac(), new ExpireDelegationTokenOptions().expiryTimePeriodMs(-1)).expiryTimestamp().get();
      while (describeTokens(root).size() != 1) Thread.sleep(20);
    } catch (ExecutionException error) {
      if (!(error.getCause() instanceof UnsupportedVersionException)) throw error;
    }
  }

  /** The secret that proves a token is in it, as everything else. */
  static SortedSet<String> describeTokens(Admin root) throws Exception {
    SortedSet<String> lines = new TreeSet<>();
    for (DelegationToken token : root.describeDelegationToken().delegationTokens().get())
      lines.add("token " + token.tokenInfo() + " " + token.hmacAsBase64String());
    return lines;
  }

  static void write(Admin admin, String servers) throws Exception {
    List<NewTopic> topics = new ArrayList<>();
    for (String codec : codecs)
      topics.add(new NewTopic("in-" + codec, 1, (short) 1).configs(Map.of("segment.ms", "60000", "retention.ms", "-1")));
    topics.add(new NewTopic("keys", 2, (short) 1).configs(Map.of("cleanup.policy", "compact")));
    topics.add(new NewTopic("payments", 1, (short) 1));
    topics.add(new NewTopic("doomed", 1, (short) 1));
    admin.createTopics(topics).all().get();
    admin.deleteTopics(List.of("doomed")).all().get();
    admin.createPartitions(Map.of("payments", NewPartitions.increaseTo(2))).all().get();
    for (String codec : codecs) plain(servers, codec);
    transactions(servers);
    reading(servers);
    kept(admin);
  }

  static KafkaProducer<byte[], byte[]> producer(String servers, Map<String, Object> more) {
    Map<String, Object> configs = new HashMap<>(more);
    configs.put("bootstrap.servers", servers);
    configs.put("linger.ms", 20);
    return new KafkaProducer<>(configs, new ByteArraySerializer(), new ByteArraySerializer());
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** The times of the records cut the segments. */
  static void plain(String servers, String codec) throws Exception {
    long now = System.currentTimeMillis() - 10_000_000;
    try (KafkaProducer<byte[], byte[]> producer = producer(servers, Map.of("compression.type", codec))) {
      for (int segment = 0; segment < segments; segment++) {
        for (int n = 0; n < 40; n++) {
          byte[] value = n % 7 == 0 ? null : bytes(("value " + n + " ").repeat(20));
          ProducerRecord<byte[], byte[]> record =
              new ProducerRecord<>("in-" + codec, 0, now + segment * 100_000L + n, bytes("key " + n % 5), value);
          if (n % 3 == 0) record.headers().add("n", bytes("" + n)).add("n", null);
          producer.send(record);
          producer.send(new ProducerRecord<>("keys", bytes("key " + n % 5), value));
        }
        producer.flush();
      }
    }
  }

  /** Two that are committed, with a group's offsets, and one that is taken back. */
  static void transactions(String servers) throws Exception {
    try (KafkaProducer<byte[], byte[]> producer = producer(servers, Map.of("transactional.id", "till"))) {
      producer.initTransactions();
      for (int n = 0; n < 3; n++) {
        producer.beginTransaction();
        producer.send(new ProducerRecord<>("payments", n % 2, null, bytes("payment " + n)));
        producer.sendOffsetsToTransaction(
            Map.of(new TopicPartition("in-none", 0), new OffsetAndMetadata(n + 1, "of " + n)), new ConsumerGroupMetadata("tills"));
        if (n == 1) producer.abortTransaction();
        else producer.commitTransaction();
      }
    }
  }

  static void reading(String servers) throws Exception {
    Map<String, Object> configs = Map.of("bootstrap.servers", servers, "group.id", "readers", "auto.offset.reset", "earliest",
        "enable.auto.commit", false, "max.poll.records", 17);
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(configs, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(List.of("in-zstd"));
      while (consumer.poll(Duration.ofMillis(200)).isEmpty()) {}
      consumer.commitSync();
    }
  }

  /** What is kept but only acted on by Kafka. A cluster below metadata.version 11 has no SCRAM. */
  static void kept(Admin admin) throws Exception {
    ResourcePattern topic = new ResourcePattern(ResourceType.TOPIC, "in-", PatternType.PREFIXED);
    admin.createAcls(List.of(
        new AclBinding(topic, new AccessControlEntry("User:alice", "*", AclOperation.READ, AclPermissionType.ALLOW)),
        new AclBinding(topic, new AccessControlEntry("User:bob", "10.0.0.1", AclOperation.WRITE, AclPermissionType.DENY)))).all().get();
    try {
      admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion(
          "alice", new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), bytes("secret"), bytes("salt and pepper")))).all().get();
    } catch (ExecutionException error) {
      if (!(error.getCause() instanceof UnsupportedVersionException)) throw error;
    }
    ClientQuotaEntity everybody = new ClientQuotaEntity(Collections.singletonMap(ClientQuotaEntity.USER, null));
    ClientQuotaEntity alice = new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, "alice", ClientQuotaEntity.CLIENT_ID, "till"));
    admin.alterClientQuotas(List.of(
        new ClientQuotaAlteration(everybody, List.of(new ClientQuotaAlteration.Op("consumer_byte_rate", 1e9))),
        new ClientQuotaAlteration(alice, List.of(new ClientQuotaAlteration.Op("request_percentage", 250.5))))).all().get();
    alter(admin, ConfigResource.Type.BROKER, "", "message.max.bytes", "2000000");
    for (int n = 0; n < 30; n++) alter(admin, ConfigResource.Type.TOPIC, "payments", "retention.ms", "" + (1_000_000_000_000L + n));
  }

  static void alter(Admin admin, ConfigResource.Type type, String name, String key, String value) throws Exception {
    AlterConfigOp op = new AlterConfigOp(new ConfigEntry(key, value), AlterConfigOp.OpType.SET);
    admin.incrementalAlterConfigs(Map.of(new ConfigResource(type, name), List.of(op))).all().get();
  }

  static SortedSet<String> describe(Admin admin) throws Exception {
    SortedSet<String> lines = new TreeSet<>();
    admin.describeFeatures().featureMetadata().get().finalizedFeatures()
        .forEach((name, range) -> lines.add("feature " + name + " " + range.maxVersionLevel()));
    admin.describeAcls(AclBindingFilter.ANY).values().get().forEach(acl -> lines.add("acl " + acl));
    admin.describeUserScramCredentials().all().get().forEach((name, user) -> lines.add("scram " + user));
    admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get()
        .forEach((entity, quotas) -> lines.add("quota " + new TreeMap<>(entity.entries()) + " " + new TreeMap<>(quotas)));
    ConfigResource cluster = new ConfigResource(ConfigResource.Type.BROKER, "");
    admin.describeConfigs(List.of(cluster)).all().get().get(cluster).entries()
        .forEach(entry -> lines.add("config " + entry.name() + "=" + entry.value()));
    return lines;
  }
}
