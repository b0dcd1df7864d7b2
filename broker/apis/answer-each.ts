import { type Clock, turn } from '../../storage/environment/clock.ts';

/** So many parts of a request are answered before other connections have their turn. */
export const partsPerTurn = 1_000;

/** The answer of each part, in order; of a large request in turns of the event loop. The first turn is this one. */
export async function answerEach<Part, Answer>(
  clock: Clock,
  parts: readonly Part[],
  answer: (part: Part) => Answer | Promise<Answer>,
): Promise<Answer[]> {
  if (parts.length <= partsPerTurn) return Promise.all(parts.map(answer));
  const answers: Answer[] = [];
  for (let at = 0; at < parts.length; at += partsPerTurn) {
    if (at > 0) await turn(clock);
    const some = await Promise.all(parts.slice(at, at + partsPerTurn).map(answer));
    for (const one of some) answers.push(one);
  }
  return answers;
}
