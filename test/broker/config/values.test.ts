/** How single values are read, for every key and many texts, against Kafka's own readings. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { brokerKeys } from '../../../broker/config/broker-keys.ts';
import { groupConfigKeys } from '../../../broker/config/group-keys.ts';
import { type ConfigTable, canonicalText, parseValue } from '../../../storage/config/define.ts';
import { topicKeys } from '../../../storage/config/topic-keys.ts';

const kafka: { texts: string[]; readings: { keys: string[]; values: (string | null)[] }[] } = JSON.parse(
  readFileSync(new URL('../../vectors/config-values.json', import.meta.url), 'utf8'),
);
const tables: Record<string, ConfigTable> = { topic: topicKeys, broker: brokerKeys, group: groupConfigKeys };

/** Where our reading is stricter, with the reason. */
const stricter: Record<string, RegExp> = {
  // Kafka finds out when the broker starts.
  'max.connections.per.ip.overrides': /./,
};

test('every text is taken or refused as Kafka does, and written as Kafka writes it', () => {
  const wrong: string[] = [];
  let count = 0;
  for (const { keys, values } of kafka.readings) {
    for (const id of keys) {
      const [table, name] = id.split(' ') as [string, string];
      const key = tables[table]![name];
      expect(key, id).toBeDefined();
      kafka.texts.forEach((text, index) => {
        count++;
        const expected = values[index]!;
        const read = parseValue(name, key!, text).ok ? canonicalText(key!, text) : null;
        if (read !== expected && !stricter[name]?.test(text)) {
          wrong.push(`${id} ${JSON.stringify(text)}: ${read}, Kafka ${expected}`);
        }
      });
    }
  }
  expect(wrong).toEqual([]);
  expect(count).toBeGreaterThan(50_000);
});

test('a tag of a streams group that is there twice is refused, where other lists drop what they have', () => {
  const read = (text: string) =>
    parseValue('tags', groupConfigKeys['streams.rack.aware.assignment.tags'], text);
  expect(read('zone , cluster')).toEqual({ ok: true, value: ['zone', 'cluster'] });
  expect(read('')).toEqual({ ok: true, value: [] });
  expect(read('zone,zone')).toMatchObject({ ok: false, message: expect.stringMatching(/twice/) });
  expect(read('zone,')).toMatchObject({ ok: false, message: expect.stringMatching(/empty/) });
});
