/**
 * UUIDs as Kafka writes them in text: 16 bytes in base64url without padding, 22 characters. That text is also how they are
 * held in memory here. Kafka makes none that begins with `-`, which a command line would take for an option.
 */

/** Ids from 0 to 99 have meanings of their own (no id, the metadata topic, lost and unassigned directories). */
const reservedIds = 100;

/** The text of 16 bytes. */
export function uuidText(bytes: Buffer): string {
  return bytes.toString('base64url');
}

/** The 16 bytes of a text, or null when it is none. */
export function uuidBytes(text: string): Buffer | null {
  if (!/^[A-Za-z0-9_-]{22}$/.test(text)) return null;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === 16 ? bytes : null;
}

/** Whether the id is one that stands for something in Kafka itself and is never given out. */
export function isReservedUuid(text: string): boolean {
  const bytes = uuidBytes(text);
  if (bytes === null) return false;
  return bytes[15]! < reservedIds && bytes.subarray(0, 15).every((byte) => byte === 0);
}

/** A new id (version 4) from `randomBytes`, which is asked again for the rare one that may not be used. */
export function randomUuid(randomBytes: (count: number) => Buffer): string {
  for (;;) {
    const bytes = Buffer.from(randomBytes(16));
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const text = uuidText(bytes);
    if (!text.startsWith('-')) return text;
  }
}
