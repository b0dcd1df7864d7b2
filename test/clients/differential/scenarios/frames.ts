/** What is no request, or not quite one. Both brokers must give the connection up, or both answer; nobody may be silent. */
import { handlers } from '../../../../broker/apis/index.ts';
import { apiVersions } from '../../../../protocol/messages/cluster/api-versions.ts';
import { type ApiName, messages } from '../../../../protocol/messages/index.ts';
import { metadata } from '../../../../protocol/messages/topics/metadata.ts';
import { requestHeaderVersion } from '../../../../protocol/wire/headers.ts';
import { vectorLines } from '../../../conformance/kafka-json.ts';
import { type Scenario, versionsOf } from '../scenario.ts';
import type { Side } from '../side.ts';

const correlationId = 77;

/** `size | header | body`; with `flexible` the header ends with its tagged fields. */
export function frameOf(apiKey: number, version: number, body: Uint8Array, flexible = false): Buffer {
  const header = Buffer.alloc(14);
  header.writeInt16BE(apiKey, 4);
  header.writeInt16BE(version, 6);
  header.writeInt32BE(correlationId, 8);
  header.writeInt16BE(-1, 12);
  return sized(Buffer.concat([header, Buffer.alloc(flexible ? 1 : 0), body]));
}

/** Writes the size of what is there. */
function sized(frame: Buffer): Buffer {
  frame.writeInt32BE(frame.length - 4, 0);
  return frame;
}

/** Each on a connection of its own, because most end with it. */
async function tell(side: Side, bytes: Uint8Array, what: string): Promise<void> {
  const peer = await side.connect();
  await peer.tellBytes(bytes, correlationId, what);
  peer.close();
}

const bytes = (...values: number[]): Buffer => Buffer.from(values);
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

const headers: Scenario = {
  name: 'headers',
  async run(side) {
    for (const key of [-1, 4, 5, 6, 7, 52, 53, 54, 56, 58, 59, 62, 63, 64, 67, 70, 73, 93, 99, 1_000, 32_767])
      for (const version of [0, 1])
        await tell(side, frameOf(key, version, bytes()), `API ${key} version ${version}`);
    for (const name of Object.keys(messages) as ApiName[]) {
      const { versions, api } = handlers[name];
      if (versions === null) continue;
      const [low, high] = [versionsOf(name)[0]!, versionsOf(name).at(-1)!];
      for (const version of [-1, low - 1, high + 1, 99, -32_768]) {
        if (version >= low && version <= high) continue;
        await tell(
          side,
          frameOf(api.key, version, bytes(), requestHeaderVersion(api, version) === 2),
          `${api.name} version ${version}`,
        );
      }
    }
    for (const [what, frame] of [
      ['no bytes', hex('00000000')],
      ['one byte', hex('00000001 00')],
      ['an API key and no more', hex('00000002 0012')],
      ['no correlation id', hex('00000004 0012 0000')],
      ['no client id', hex('00000008 0012 0000 0000004d')],
      ['half a client id', hex('0000000c 0012 0000 0000004d 0005 6161')],
      ['a negative client id', hex('0000000a 0012 0000 0000004d fffe')],
      ['an empty client id', hex('0000000a 0012 0000 0000004d 0000')],
      ['a client id beyond ASCII', hex('0000000c 0012 0000 0000004d 0002 c3a4')],
      ['a client id that is no UTF-8', hex('0000000c 0012 0000 0000004d 0002 ff00')],
      ['no tagged fields', hex('0000000a 0012 0003 0000004d ffff')],
      ['a tagged field of the header', hex('00000013 0012 0003 0000004d ffff 01 05 02 aabb 02 61 02 61 00')],
      ['a tagged field beyond the end', hex('00000012 0012 0003 0000004d ffff 01 05 7f aa 02 61 02')],
      ['more tagged fields than bytes', hex('0000000f 0012 0003 0000004d ffff ffffff7f 00')],
      [
        'tagged fields in no order',
        hex('00000015 0012 0003 0000004d ffff 02 05 01 aa 04 01 aa 02 61 02 61 00'),
      ],
      ['a tagged field twice', hex('00000015 0012 0003 0000004d ffff 02 05 01 aa 05 01 aa 02 61 02 61 00')],
      ['a varint of six bytes', hex('00000011 0012 0003 0000004d ffff 818181818181 00')],
      ['a negative size', hex('ffffffff 0012')],
      ['the least size', hex('80000000 0012')],
      ['a size beyond the limit', hex('06400001 0012')],
      ['the greatest size', hex('7fffffff 0012')],
      ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
      ['TLS', hex('16030100 c8010000 c40303')],
    ] as const)
      await tell(side, frame, what);
  },
};

