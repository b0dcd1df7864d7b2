import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.*;

/** Payments by account: those above 100 go on as high risk, and each account's total is kept in a store and told with every payment. Exactly once. */
public class Payments {
  public static void main(String[] args) throws Exception {
    Properties config = new Properties();
    config.put("bootstrap.servers", args[0]);
    config.put("application.id", "payments-app");
    config.put("state.dir", args[1]);
    config.put("processing.guarantee", "exactly_once_v2");
    config.put("commit.interval.ms", "50");
    config.put("statestore.cache.max.bytes", "0");
    config.put("num.stream.threads", "2");
    config.put("default.key.serde", Serdes.StringSerde.class.getName());
    config.put("default.value.serde", Serdes.LongSerde.class.getName());
    StreamsBuilder builder = new StreamsBuilder();
    KStream<String, Long> payments = builder
        .stream("payments", Consumed.with(Serdes.String(), Serdes.String()))
        .mapValues(value -> Long.parseLong(value));
    payments.filter((account, amount) -> amount > 100)
        .mapValues(amount -> amount.toString())
        .to("high-risk-payments", Produced.with(Serdes.String(), Serdes.String()));
    payments.groupByKey().reduce(Long::sum, Materialized.as("totals-store")).toStream()
        .mapValues(total -> total.toString())
        .to("totals", Produced.with(Serdes.String(), Serdes.String()));
    KafkaStreams streams = new KafkaStreams(builder.build(), config);
    CountDownLatch over = new CountDownLatch(1);
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      return StreamThreadExceptionResponse.REPLACE_THREAD;
    });
    streams.setStateListener((now, before) -> {
      if (now == KafkaStreams.State.RUNNING) System.out.println("running");
      if (now == KafkaStreams.State.ERROR || now == KafkaStreams.State.NOT_RUNNING) over.countDown();
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(java.time.Duration.ofSeconds(20))));
    streams.start();
    over.await();
  }
}
