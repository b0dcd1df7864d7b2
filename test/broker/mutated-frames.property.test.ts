/**
 * Requests that Kafka's own classes wrote, with some of their bytes changed, cut off, doubled or declared longer than they are, against
 * a whole broker: it says no error that nobody foresaw, answers everybody else, and stays as small as it was.
 *
 * KOMPAKT_SEED gives other changes, KOMPAKT_RUNS more of them.
 */
import { expect, test } from 'vitest';
import { allHandlers } from '../../broker/apis/index.ts';
import { type Broker, startBroker } from '../../broker/index.ts';
import { errors } from '../../protocol/errors.ts';
import { apiVersions } from '../../protocol/messages/cluster/api-versions.ts';
import { createTopics } from '../../protocol/messages/topics/create-topics.ts';
import { decoderOf, encoderOf } from '../../protocol/schema/compile.ts';
import { zeroUuid } from '../../protocol/schema/field.ts';
import { parseVersions } from '../../protocol/schema/versions.ts';
import { requestHeaderVersion } from '../../protocol/wire/headers.ts';
import { Reader } from '../../protocol/wire/reader.ts';
import { Writer } from '../../protocol/wire/writer.ts';
import { MemoryFileSystem } from '../../storage/environment/memory-files.ts';
import { vectorLines } from '../conformance/kafka-json.ts';
import { type MemoryClient, MemoryTransport } from '../simulation/memory-transport.ts';
import { SeededRandom } from '../simulation/random.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { SimulatedClient } from '../simulation/world.ts';
import { keepingLogger } from './network/frames.ts';

const seed = Number(process.env['KOMPAKT_SEED'] ?? 7);
const frameCount = Number(process.env['KOMPAKT_RUNS'] ?? 10_000);
const framesPerProbe = 50;
const heapGrowthMax = 256 * 1024 * 1024;
const uuidForm = /^[\w-]{22}$/;

interface Original {
  readonly header: Buffer;
  readonly body: Buffer;
}

/**
 * Every request that Kafka wrote of an API and version that is served; as it is, where the names in it are nobody's, and about the
 * topic, group and transactional id that are there.
 */
function originals(topicId: string): Original[] {
  return allHandlers.flatMap(({ api, versions }) => {
    if (versions === null) return [];
    const { low, high } = parseVersions(versions);
    return vectorLines(`api/${api.name}.jsonl`)
      .filter(({ kind, version }) => kind === 'request' && version! >= low && version! <= high)
      .flatMap(({ version, hex }) => {
        const header = new Writer();
        header.int16(api.key);
        header.int16(version!);
        header.int32(1);
        header.string('mutant');
        if (requestHeaderVersion(api, version!) === 2) header.uvarint(0);
        const head = header.finishBuffer();
        const body = Buffer.from(hex, 'hex');
        const value = decoderOf(api, 'request', version!)(new Reader(body));
        const writer = new Writer();
        encoderOf(api, 'request', version!)(writer, grounded(value, '', topicId) as never);
        return [
          { header: head, body },
          { header: head, body: writer.finishBuffer() },
        ];
      });
  });
}

/** The same request, about what the broker has. */
function grounded(value: unknown, name: string, topicId: string): unknown {
  if (Array.isArray(value)) return value.map((one) => grounded(one, name, topicId));
  // A default may be that of a field which this version does not have.
  if (value === '' || value === 0 || value === -1) return value;
  if (typeof value === 'string') {
    if (/id$/i.test(name) && uuidForm.test(value)) return value === zeroUuid ? value : topicId;
    if (/member/i.test(name)) return '';
    return /group/i.test(name) ? 'g' : 't';
  }
  if (typeof value === 'number') {
    if (/partition|index/i.test(name)) return value % 3;
    if (/timeout|wait/i.test(name)) return 6_000;
    return /epoch|offset|session|generation|replica/i.test(name) ? -1 : value;
  }
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([inner, of]) => [inner, grounded(of, inner, topicId)]),
  );
}

/** What lengths and counts look like when somebody means harm, at every width. */
const hostile = [
  '7fffffff',
  'ffffffff',
  '80000000',
  '00000000',
  'ffffffff0f',
  'ffffff07',
  '7fff',
  'ffff',
  '01',
  '00',
];

