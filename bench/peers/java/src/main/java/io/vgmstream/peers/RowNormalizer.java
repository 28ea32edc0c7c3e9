package io.vgmstream.peers;

import java.io.IOException;

/** A framed row becomes a framed normalized one; each task has one of its own. */
interface RowNormalizer {
  byte[] normalize(byte[] row) throws IOException;
}
