import { distance } from 'fastest-levenshtein';

/** The end of an error about an unknown name: ` (did you mean log.segment.bytes?)`, or nothing when no name is near. */
export function closestNames(name: string, table: { readonly [name: string]: unknown }): string {
  const nearEnough = Math.max(2, Math.floor(name.length / 4));
  const wanted = name.toLowerCase();
  const near = Object.keys(table)
    .map((candidate) => ({ candidate, edits: distance(wanted, candidate.toLowerCase()) }))
    .filter(({ edits }) => edits <= nearEnough)
    .sort((a, b) => a.edits - b.edits);
  const best = near.filter(({ edits }) => edits === near[0]?.edits).slice(0, 3);
  return best.length === 0 ? '' : ` (did you mean ${best.map(({ candidate }) => candidate).join(' or ')}?)`;
}
