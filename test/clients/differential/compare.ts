/** Two transcripts of the same scenario: where they differ, and whether we mean it. */
import type { KeptDifference } from './kept-differences.ts';
import type { Json } from './normalise.ts';
import type { Step } from './side.ts';

export interface Difference {
  /** Which step it is of. */
  readonly at: number;
  readonly what: string;
  /** Of the field in the answer, such as `topics[0].errorCode`. */
  readonly path: string;
  readonly kafka: Json | undefined;
  readonly kompakt: Json | undefined;
}

export function differencesBetween(kafka: readonly Step[], kompakt: readonly Step[]): Difference[] {
  const found: Difference[] = [];
  for (let at = 0; at < Math.max(kafka.length, kompakt.length); at++) {
    const theirs = kafka[at];
    const ours = kompakt[at];
    const what = theirs?.what ?? ours?.what ?? '';
    if (theirs === undefined || ours === undefined || theirs.what !== ours.what) {
      found.push({ at, what, path: 'step', kafka: theirs?.what, kompakt: ours?.what });
      break;
    }
    compare(theirs.answer, ours.answer, '', (path, one, other) =>
      found.push({ at, what, path, kafka: one, kompakt: other }),
    );
  }
  return found;
}

type Report = (path: string, kafka: Json | undefined, kompakt: Json | undefined) => void;

function compare(kafka: Json | undefined, kompakt: Json | undefined, path: string, report: Report): void {
  if (kafka === kompakt) return;
  if (!isTree(kafka) || !isTree(kompakt) || Array.isArray(kafka) !== Array.isArray(kompakt))
    return report(path, kafka, kompakt);
  if (Array.isArray(kafka) && Array.isArray(kompakt)) {
    if (kafka.length !== kompakt.length) return report(path, kafka, kompakt);
    for (const [index, one] of kafka.entries()) compare(one, kompakt[index], `${path}[${index}]`, report);
    return;
  }
  const theirs = kafka as Readonly<Record<string, Json>>;
  const ours = kompakt as Readonly<Record<string, Json>>;
  for (const name of new Set([...Object.keys(theirs), ...Object.keys(ours)]))
    compare(theirs[name], ours[name], path === '' ? name : `${path}.${name}`, report);
}

function isTree(value: Json | undefined): value is readonly Json[] | Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null;
}

/** The entry of the list that an observed difference is; undefined: it is none that we mean. */
export function keptFor(
  difference: Difference,
  scenario: string,
  list: readonly KeptDifference[],
): KeptDifference | undefined {
  return list.find(
    ({ where, path, kafka, kompakt }) =>
      where.test(`${scenario}: ${difference.what}`) &&
      path.test(difference.path) &&
      (kafka === undefined || JSON.stringify(difference.kafka) === JSON.stringify(kafka)) &&
      (kompakt === undefined || JSON.stringify(difference.kompakt) === JSON.stringify(kompakt)),
  );
}

/** For people: the same difference at many steps is shown once. */
export function show(differences: readonly Difference[]): string {
  const text = (value: Json | undefined): string => (JSON.stringify(value) ?? 'nothing').slice(0, 600);
  const groups = new Map<string, Difference[]>();
  for (const difference of differences) {
    const key = `${difference.path}\n    Kafka   ${text(difference.kafka)}\n    Kompakt ${text(difference.kompakt)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [difference]);
    else group.push(difference);
  }
  return [...groups]
    .map(([key, [first, ...others]]) => {
      const alsoAt = [...new Set(others.map(({ what }) => what))].slice(0, 20).join(' | ');
      const more = others.length === 0 ? '' : ` (and ${others.length} more: ${alsoAt})`;
      return `step ${first!.at}, ${first!.what}${more}: ${key}\n`;
    })
    .join('');
}
