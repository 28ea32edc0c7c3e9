package io.vgmstream.peers;

import java.io.IOException;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * "vgm normalize" as a Flink job of two tasks in this process, on GenericRecords: each row to its value and mode; it
 * keeps partition, order, key and timestamp.
 */
public final class FlinkNormalize {
  /** Partition, time, key (empty: none) and value. */
  private static final TypeInformation<Tuple4<Integer, Long, byte[], byte[]>> ROW = Types.TUPLE(
      Types.INT, Types.LONG, PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO,
      PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);
  private static final byte[] NO_KEY = new byte[0];

  /** All tasks run in this process. Of many rows the first fifth is not timed, as with Kafka Streams. */
  private static final long MANY_ROWS = 1_000_000;
  private static volatile long warmUpRows;
  private static final AtomicLong READ = new AtomicLong();
  private static final AtomicLong STARTED_NS = new AtomicLong();
  private static volatile long untimedRows;

  public static void main(String[] strings) throws Exception {
    Arguments arguments = new Arguments(strings);
    String brokers = arguments.get("--brokers");
    long rows = arguments.getLong("--rows");
    warmUpRows = rows < MANY_ROWS ? 0 : rows / 5;
    StreamExecutionEnvironment flink = StreamExecutionEnvironment.createLocalEnvironment(2, new Configuration());
    // As long as a transaction of "vgm normalize".
    flink.enableCheckpointing(500);
    flink.getConfig().enableObjectReuse();
    KafkaSource<Tuple4<Integer, Long, byte[], byte[]>> source =
        KafkaSource.<Tuple4<Integer, Long, byte[], byte[]>>builder()
            .setBootstrapServers(brokers)
            .setGroupId(arguments.get("--group"))
            .setTopics(arguments.get("--input"))
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setBounded(OffsetsInitializer.latest())
            .setDeserializer(new Read())
            .setProperty("isolation.level", "read_committed")
            .setProperty("max.poll.records", "20000")
            .setProperty("max.partition.fetch.bytes", String.valueOf(1 << 20))
            .setProperty("fetch.min.bytes", String.valueOf(64 << 10))
            .setProperty("receive.buffer.bytes", String.valueOf(1 << 20))
            .build();
    Properties producing = new Properties();
    producing.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, arguments.get("--compression"));
    producing.put(ProducerConfig.BATCH_SIZE_CONFIG, String.valueOf(512 << 10));
    producing.put(ProducerConfig.LINGER_MS_CONFIG, "50");
    producing.put(ProducerConfig.BUFFER_MEMORY_CONFIG, String.valueOf(128L << 20));
    producing.put(ProducerConfig.SEND_BUFFER_CONFIG, String.valueOf(1 << 20));
    // Flink's default is an hour: more than brokers allow.
    producing.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, "60000");
    KafkaSink<Tuple4<Integer, Long, byte[], byte[]>> sink =
        KafkaSink.<Tuple4<Integer, Long, byte[], byte[]>>builder()
            .setBootstrapServers(brokers)
            .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
            .setTransactionalIdPrefix(arguments.get("--group"))
            .setKafkaProducerConfig(producing)
            .setRecordSerializer(new Write(arguments.get("--output")))
            .build();
    flink.fromSource(source, WatermarkStrategy.noWatermarks(), "raw", ROW)
        .map(new Normalize(arguments.get("--model")))
        .returns(ROW)
        .sinkTo(sink);
    flink.execute();
    double seconds = (System.nanoTime() - STARTED_NS.get()) / 1e9;
    System.out.printf("{\"rows\": %d, \"seconds\": %.3f}%n", rows - untimedRows, seconds);
    System.exit(0);
  }

  private static final class Read implements KafkaRecordDeserializationSchema<Tuple4<Integer, Long, byte[], byte[]>> {
    private int rows;

    @Override
    public void deserialize(
        ConsumerRecord<byte[], byte[]> row, Collector<Tuple4<Integer, Long, byte[], byte[]>> out) {
      // An atomic operation for each row would cost.
      if (rows++ % 1_000 == 0) begin();
      out.collect(Tuple4.of(row.partition(), row.timestamp(), row.key() == null ? NO_KEY : row.key(), row.value()));
    }

    private static void begin() {
      long read = READ.getAndAdd(1_000);
      if (read >= warmUpRows && STARTED_NS.compareAndSet(0, System.nanoTime())) untimedRows = read;
    }

    @Override
    public TypeInformation<Tuple4<Integer, Long, byte[], byte[]>> getProducedType() {
      return ROW;
    }
  }

  private static final class Normalize
      extends RichMapFunction<Tuple4<Integer, Long, byte[], byte[]>, Tuple4<Integer, Long, byte[], byte[]>> {
    private final String modelFile;
    private transient RowNormalizer normalizer;

    Normalize(String modelFile) {
      this.modelFile = modelFile;
    }

    @Override
    public void open(OpenContext context) throws IOException {
      normalizer = new GenericNormalizer(DataSetModel.read(modelFile));
    }

    @Override
    public Tuple4<Integer, Long, byte[], byte[]> map(Tuple4<Integer, Long, byte[], byte[]> row) throws IOException {
      row.f3 = normalizer.normalize(row.f3);
      return row;
    }
  }

  private static final class Write implements KafkaRecordSerializationSchema<Tuple4<Integer, Long, byte[], byte[]>> {
    private final String topic;

    Write(String topic) {
      this.topic = topic;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(
        Tuple4<Integer, Long, byte[], byte[]> row, KafkaSinkContext context, Long timestamp) {
      return new ProducerRecord<>(topic, row.f0, row.f1, row.f2.length == 0 ? null : row.f2, row.f3);
    }
  }
}
