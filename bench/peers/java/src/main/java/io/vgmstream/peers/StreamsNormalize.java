package io.vgmstream.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/**
 * "vgm normalize" as a Kafka Streams application: each row to its value and mode; it keeps partition, order, key,
 * headers and timestamp.
 */
public final class StreamsNormalize {
  /**
   * Its partition is the one that the task reads: a sink is asked for it right after the processor, on the same thread.
   */
  private static final ThreadLocal<int[]> PARTITION = ThreadLocal.withInitial(() -> new int[1]);

  /** A JVM compiles for seconds before it is as fast as it will be: of many rows the first fifth is not timed. */
  private static final long MANY_ROWS = 1_000_000;

  private final Supplier<RowNormalizer> normalizers;
  private final long warmUpRows;
  private final AtomicLong processed = new AtomicLong();
  /** 0 as long as nothing is timed, and the rows that had been processed when that began */
  private final AtomicLong startedNs = new AtomicLong();
  private volatile long untimedRows;
  /** the last offset that was processed, by partition; -1 as long as none was: a partition may have no rows */
  private final AtomicLongArray lastOffset;

  private StreamsNormalize(Supplier<RowNormalizer> normalizers, long rows, int partitions) {
    this.normalizers = normalizers;
    this.warmUpRows = rows < MANY_ROWS ? 0 : rows / 5;
    this.lastOffset = new AtomicLongArray(partitions);
    for (int partition = 0; partition < partitions; partition++) lastOffset.set(partition, -1);
  }

  public static void main(String[] strings) throws Exception {
    Arguments arguments = new Arguments(strings);
    String brokers = arguments.get("--brokers");
    String input = arguments.get("--input");
    long rows = arguments.getLong("--rows");
    String group = arguments.get("--group");
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", brokers))) {
      int partitions =
          admin.describeTopics(Set.of(input)).allTopicNames().get().get(input).partitions().size();
      DataSetModel model = DataSetModel.read(arguments.get("--model"));
      boolean areBytes = arguments.get("--rows-as").equals("bytes");
      StreamsNormalize normalize = new StreamsNormalize(
          () -> areBytes ? new BytesNormalizer(model) : new GenericNormalizer(model), rows, partitions);
      Topology topology = normalize.topology(input, arguments.get("--output"), partitions);
      KafkaStreams streams = new KafkaStreams(topology, settings(arguments, brokers, group));
      CountDownLatch failed = new CountDownLatch(1);
      streams.setUncaughtExceptionHandler(error -> {
        error.printStackTrace();
        failed.countDown();
        return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
      });
      streams.start();
      while (!normalize.isCommitted(admin, group, input, rows) && failed.getCount() > 0) Thread.sleep(20);
      double seconds = (System.nanoTime() - normalize.startedNs.get()) / 1e9;
      if (failed.getCount() == 0) System.exit(1);
      System.out.printf("{\"rows\": %d, \"seconds\": %.3f}%n", rows - normalize.untimedRows, seconds);
      streams.close(Duration.ofSeconds(10));
    }
  }

  private static Properties settings(Arguments arguments, String brokers, String group) {
    boolean exactlyOnce = arguments.get("--delivery").equals("exactly-once");
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, group);
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments.get("--state"));
    settings.put(
        StreamsConfig.PROCESSING_GUARANTEE_CONFIG,
        exactlyOnce ? StreamsConfig.EXACTLY_ONCE_V2 : StreamsConfig.AT_LEAST_ONCE);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
    // As long as a transaction of "vgm normalize".
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 500);
    // There is no state: nothing to cache.
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 20_000);
    // No joins: a task need not wait for its other partitions.
    settings.put(StreamsConfig.MAX_TASK_IDLE_MS_CONFIG, -1);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 20_000);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 1 << 20);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.FETCH_MIN_BYTES_CONFIG), 64 << 10);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.RECEIVE_BUFFER_CONFIG), 1 << 20);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), arguments.get("--compression"));
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 512 << 10);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 50);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 128L << 20);
    settings.put(StreamsConfig.producerPrefix(ProducerConfig.SEND_BUFFER_CONFIG), 1 << 20);
    return settings;
  }

  private Topology topology(String input, String output, int partitions) {
    Topology topology = new Topology();
    topology.addSource("raw", new ByteArrayDeserializer(), new ByteArrayDeserializer(), input);
    topology.addProcessor("normalize", Normalize::new, "raw");
    topology.addSink(
        "normalized", output, new ByteArraySerializer(), new ByteArraySerializer(), new SamePartition(partitions),
        "normalize");
    return topology;
  }

  /** Whether all rows have been processed and their group has committed them, and with them what was made of them. */
  private boolean isCommitted(Admin admin, String group, String input, long rows) throws Exception {
    if (processed.get() < rows) return false;
    ListConsumerGroupOffsetsOptions options = new ListConsumerGroupOffsetsOptions().requireStable(true);
    Map<TopicPartition, OffsetAndMetadata> committed =
        admin.listConsumerGroupOffsets(group, options).partitionsToOffsetAndMetadata().get();
    for (int partition = 0; partition < lastOffset.length(); partition++) {
      OffsetAndMetadata offset = committed.get(new TopicPartition(input, partition));
      long last = lastOffset.get(partition);
      if (last >= 0 && (offset == null || offset.offset() <= last)) return false;
    }
    return true;
  }

  private final class Normalize implements Processor<byte[], byte[], byte[], byte[]> {
    private ProcessorContext<byte[], byte[]> context;
    private final RowNormalizer normalizer = normalizers.get();
    private int rows;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
      this.context = context;
      // Those that do not fill a thousand; an atomic operation for each row would cost.
      context.schedule(Duration.ofMillis(100), PunctuationType.WALL_CLOCK_TIME, timestamp -> count());
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      if (warmUpRows == 0 && startedNs.get() == 0) startedNs.compareAndSet(0, System.nanoTime());
      int partition = context.taskId().partition();
      PARTITION.get()[0] = partition;
      try {
        context.forward(record.withValue(normalizer.normalize(record.value())));
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
      lastOffset.lazySet(partition, context.recordMetadata().get().offset());
      if (++rows == 1_000) count();
    }

    private void count() {
      long total = processed.addAndGet(rows);
      rows = 0;
      if (total >= warmUpRows && startedNs.compareAndSet(0, System.nanoTime()))
        untimedRows = warmUpRows == 0 ? 0 : total;
    }
  }

  /** Without keys Kafka's own choice would mix the partitions, and lose the order of the rows. */
  private record SamePartition(Optional<Set<Integer>>[] choices) implements StreamPartitioner<byte[], byte[]> {
    @SuppressWarnings("unchecked")
    SamePartition(int partitions) {
      this(new Optional[partitions]);
      for (int partition = 0; partition < partitions; partition++) choices[partition] = Optional.of(Set.of(partition));
    }

    @Override
    public Optional<Set<Integer>> partitions(String topic, byte[] key, byte[] value, int partitions) {
      return choices[PARTITION.get()[0]];
    }
  }
}
