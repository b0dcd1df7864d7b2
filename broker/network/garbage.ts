/**
 * Names what came instead of Kafka. The first four bytes of a connection are a frame's size; those of other protocols are
 * text or a version, and read as sizes far above any limit:
 *
 *    "GET "          1,195,725,856            16 03 01 02   369,295,618   (a TLS record: handshake, version, length)
 */
const httpStarts = new Set(['GET ', 'POST', 'PUT ', 'HEAD', 'DELE', 'OPTI', 'PATC', 'CONN', 'TRAC', 'PRI ']);

/** What a frame size really is, and what to do about it; null when it looks like nothing we know. */
export function nameGarbage(size: number): string | null {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(size);
  const text = bytes.toString('latin1');
  if (httpStarts.has(text)) return 'an HTTP request; this port speaks the Kafka protocol';
  const isTlsHandshake = bytes[0] === 0x16 && bytes[1] === 0x03;
  if (isTlsHandshake) return 'a TLS handshake; this listener is PLAINTEXT, so the client must not use SSL';
  if (text === 'SSH-') return 'an SSH client; this port speaks the Kafka protocol';
  return null;
}
