import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.transforms.Transformation;

/**
 * A line of a file becomes a record with a key: what stands before the first tab is the key, the rest the value. The file connector gives
 * lines without keys, and no transformation that comes with Connect can look into a text.
 */
public class KeyFromLine<R extends ConnectRecord<R>> implements Transformation<R> {
  @Override
  public R apply(R record) {
    String line = (String) record.value();
    int tab = line.indexOf('\t');
    if (tab < 0) throw new IllegalArgumentException("a line without a tab: " + line);
    return record.newRecord(
        record.topic(), record.kafkaPartition(),
        Schema.STRING_SCHEMA, line.substring(0, tab),
        Schema.STRING_SCHEMA, line.substring(tab + 1),
        record.timestamp());
  }

  @Override
  public ConfigDef config() {
    return new ConfigDef();
  }

  @Override
  public void configure(Map<String, ?> configs) {}

  @Override
  public void close() {}
}
