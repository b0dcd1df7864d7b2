import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.Executors;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.*;

/**
 * A Kafka Streams GlobalKTable in its RocksDB store, asked by interactive queries: in this process (GET /bench) and over HTTP (GET /keys/KEY),
 * as applications put it on the network. Arguments: bootstrap servers, state directory, topic. Says "running PORT MILLISECONDS" when it is restored.
 */
public class GlobalTable {
  static ReadOnlyKeyValueStore<byte[], byte[]> store;

  public static void main(String[] args) throws Exception {
    Properties config = new Properties();
    config.put("bootstrap.servers", args[0]);
    config.put("application.id", "global-table");
    config.put("state.dir", args[1]);
    StreamsBuilder builder = new StreamsBuilder();
    builder.globalTable(args[2], Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()), Materialized.as("articles-store"));
    KafkaStreams streams = new KafkaStreams(builder.build(), config);
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 511);
    server.setExecutor(Executors.newFixedThreadPool(8));
    server.createContext("/keys/", GlobalTable::get);
    server.createContext("/bench", GlobalTable::bench);
    long startNs = System.nanoTime();
    streams.setStateListener((now, before) -> {
      if (now != KafkaStreams.State.RUNNING || store != null) return;
      long millis = (System.nanoTime() - startNs) / 1_000_000;
      store = streams.store(StoreQueryParameters.fromNameAndType("articles-store", QueryableStoreTypes.keyValueStore()));
      server.start();
      System.out.println("running " + server.getAddress().getPort() + " " + millis + ".");
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(java.time.Duration.ofSeconds(20))));
    streams.start();
    Thread.currentThread().join();
  }

  static void get(HttpExchange exchange) throws java.io.IOException {
    String key = exchange.getRequestURI().getPath().substring("/keys/".length());
    byte[] value = store.get(key.getBytes(StandardCharsets.UTF_8));
    if (value == null) {
      exchange.sendResponseHeaders(404, -1);
    } else {
      exchange.getResponseHeaders().set("content-type", "application/json");
      exchange.sendResponseHeaders(200, value.length);
      exchange.getResponseBody().write(value);
    }
    exchange.close();
  }

  /** One thread, random keys of the bench's data set: GET /bench?COUNT&MILLISECONDS. */
  static void bench(HttpExchange exchange) throws java.io.IOException {
    String[] options = exchange.getRequestURI().getQuery().split("&");
    int keys = Integer.parseInt(options[0]);
    long endNs = System.nanoTime() + Long.parseLong(options[1]) * 1_000_000;
    Random random = new Random(7);
    List<long[]> chunks = new ArrayList<>();
    long[] chunk = new long[1 << 16];
    int at = 0;
    long startNs = System.nanoTime();
    for (long nowNs = startNs; nowNs < endNs; ) {
      byte[] key = String.format("47%08d", random.nextInt(keys)).getBytes(StandardCharsets.UTF_8);
      long beforeNs = System.nanoTime();
      if (store.get(key) == null) throw new IllegalStateException("a key is not there");
      nowNs = System.nanoTime();
      if (at == chunk.length) {
        chunks.add(chunk);
        chunk = new long[1 << 16];
        at = 0;
      }
      chunk[at++] = nowNs - beforeNs;
    }
    double seconds = (System.nanoTime() - startNs) / 1e9;
    chunks.add(Arrays.copyOf(chunk, at));
    long[] all = chunks.stream().flatMapToLong(Arrays::stream).sorted().toArray();
    String answer = String.format(
        Locale.ROOT,
        "{\"count\":%d,\"seconds\":%f,\"p50Us\":%f,\"p99Us\":%f}",
        all.length, seconds, all[all.length / 2] / 1e3, all[(int) (all.length * 0.99)] / 1e3);
    byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(200, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }
}
