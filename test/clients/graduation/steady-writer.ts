/** Two writers that never pause until their broker is gone, and what of it has to be there afterwards. */

import { produce } from '../../../protocol/messages/data/produce.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { Requests } from '../killed/requests.ts';
import type { BrokerContent } from './broker-content.ts';

export const plainTopic = 'steady-plain';
export const keyTopic = 'steady-keys';
const keyCount = 20;

export class SteadyWriter {
  /** By offset, in the one partition of `plainTopic`. */
  readonly #acknowledged = new Map<number, string>();
  /** By key: every value, and how many of them are acknowledged. */
  readonly #values = new Map<string, { readonly all: string[]; acknowledged: number }>();
  #serial = 0;

  get acknowledgedCount(): number {
    return this.#acknowledged.size;
  }

  /** Of one partition each; the second is compacted all the time, a segment for ten seconds of its records' time. */
  async create(port: number): Promise<void> {
    const configs = [
      ['cleanup.policy', 'compact'],
      ['min.cleanable.dirty.ratio', '0.0'],
      ['segment.ms', '10000'],
    ].map(([name, value]) => ({ name: name!, value: value! }));
    const one = { numPartitions: 1, replicationFactor: 1, assignments: [] };
    const topics = [
      { ...one, name: plainTopic, configs: [{ name: 'internal.segment.bytes', value: '20000' }] },
      { ...one, name: keyTopic, configs },
    ];
    const requests = new Requests(port);
    const answer = await requests.request(createTopics, 5, { topics, validateOnly: false });
    requests.close();
    const codes = answer?.topics.map(({ errorCode }) => errorCode).join();
    if (codes !== '0,0') throw new Error(`the topics were not created: ${codes}`);
  }

  /** Until the broker is gone. */
  async write(port: number): Promise<void> {
    const requests = new Requests(port);
    while (!requests.isClosed) {
      const number = this.#serial++;
      const value = `value ${number} ${'x'.repeat(number % 100)}`;
      const offset = await this.#send(requests, plainTopic, null, value, number);
      if (offset !== null) this.#acknowledged.set(offset, value);
      const key = `key ${number % keyCount}`;
      const values = this.#values.get(key) ?? { all: [], acknowledged: 0 };
      this.#values.set(key, values);
      values.all.push(value);
      if ((await this.#send(requests, keyTopic, key, value, number)) !== null)
        values.acknowledged = values.all.length;
    }
  }

  /** Each acknowledged record at its offset, and of each key the last acknowledged value or a later one; what is wrong, first. */
  problemIn(content: BrokerContent): string | null {
    const plain = new Map(recordsOf(content, plainTopic).map(({ offset, value }) => [offset, value]));
    for (const [offset, value] of this.#acknowledged)
      if (plain.get(offset) !== value)
        return `offset ${offset} was acknowledged with ${value}, but has ${plain.get(offset)}`;
    const newest = new Map(recordsOf(content, keyTopic).map(({ key, value }) => [key, value]));
    for (const [key, { all, acknowledged }] of this.#values) {
      const place = all.indexOf(newest.get(key) ?? '');
      if (place < acknowledged - 1)
        return `${key} was acknowledged as ${all[acknowledged - 1]}, but is ${newest.get(key)}`;
    }
    return null;
  }

  async #send(
    requests: Requests,
    name: string,
    key: string | null,
    value: string,
    number: number,
  ): Promise<number | null> {
    // Apart, so that a segment is full after some of them.
    const timestampMs = 1_700_000_000_000 + number * 700;
    const record = { timestampMs, key: key === null ? null : Buffer.from(key), value: Buffer.from(value) };
    const answer = await requests.request(produce, 9, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name, partitionData: [{ index: 0, records: buildBatch({ records: [record] }) }] }],
    });
    if (answer === null) return null;
    const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!;
    return errorCode === 0 ? baseOffset : null;
  }
}

function recordsOf({ topics }: BrokerContent, topic: string) {
  const [, found] = Object.entries(topics).find(([name]) => name.startsWith(`${topic} `))!;
  return (found as Exclude<typeof found, number>)[0]!.records.map((line) => {
    const [offset, , key, value] = line.split(' ');
    return {
      offset: Number(offset),
      key: Buffer.from(key!, 'base64').toString(),
      value: Buffer.from(value!, 'base64').toString(),
    };
  });
}