/** Bodies that Kafka's own classes wrote, with part of their end cut away: never a whole request. */
const cut: Scenario = {
  name: 'cut',
  async run(side) {
    for (const name of Object.keys(messages) as ApiName[]) {
      const { versions, api } = handlers[name];
      if (versions === null) continue;
      const served = new Set(versionsOf(name));
      for (const line of vectorLines(`api/${api.name}.jsonl`)) {
        if (line.kind !== 'request' || line.case !== 'filled' || !served.has(line.version!)) continue;
        const body = hex(line.hex);
        const flexible = requestHeaderVersion(api, line.version!) === 2;
        for (const length of new Set(
          [0, body.length >> 1, body.length - 1].filter((one) => one >= 0 && one < body.length),
        ))
          await tell(
            side,
            frameOf(api.key, line.version!, body.subarray(0, length), flexible),
            `${api.name} v${line.version}, ${length} of ${body.length} bytes`,
          );
      }
    }
  },
};

const lengths: Scenario = {
  name: 'lengths',
  async run(side) {
    for (const [what, version, body] of [
      ['all topics', 1, 'ffffffff'],
      ['fewer than all topics', 1, 'fffffffe'],
      ['all topics before that existed', 0, 'ffffffff'],
      ['more topics than bytes', 1, '00000005 0001 61'],
      ['very many topics', 1, '7fffffff'],
      ['a null name', 1, '00000001 ffff'],
      ['a negative name', 1, '00000001 fffe'],
      ['a name beyond the end', 1, '00000001 0009 6161'],
      ['the longest name', 1, `00000001 7fff ${'61'.repeat(0x7fff)}`],
      ['a name that is no UTF-8', 1, '00000001 0002 fffe'],
      ['a byte too many', 1, '00000000 00'],
      ['many bytes too many', 1, `00000000 ${'00'.repeat(1_000)}`],
      ['a boolean of 2', 4, '00000000 02'],
      ['all topics, compact', 9, '00 00 00 00 00'],
      ['no topics, compact', 9, '01 00 00 00 00'],
      ['more topics than bytes, compact', 9, '7f 00 00 00 00'],
      ['very many topics, compact', 9, 'ffffffff0f 00 00 00 00'],
      ['a varint too long', 9, 'ffffffffffff0f 00 00 00 00'],
      ['a varint of zeros', 9, '818000 00 00 00 00'],
      ['a null name, compact', 9, '02 00 00 00 00 00 00'],
      ['a name beyond the end, compact', 9, '02 7f 61 00 00 00 00 00'],
      ['an unknown tagged field', 9, '01 00 00 00 01 63 02 aabb'],
      ['tagged fields in no order', 9, '01 00 00 00 02 63 01 aa 62 01 aa'],
      ['a tagged field twice', 9, '01 00 00 00 02 63 01 aa 63 01 aa'],
      ['a tagged field beyond the end', 9, '01 00 00 00 01 63 09 aa'],
      ['a negative number of tagged fields', 9, '01 00 00 00 ffffffff0f'],
      ['bytes behind the tagged fields', 9, '01 00 00 00 00 aabb'],
    ] as const)
      await tell(
        side,
        frameOf(metadata.key, version, hex(body), version >= 9),
        `Metadata v${version}: ${what}`,
      );
    for (const [what, version, body] of [
      ['null records', 3, 'ffff 0001 00007530 00000001 0001 61 00000001 00000000 fffffffe'],
      ['records beyond the end', 3, 'ffff 0001 00007530 00000001 0001 61 00000001 00000000 00000009 61'],
      ['negative topics', 3, 'ffff 0001 00007530 ffffffff'],
      ['negative partitions', 3, 'ffff 0001 00007530 00000001 0001 61 ffffffff'],
      ['no topics, compact', 9, '00 0001 00007530 01 00'],
      ['null topics, compact', 9, '00 0001 00007530 00 00'],
      ['records beyond the end, compact', 9, '00 0001 00007530 02 02 61 02 00000000 7f 61'],
    ] as const)
      await tell(
        side,
        frameOf(messages.produce.key, version, hex(body), version >= 9),
        `Produce v${version}: ${what}`,
      );
  },
};

/** A second request behind something broken, and a first one before it. */
const neighbours: Scenario = {
  name: 'neighbours',
  async run(side) {
    const fine = frameOf(apiVersions.key, 0, bytes());
    const broken = frameOf(metadata.key, 1, hex('00000001 ffff'));
    await tell(side, Buffer.concat([fine, broken]), 'a request before a broken one');
    await tell(side, Buffer.concat([broken, fine]), 'a request behind a broken one');
    for (let at = 1; at < fine.length; at += 3) {
      const peer = await side.connect();
      await peer.tellParts(
        [fine.subarray(0, at), fine.subarray(at)],
        correlationId,
        `a request in two parts, ${at} bytes first`,
      );
      peer.close();
    }
  },
};

export const frameScenarios: readonly Scenario[] = [headers, cut, lengths, neighbours];
