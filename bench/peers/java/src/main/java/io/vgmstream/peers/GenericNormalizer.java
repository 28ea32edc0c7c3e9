package io.vgmstream.peers;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/**
 * Rows of any schema as Avro's GenericRecords, as an application has them behind Confluent's serializers; records,
 * decoder, encoder and buffer are used again, and no registry is asked.
 */
final class GenericNormalizer implements RowNormalizer {
  private final DataSetModel model;
  private final GenericDatumReader<GenericRecord> reader;
  private final GenericDatumWriter<GenericRecord> writer;
  /** of the raw fields: the column that models it, or null */
  private final ModeModel[] columnOf;
  private final GenericData.Record[] modeValues;
  private final GenericData.Record normalized;
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
  private GenericRecord raw;
  private BinaryDecoder decoder;
  private BinaryEncoder encoder;

  GenericNormalizer(DataSetModel model) {
    this.model = model;
    Schema.Parser parser = new Schema.Parser();
    Schema rawSchema = parser.parse(model.rawSchema);
    Schema normalizedSchema = new Schema.Parser().parse(model.normalizedSchema);
    GenericData data = new GenericData().setFastReaderEnabled(true);
    reader = new GenericDatumReader<>(rawSchema, rawSchema, data);
    writer = new GenericDatumWriter<>(normalizedSchema, data);
    normalized = new GenericData.Record(normalizedSchema);
    int fields = rawSchema.getFields().size();
    columnOf = new ModeModel[fields];
    modeValues = new GenericData.Record[fields];
    for (ModeModel column : model.columns) {
      Schema.Field field = rawSchema.getField(column.name);
      columnOf[field.pos()] = column;
      modeValues[field.pos()] = new GenericData.Record(modeValueOf(normalizedSchema.getField(column.name).schema()));
    }
  }

  private static Schema modeValueOf(Schema schema) {
    if (schema.getType() != Schema.Type.UNION) return schema;
    return schema.getTypes().stream().filter(type -> type.getType() == Schema.Type.RECORD).findFirst().orElseThrow();
  }

  @Override
  public byte[] normalize(byte[] row) throws IOException {
    if (row[0] != 0 || ByteBuffer.wrap(row).getInt(1) != model.rawSchemaId)
      throw new IllegalArgumentException("A row of another schema");
    decoder = DecoderFactory.get().binaryDecoder(row, 5, row.length - 5, decoder);
    raw = reader.read(raw, decoder);
    normalized.put(0, model.version);
    for (int i = 0; i < columnOf.length; i++) {
      Object field = raw.get(i);
      ModeModel column = columnOf[i];
      if (column != null && field != null) {
        double x = ((Number) field).doubleValue();
        int mode = column.mode(x);
        field = modeValues[i];
        modeValues[i].put(0, column.value(x, mode));
        modeValues[i].put(1, mode);
      }
      normalized.put(i + 1, field);
    }
    bytes.reset();
    bytes.write(0);
    for (int shift = 24; shift >= 0; shift -= 8) bytes.write(model.normalizedSchemaId >> shift);
    encoder = EncoderFactory.get().binaryEncoder(bytes, encoder);
    writer.write(normalized, encoder);
    encoder.flush();
    return bytes.toByteArray();
  }
}
