import { distance } from 'fastest-levenshtein';

const maxLength = 100;

/** The end of an error about an unknown name: ` (did you mean log.segment.bytes?)`, or nothing when no name is near. */
export function closestNames(name: string, table: { readonly [name: string]: unknown }): string {
  const nearEnough = Math.max(2, Math.floor(name.length / 4));
  const wanted = name.toLowerCase();
  const near = Object.keys(table)
    // Names come from clients: comparing a long one with every key would cost its length each time.
    .filter((candidate) => Math.abs(candidate.length - name.length) <= nearEnough && name.length <= maxLength)
    .map((candidate) => ({ candidate, edits: distance(wanted, candidate.toLowerCase()) }))
    .filter(({ edits }) => edits <= nearEnough)
    .sort((a, b) => a.edits - b.edits);
  const best = near.filter(({ edits }) => edits === near[0]?.edits).slice(0, 3);
  return best.length === 0 ? '' : ` (did you mean ${best.map(({ candidate }) => candidate).join(' or ')}?)`;
}
