package io.vgmstream.peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The mixture of one column of doubles, and the rows before and after: what every peer does with a row. */
final class ModeModel {
  /** The magic byte, the schema id, and a double. */
  static final int RAW_BYTES = 13;

  /** Of components, shape (K); see the model's Avro schema. */
  final double[] weight, mean, std, offset, precision;
  final int rawSchemaId;
  private final int normalizedSchemaId;
  private final byte[] version;

  private ModeModel(JsonNode json) {
    weight = doubles(json, "weight");
    mean = doubles(json, "mean");
    std = doubles(json, "std");
    offset = doubles(json, "offset");
    precision = doubles(json, "precision");
    rawSchemaId = json.get("rawSchemaId").intValue();
    normalizedSchemaId = json.get("normalizedSchemaId").intValue();
    version = zigzag(json.get("version").intValue());
  }

  static ModeModel read(String file) throws IOException {
    return new ModeModel(new ObjectMapper().readTree(new File(file)));
  }

  /** A row of one double becomes {model_version, {value, mode}}, both in Confluent's framing. */
  byte[] normalize(byte[] row) {
    ByteBuffer in = ByteBuffer.wrap(row);
    if (row.length != RAW_BYTES || in.get() != 0 || in.getInt() != rawSchemaId)
      throw new IllegalArgumentException("A row of another schema");
    double x = in.order(ByteOrder.LITTLE_ENDIAN).getDouble();
    int mode = mode(x);
    byte[] out = new byte[5 + version.length + 8 + 1];
    ByteBuffer writer = ByteBuffer.wrap(out);
    writer.position(1);
    writer.putInt(normalizedSchemaId).put(version);
    writer.order(ByteOrder.LITTLE_ENDIAN).putDouble((x - mean[mode]) / (4 * std[mode]));
    // At most ten modes: their zigzag numbers take a byte.
    writer.put((byte) (mode << 1));
    return out;
  }

  int mode(double x) {
    int best = 0;
    double bestScore = Double.NEGATIVE_INFINITY;
    for (int k = 0; k < mean.length; k++) {
      double distance = x - mean[k];
      double score = offset[k] - 0.5 * precision[k] * distance * distance;
      if (score > bestScore) {
        bestScore = score;
        best = k;
      }
    }
    return best;
  }

  private static double[] doubles(JsonNode json, String name) {
    JsonNode array = json.get(name);
    double[] values = new double[array.size()];
    for (int i = 0; i < values.length; i++) values[i] = array.get(i).doubleValue();
    return values;
  }

  private static byte[] zigzag(int number) {
    long rest = (((long) number << 1) ^ (number >> 31)) & 0xffffffffL;
    ByteBuffer bytes = ByteBuffer.allocate(5);
    for (; rest >= 0x80; rest >>>= 7) bytes.put((byte) (rest | 0x80));
    bytes.put((byte) rest);
    byte[] out = new byte[bytes.position()];
    bytes.flip().get(out);
    return out;
  }
}
