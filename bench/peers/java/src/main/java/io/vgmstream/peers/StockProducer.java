package io.vgmstream.peers;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes rows from a file, over and over, as a producer does that nobody has tuned: its batches are what most topics
 * hold. Only the codec is chosen.
 */
public final class StockProducer {
  public static void main(String[] strings) throws Exception {
    Arguments arguments = new Arguments(strings);
    String topic = arguments.get("--output");
    long rows = arguments.getLong("--rows");
    List<byte[]> keysAndValues = read(Path.of(arguments.get("--records")));
    Map<String, Object> settings = Map.of(
        ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, arguments.get("--brokers"),
        ProducerConfig.COMPRESSION_TYPE_CONFIG, arguments.get("--compression"));
    long startedNs = System.nanoTime();
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      int next = 0;
      for (long row = 0; row < rows; row++) {
        producer.send(new ProducerRecord<>(topic, keysAndValues.get(next), keysAndValues.get(next + 1)));
        next = (next + 2) % keysAndValues.size();
      }
      producer.flush();
    }
    System.out.printf("{\"rows\": %d, \"seconds\": %.3f}%n", rows, (System.nanoTime() - startedNs) / 1e9);
  }

  private static List<byte[]> read(Path file) throws IOException {
    List<byte[]> texts = new ArrayList<>();
    try (DataInputStream in = new DataInputStream(new BufferedInputStream(Files.newInputStream(file), 1 << 20))) {
      while (true) {
        in.mark(1);
        if (in.read() < 0) return texts;
        in.reset();
        for (int i = 0; i < 2; i++) {
          int length = in.readInt();
          texts.add(length < 0 ? null : in.readNBytes(length));
        }
      }
    }
  }
}