function mutated({ header, body }: Original, random: SeededRandom): Buffer {
  // With a changed header it is mostly a version that nobody serves.
  const frame = random.chance(0.9)
    ? Buffer.concat([header, changed(body, random)])
    : changed(Buffer.concat([header, body]), random);
  return sized(frame, random.chance(0.03) ? frame.length + random.below(2_000) - 1_000 : frame.length);
}

function changed(original: Buffer, random: SeededRandom): Buffer {
  let bytes = Buffer.from(original);
  for (let n = random.below(4); n > 0; n--) {
    const at = random.below(bytes.length + 1);
    const end = at + random.below(bytes.length - at + 1);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    switch (random.below(7)) {
      case 0:
        bytes = Buffer.from(before);
        break;
      case 1:
        bytes = Buffer.concat([before, random.bytes(random.below(9)), after]);
        break;
      case 2: {
        const harm = Buffer.from(random.pick(hostile), 'hex');
        bytes = Buffer.concat([before, harm, bytes.subarray(at + harm.length)]);
        break;
      }
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, end), after]);
        break;
      default:
        if (at < bytes.length)
          bytes[at] = random.chance(0.5) ? random.below(256) : bytes[at]! ^ (1 << random.below(8));
    }
  }
  return bytes;
}

function sized(frame: Buffer, size: number): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeInt32BE(size);
  return Buffer.concat([prefix, frame]);
}

test(`${frameCount} requests that are not what they were`, async () => {
  const random = new SeededRandom(seed);
  const clock = new VirtualClock();
  const transport = new MemoryTransport((callback) => clock.defer(callback));
  const logger = keepingLogger();
  const files = new MemoryFileSystem({ clock, memoryLimitBytes: 256 * 1024 * 1024 });
  const environment = { clock, files, random: new SeededRandom(seed + 1) };
  const broker: Broker = await clock.until(startBroker({ environment, transport, logger }));
  const endpoint = { host: '127.0.0.1', port: broker.port };
  const bystander = new SimulatedClient(transport.connect(endpoint), clock);
  const topic = { name: 't', numPartitions: 3, replicationFactor: 1, assignments: [], configs: [] };
  const created = await bystander.request(createTopics, 7, { topics: [topic], validateOnly: false });
  const requests = originals(created!.topics[0]!.topicId);
  const errorsSaid = () =>
    logger.lines
      .filter(({ level }) => level === 'error')
      .map(
        ({ message, fields }) => `${message} ${String((fields['error'] as Error | undefined)?.stack ?? '')}`,
      );
  const heapBefore = process.memoryUsage().heapUsed;
  let clients: MemoryClient[] = [];
  let answered = 0;
  for (let n = 1; n <= frameCount; n++) {
    const client = transport.connect(endpoint);
    clients.push(client);
    client.send(mutated(random.pick(requests), random));
    if (n % framesPerProbe !== 0) continue;
    const asked = { clientSoftwareName: 'bystander', clientSoftwareVersion: '1' };
    const answer = await bystander.request(apiVersions, 3, asked);
    expect(answer?.errorCode, `after ${n} of seed ${seed}`).toBe(errors.none.code);
    await clock.advance(100);
    answered += clients.filter(({ received }) => received.length > 0).length;
    // Some stay for a while: their answers, and what they are members of.
    clients = clients.filter((one) => {
      if (random.chance(0.8)) one.close();
      return !one.isClosed && one.received.length === 0;
    });
    expect(errorsSaid(), `after ${n} of seed ${seed}`).toEqual([]);
  }
  // Else they were changed too much to get anywhere.
  expect(answered).toBeGreaterThan(frameCount / 3);
  // What a broker with a few hundred topics takes, and garbage; a frame that got away with its claims would be gigabytes.
  const heapBytes = process.memoryUsage().heapUsed - heapBefore;
  expect(heapBytes).toBeLessThan(heapGrowthMax);
  await clock.until(broker.stop());
  expect(errorsSaid()).toEqual([]);
});
