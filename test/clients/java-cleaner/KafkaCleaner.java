package org.apache.kafka.storage.internals.log;

import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Delayed;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.util.Scheduler;
import org.apache.kafka.storage.internals.utils.Throttler;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

/**
 * Apache Kafka's cleaner for one partition directory at a time, told what to do by lines on standard input. It stands in Kafka's
 * package because half of what it calls is visible only there. Each line is answered by one line of JSON.
 *
 *   clean  dir=… nowMs=… logStart=… producerExpirationMs=… firstDirty=… mapBytes=… loadFactor=… bufferBytes=… retain=… topic.KEY=VALUE …
 *   state  dir=… nowMs=… logStart=… producerExpirationMs=… topic.KEY=VALUE …
 *
 * `clean` opens a directory that was closed cleanly, works out what Kafka's cleaner would do at that time, cleans if there is
 * anything to clean, applies retention if asked, and closes. `state` opens it as after a crash and tells what it found.
 * Values hold no tabs; tabs separate.
 */
public final class KafkaCleaner {
    private final FixedTime time = new FixedTime();
    private final BrokerTopicStats topicStats = new BrokerTopicStats();
    private final Throttler throttler =
        new Throttler(Double.MAX_VALUE, 300, "cleaner-io", "bytes", Time.SYSTEM);

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), false, "UTF-8");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        KafkaCleaner cleaner = new KafkaCleaner();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(cleaner.answer(line.split("\t")));
            out.flush();
        }
    }

    private String answer(String[] words) {
        try {
            Request request = new Request(words);
            time.nowMs = request.number("nowMs");
            return words[0].equals("clean") ? clean(request) : state(request);
        } catch (Throwable error) {
            java.io.StringWriter trace = new java.io.StringWriter();
            error.printStackTrace(new java.io.PrintWriter(trace));
            return "{\"error\":" + quoted(trace.toString()) + "}";
        }
    }

    private String clean(Request request) throws Exception {
        UnifiedLog log = open(request, true);
        try {
            Map<String, Object> answer = new TreeMap<>();
            long firstDirty = request.number("firstDirty");
            Optional<Long> checkpoint = firstDirty < 0 ? Optional.empty() : Optional.of(firstDirty);
            LogCleanerManager.OffsetsToClean range =
                LogCleanerManager.cleanableOffsets(log, checkpoint, time.nowMs);
            boolean isForced = maxCompactionDelay(log, range.firstDirtyOffset()) > 0;
            LogToClean todo = new LogToClean(
                log, range.firstDirtyOffset(), range.firstUncleanableDirtyOffset(), isForced);
            answer.put("firstDirtyOffset", todo.firstDirtyOffset());
            answer.put("firstUncleanableOffset", todo.firstUncleanableOffset());
            answer.put("cleanableBytes", todo.cleanableBytes());
            answer.put("cleanBytes", todo.cleanBytes());
            answer.put("isForced", isForced && todo.cleanableBytes() > 0);
            answer.put("isDirtyEnough", todo.totalBytes() > 0
                && todo.cleanableRatio() > log.config().minCleanableRatio);
            answer.put("endOffset", todo.cleanableBytes() > 0 ? clean(request, todo) : todo.firstDirtyOffset());
            if (request.flag("retain")) {
                log.deleteOldSegments();
                log.removeExpiredProducers(time.nowMs);
            }
            describe(log, answer);
            return json(answer);
        } finally {
            log.prepareActiveSegmentForClose();
            log.close();
        }
    }

    private long clean(Request request, LogToClean todo) throws Exception {
        int bufferBytes = (int) request.number("bufferBytes");
        Cleaner cleaner = new Cleaner(
            0,
            new SkimpyOffsetMap((int) request.number("mapBytes"), "MD5"),
            bufferBytes,
            Integer.MAX_VALUE / 2,
            Double.parseDouble(request.text("loadFactor")),
            throttler,
            time,
            partition -> { });
        return cleaner.clean(todo).getKey();
    }

    private String state(Request request) throws Exception {
        UnifiedLog log = open(request, false);
        try {
            Map<String, Object> answer = new TreeMap<>();
            describe(log, answer);
            return json(answer);
        } finally {
            log.prepareActiveSegmentForClose();
            log.close();
        }
    }

    private void describe(UnifiedLog log, Map<String, Object> answer) {
        answer.put("logStartOffset", log.logStartOffset());
        answer.put("logEndOffset", log.logEndOffset());
        // Inside of a batch that the log start lies in, Kafka's is the base offset of that batch.
        answer.put("lastStableOffset", Math.max(log.lastStableOffset(), log.logStartOffset()));
        answer.put("segments", log.logSegments().stream().map(LogSegment::baseOffset).toList());
        Map<Long, Object> producers = new TreeMap<>();
        log.producerStateManager().activeProducers().forEach((id, entry) -> producers.put(id, List.of(
            (long) entry.producerEpoch(),
            (long) entry.lastSeq(),
            entry.lastDataOffset(),
            (long) entry.coordinatorEpoch(),
            entry.currentTxnFirstOffset().orElse(-1L),
            entry.lastTimestamp())));
        answer.put("producers", producers);
    }

    /** The high watermark is where the log ends, as it is with one replica. */
    private UnifiedLog open(Request request, boolean isClean) throws Exception {
        UnifiedLog log = UnifiedLog.create(
            new File(request.text("dir")),
            new LogConfig(request.topicConfigs()),
            request.number("logStart"),
            0L,
            new NowOrNever(),
            topicStats,
            time,
            Integer.MAX_VALUE,
            new ProducerStateManagerConfig((int) request.number("producerExpirationMs"), false),
            Integer.MAX_VALUE,
            new LogDirFailureChannel(1),
            isClean,
            Optional.empty());
        log.updateHighWatermark(log.logEndOffset());
        return log;
    }

    private long maxCompactionDelay(UnifiedLog log, long firstDirtyOffset) throws Exception {
        java.lang.reflect.Method method = LogCleanerManager.class.getDeclaredMethod(
            "maxCompactionDelay", UnifiedLog.class, long.class, long.class);
        method.setAccessible(true);
        return (Long) method.invoke(null, log, firstDirtyOffset, time.nowMs);
    }

    private static String json(Object value) {
        if (value instanceof Map<?, ?> map) {
            StringBuilder text = new StringBuilder("{");
            map.forEach((key, item) -> {
                if (text.length() > 1) text.append(',');
                text.append(quoted(String.valueOf(key))).append(':').append(json(item));
            });
            return text.append('}').toString();
        }
        if (value instanceof List<?> list)
            return "[" + String.join(",", list.stream().map(KafkaCleaner::json).toList()) + "]";
        return String.valueOf(value);
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') quoted.append('\\').append(c);
            else if (c < ' ') quoted.append(String.format("\\u%04x", (int) c));
            else quoted.append(c);
        }
        return quoted.append('"').toString();
    }

    /** The words of a line after the first, each NAME=VALUE. */
    private static final class Request {
        private final Map<String, String> values = new HashMap<>();

        Request(String[] words) {
            for (int i = 1; i < words.length; i++) {
                int at = words[i].indexOf('=');
                values.put(words[i].substring(0, at), words[i].substring(at + 1));
            }
        }

        String text(String name) {
            String value = values.get(name);
            if (value == null) throw new IllegalArgumentException("no " + name);
            return value;
        }

        long number(String name) {
            return Long.parseLong(text(name));
        }

        boolean flag(String name) {
            return text(name).equals("true");
        }

        Map<String, String> topicConfigs() {
            Map<String, String> configs = new HashMap<>();
            values.forEach((name, value) -> {
                if (name.startsWith("topic.")) configs.put(name.substring("topic.".length()), value);
            });
            return configs;
        }
    }

    /** Stands still until the next request. */
    private static final class FixedTime implements Time {
        long nowMs;

        @Override
        public long milliseconds() {
            return nowMs;
        }

        @Override
        public long nanoseconds() {
            return nowMs * 1_000_000;
        }

        @Override
        public void sleep(long ms) {
            nowMs += ms;
        }
    }

    /** What is to be done once, such as the removal of replaced files, is done at once; what is done again and again, never. */
    private static final class NowOrNever implements Scheduler {
        @Override
        public void startup() { }

        @Override
        public void shutdown() { }

        @Override
        public ScheduledFuture<?> schedule(String name, Runnable task, long delayMs, long periodMs) {
            if (periodMs < 0) task.run();
            return new Done();
        }

        @Override
        public void resizeThreadPool(int newSize) { }
    }

    private static final class Done extends java.util.concurrent.CompletableFuture<Object>
        implements ScheduledFuture<Object> {
        @Override
        public long getDelay(TimeUnit unit) {
            return 0;
        }

        @Override
        public int compareTo(Delayed other) {
            return 0;
        }
    }
}
