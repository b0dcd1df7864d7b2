/**
 * A pattern for transactional ids, as RE2 has them and Kafka takes them: time grows with the length of the text alone, whatever the
 * pattern, so that no client can hold up the event loop with one; look-around and back references are no part of it.
 */

/** Longer ones are refused; compiling one takes 6 µs a character. */
export const patternCharsMax = 10_000;

/** Says of a whole id whether it matches; null for a text that is no pattern. */
export async function compileIdPattern(text: string): Promise<((id: string) => boolean) | null> {
  if (text.length > patternCharsMax) return null;
  // Loaded by the first who asks: 50 ms that no start has to wait for.
  const { RE2JS, RE2JSException } = await import('re2js');
  try {
    const pattern = RE2JS.compile(text);
    return (id) => pattern.matches(id);
  } catch (error) {
    if (error instanceof RE2JSException) return null;
    throw error;
  }
}
