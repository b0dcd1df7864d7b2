/** A topic's partitions with what became of each, as answers have them. */
interface TopicResults<Result> {
  readonly name: string;
  readonly partitions: readonly (readonly [partition: number, result: Result])[];
}

/** Each topic and partition once, with what was said of it last, in order of first mention; no topic without partitions. */
export function onceEach<Result>(
  said: Iterable<readonly [topic: string, partition: number, result: Result]>,
): TopicResults<Result>[] {
  const byTopic = new Map<string, Map<number, Result>>();
  for (const [topic, partition, result] of said) {
    const known = byTopic.get(topic);
    if (known) known.set(partition, result);
    else byTopic.set(topic, new Map([[partition, result]]));
  }
  return Array.from(byTopic, ([name, partitions]) => ({ name, partitions: [...partitions] }));
}
