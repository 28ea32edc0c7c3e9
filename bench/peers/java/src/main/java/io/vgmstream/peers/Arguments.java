package io.vgmstream.peers;

import java.util.HashMap;
import java.util.Map;

/** What every peer is told: {@code --name value} pairs. */
final class Arguments {
  private final Map<String, String> values = new HashMap<>();

  Arguments(String[] arguments) {
    for (int i = 0; i + 1 < arguments.length; i += 2) values.put(arguments[i], arguments[i + 1]);
  }

  String get(String name) {
    String value = values.get(name);
    if (value == null) throw new IllegalArgumentException("Give " + name);
    return value;
  }

  long getLong(String name) {
    return Long.parseLong(get(name));
  }
}
