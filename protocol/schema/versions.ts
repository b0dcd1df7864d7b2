/**
 * Version ranges as the schemas spell them: '3' is one version, '0-4' a closed range, '7+' has no end, 'none'
 * is empty. A range is parsed once, when a schema is declared, and compared as two numbers from then on.
 */

/** A run of versions, both ends included; empty when `high < low`. */
export interface Versions {
  readonly low: number;
  readonly high: number;
}

/** The `high` of a range without an end. Versions are int16, so nothing lies above it. */
export const newest = 0x7fff;

export const everyVersion: Versions = { low: 0, high: newest };
export const noVersion: Versions = { low: 0, high: -1 };

const parsed = new Map<string, Versions>();

/** Parses '3', '0-4', '7+' or 'none'; the same text gives the same object. */
export function parseVersions(text: string): Versions {
  let versions = parsed.get(text);
  if (versions === undefined) {
    versions = text === 'none' ? noVersion : parse(text);
    parsed.set(text, versions);
  }
  return versions;
}

function parse(text: string): Versions {
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text);
  if (match === null) throw new Error(`not a version range: '${text}'`);
  const low = Number(match[1]);
  const high = match[2] === '+' ? newest : match[3] === undefined ? low : Number(match[3]);
  if (high < low || high > newest) throw new Error(`not a version range: '${text}'`);
  return { low, high };
}

export function includes(versions: Versions, version: number): boolean {
  return version >= versions.low && version <= versions.high;
}

export function isEmpty(versions: Versions): boolean {
  return versions.high < versions.low;
}

/** The versions that lie in both ranges. */
export function intersection(a: Versions, b: Versions): Versions {
  const low = Math.max(a.low, b.low);
  const high = Math.min(a.high, b.high);
  return high < low ? noVersion : { low, high };
}

/**
 * A range as Kafka's documents print it, where `last` is the newest version of the message: '3+', '0-2', '1',
 * 'none'.
 */
export function formatVersions(versions: Versions, last: number): string {
  if (isEmpty(versions)) return 'none';
  if (versions.high >= last) return `${versions.low}+`;
  return versions.low === versions.high ? `${versions.low}` : `${versions.low}-${versions.high}`;
}
