package io.vgmstream.peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;

/** The model of a data set, and the schemas of its rows. */
final class DataSetModel {
  final int version, rawSchemaId, normalizedSchemaId;
  final String rawSchema, normalizedSchema;
  /** in the order of the fields */
  final ModeModel[] columns;

  private DataSetModel(JsonNode json) {
    version = json.get("version").intValue();
    rawSchemaId = json.get("rawSchemaId").intValue();
    normalizedSchemaId = json.get("normalizedSchemaId").intValue();
    rawSchema = json.get("rawSchema").textValue();
    normalizedSchema = json.get("normalizedSchema").textValue();
    JsonNode array = json.get("columns");
    columns = new ModeModel[array.size()];
    for (int i = 0; i < columns.length; i++) columns[i] = new ModeModel(array.get(i));
  }

  static DataSetModel read(String file) throws IOException {
    return new DataSetModel(new ObjectMapper().readTree(new File(file)));
  }
}
