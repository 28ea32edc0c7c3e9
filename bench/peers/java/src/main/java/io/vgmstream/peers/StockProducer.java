package io.vgmstream.peers;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.SplittableRandom;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes rows of one double, drawn from the model, as a producer does that nobody has tuned: its batches are what most
 * topics hold. Only the codec is chosen.
 */
public final class StockProducer {
  private static final int DRAWN = 1 << 20;

  public static void main(String[] strings) throws Exception {
    Arguments arguments = new Arguments(strings);
    ModeModel model = ModeModel.read(arguments.get("--model"));
    String topic = arguments.get("--output");
    long rows = arguments.getLong("--rows");
    double[] values = draw(model);
    Map<String, Object> settings = Map.of(
        ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, arguments.get("--brokers"),
        ProducerConfig.COMPRESSION_TYPE_CONFIG, arguments.get("--compression"));
    long startedNs = System.nanoTime();
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      for (long row = 0; row < rows; row++) {
        byte[] value = new byte[ModeModel.RAW_BYTES];
        ByteBuffer writer = ByteBuffer.wrap(value);
        writer.position(1);
        writer.putInt(model.rawSchemaId);
        writer.order(ByteOrder.LITTLE_ENDIAN).putDouble(values[(int) (row % DRAWN)]);
        producer.send(new ProducerRecord<>(topic, value));
      }
      producer.flush();
    }
    System.out.printf("{\"rows\": %d, \"seconds\": %.3f}%n", rows, (System.nanoTime() - startedNs) / 1e9);
  }

  private static double[] draw(ModeModel model) {
    SplittableRandom random = new SplittableRandom(1);
    double total = 0;
    for (double weight : model.weight) total += weight;
    double[] values = new double[DRAWN];
    for (int i = 0; i < DRAWN; i++) {
      double choice = random.nextDouble(total);
      int k = 0;
      while (k < model.weight.length - 1 && choice >= model.weight[k]) choice -= model.weight[k++];
      values[i] = model.mean[k] + model.std[k] * random.nextGaussian();
    }
    return values;
  }
}
