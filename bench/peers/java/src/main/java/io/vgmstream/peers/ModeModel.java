package io.vgmstream.peers;

import com.fasterxml.jackson.databind.JsonNode;

/** The mixture of a column. */
final class ModeModel {
  final String name;
  /** Of components, shape (K); see the model's Avro schema. */
  private final double[] mean, std, offset, precision;

  ModeModel(JsonNode json) {
    name = json.get("name").textValue();
    mean = doubles(json, "mean");
    std = doubles(json, "std");
    offset = doubles(json, "offset");
    precision = doubles(json, "precision");
  }

  double value(double x, int mode) {
    return (x - mean[mode]) / (4 * std[mode]);
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
}
