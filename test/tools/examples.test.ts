/** The examples against a broker in this process. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Broker, startBroker } from '../../broker/index.ts';
import { runNode } from './program.ts';

let broker: Broker;
beforeEach(async () => {
  broker = await startBroker();
});
afterEach(() => broker.stop());

// From Node 24 on the runtime warns of a negative time-out that kafkajs asks for.
const example = (name: string) =>
  runNode([`examples/${name}.mjs`], { KAFKA_BROKERS: broker.bootstrapServers, NODE_NO_WARNINGS: '1' }).ended;

test('the quickstart reads what it wrote, and the next time also what was there before', async () => {
  const first = await example('quickstart');
  expect(first).toMatchObject({ code: 0, err: '' });
  expect(first.out.match(/^read .*$/gm)).toEqual([
    'read count = one at offset 0',
    'read count = two at offset 1',
    'read count = three at offset 2',
  ]);
  const second = await example('quickstart');
  expect(second.out.match(/^read .*$/gm)).toHaveLength(6);
});

test('20,000 flights and 3,376 airports come back equal and in order, though a group member is killed', async () => {
  const { code, out, err } = await example('catalogue');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toContain('airports: 3376 rows read back equal');
  expect(out).toContain('one of two readers was killed in the middle');
  expect(out).toContain('flights: 20000 rows of 220 origins read back equal and in order');
});

test('a small Saturday at the retailer adds up', async () => {
  const scale = [
    '--articles',
    '300',
    '--shops',
    '10',
    '--tills',
    '4',
    '--customers',
    '30',
    '--receipts',
    '10',
  ];
  const { code, out, err } = await runNode(['examples/retail/run.mjs', ...scale, '--feed', 'node'], {
    NODE_NO_WARNINGS: '1',
  }).ended;
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toContain('one of two stock keepers was killed at half time, and another took its place');
  expect(out).toContain("all 300 articles equal to the generator's");
});
