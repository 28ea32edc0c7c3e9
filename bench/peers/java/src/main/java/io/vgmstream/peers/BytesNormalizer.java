package io.vgmstream.peers;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Rows of one double, read and written without an Avro library. */
final class BytesNormalizer implements RowNormalizer {
  /** The magic byte, the schema id, and a double. */
  private static final int RAW_BYTES = 13;

  private final DataSetModel model;
  private final ModeModel column;
  private final byte[] version;

  BytesNormalizer(DataSetModel model) {
    this.model = model;
    column = model.columns[0];
    version = zigzag(model.version);
  }

  /** The row becomes {model_version, {value, mode}}. */
  @Override
  public byte[] normalize(byte[] row) {
    ByteBuffer in = ByteBuffer.wrap(row);
    if (row.length != RAW_BYTES || in.get() != 0 || in.getInt() != model.rawSchemaId)
      throw new IllegalArgumentException("A row of another schema");
    double x = in.order(ByteOrder.LITTLE_ENDIAN).getDouble();
    int mode = column.mode(x);
    byte[] out = new byte[5 + version.length + 8 + 1];
    ByteBuffer writer = ByteBuffer.wrap(out);
    writer.position(1);
    writer.putInt(model.normalizedSchemaId).put(version);
    writer.order(ByteOrder.LITTLE_ENDIAN).putDouble(column.value(x, mode));
    // At most ten modes: their zigzag numbers take a byte.
    writer.put((byte) (mode << 1));
    return out;
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
