import { beforeAll, describe, expect, it } from 'vitest';
import { ApiError } from '../../protocol/errors.ts';
import { type CodecName, codecByName, codecIds, ensureCodec } from '../../protocol/records/compression.ts';
import { crc32c, crc32cInJs } from '../../protocol/records/crc32c.ts';
import {
  coordinatorPartition,
  javaStringHash,
  javaUuidHash,
  sharePartitionKey,
} from '../../protocol/records/java-hash.ts';
import { murmur2, partitionOfKey } from '../../protocol/records/murmur2.ts';
import { RecordError } from '../../protocol/records/record-error.ts';
import {
  sizeOfUnsignedVarint,
  sizeOfVarint,
  sizeOfVarlong,
  VarintReader,
  writeUnsignedVarint,
  writeVarint,
  writeVarlong,
} from '../../protocol/records/varint.ts';
import * as scram from '../../protocol/scram.ts';
import { isReservedUuid, randomUuid, uuidBytes, uuidText } from '../../protocol/uuid.ts';
import { expectBytes, readVectors } from './records/vectors.ts';

type Vector = Record<string, string> & { readonly kind: string };
type Numbers = Record<string, number>;

const vectors = readVectors<Vector>('hash.jsonl', 255);
const counts = {
  murmur2: 62,
  crc32c: 63,
  coordinatorPartition: 11,
  shareCoordinatorPartition: 3,
  uuid: 7,
  varint: 26,
  varintRead: 30,
  scram: 12,
  scramMechanism: 2,
  codec: 39,
};
const maxBytes = 1024 * 1024;

beforeAll(() => ensureCodec(codecIds.zstd));

function ofKind<T>(kind: keyof typeof counts): (T & Vector)[] {
  const found = vectors.filter((vector) => vector.kind === kind);
  expect(found).toHaveLength(counts[kind]);
  return found as (T & Vector)[];
}

it('knows every kind of line', () => {
  expect(Object.values(counts).reduce((sum, count) => sum + count)).toBe(vectors.length);
});

describe('hashes', () => {
  it('murmur2 and the partition of a key', () => {
    for (const { hex, hash, partition } of ofKind<{ hash: number; partition: Numbers }>('murmur2')) {
      const key = Buffer.from(hex!, 'hex');
      expect(murmur2(key)).toBe(hash);
      for (const [count, expected] of Object.entries(partition))
        expect(partitionOfKey(key, Number(count))).toBe(expected);
    }
  });

  it('CRC-32C, native and not', () => {
    for (const { hex, crc } of ofKind<{ crc: number }>('crc32c')) {
      const bytes = Buffer.from(hex!, 'hex');
      expect(crc32c(bytes, 0, bytes.length)).toBe(crc);
      expect(crc32cInJs(bytes, 0, bytes.length)).toBe(crc);
    }
  });

  it('the partition of a coordinator', () => {
    for (const { id, javaHash, partition } of ofKind<{ javaHash: number; partition: Numbers }>(
      'coordinatorPartition',
    )) {
      expect(javaStringHash(id!)).toBe(javaHash);
      for (const [count, expected] of Object.entries(partition))
        expect(coordinatorPartition(id!, Number(count))).toBe(expected);
    }
    for (const vector of ofKind<{ partitionIndex: number; of50: number }>('shareCoordinatorPartition')) {
      const key = sharePartitionKey(vector.group!, vector.topicId!, vector.partitionIndex);
      expect(key).toBe(vector.key);
      expect(coordinatorPartition(key, 50)).toBe(vector.of50);
    }
  });
});

describe('UUIDs', () => {
  it("have Kafka's text", () => {
    for (const { hex, text, reserved, hashCode } of ofKind<{ reserved: boolean; hashCode: number }>('uuid')) {
      const bytes = Buffer.from(hex!, 'hex');
      expect(uuidText(bytes)).toBe(text);
      expect(uuidBytes(text!)).toEqual(bytes);
      expect(isReservedUuid(text!)).toBe(reserved);
      expect(javaUuidHash(bytes)).toBe(hashCode);
    }
    for (const text of [
      '',
      'short',
      'AAAAAAAAAAAAAAAAAAAAA=',
      'AAAAAAAAAAAAAAAAAAAAAAA',
      'AAAAAAAAAA AAAAAAAAAAA',
    ])
      expect(uuidBytes(text)).toBeNull();
  });

  it('never begin with a dash', () => {
    const given = [Buffer.alloc(16, 0xf8), Buffer.alloc(16, 0x12)];
    expect(randomUuid(() => given.shift()!)).toBe('EhISEhISQhKSEhISEhISEg');
    expect(given).toHaveLength(0);
  });
});

describe('varints', () => {
  it('are written and read as Kafka does', () => {
    for (const { value, varint, unsignedVarint, varlong } of ofKind<object>('varint')) {
      expectWritten(varlong!, Number(value), writeVarlong, sizeOfVarlong);
      expect(readerOf(varlong!).readVarlong()).toBe(Number(value));
      if (varint === undefined) continue;
      expectWritten(varint, Number(value), writeVarint, sizeOfVarint);
      expectWritten(unsignedVarint!, Number(value), writeUnsignedVarint, sizeOfUnsignedVarint);
      expect(readerOf(varint).readVarint()).toBe(Number(value));
      expect(readerOf(unsignedVarint!).readUnsignedVarint()).toBe(Number(value));
    }
  });

  it('have the size that is written, up to the ends of 64 bits', () => {
    const buffer = Buffer.alloc(10);
    for (let bits = 0; bits <= 63; bits++) {
      for (const value of [2 ** bits, 2 ** bits - 1, -(2 ** bits), -(2 ** bits) - 1, 1 - 2 ** bits]) {
        expect(sizeOfVarlong(value)).toBe(writeVarlong(buffer, 0, value));
      }
    }
  });

  it('are refused where Kafka refuses them', () => {
    for (const vector of ofKind<{ bytesRead: number }>('varintRead')) {
      const reader = readerOf(vector.hex!);
      const read = () => reader[vector.read as 'readVarint' | 'readUnsignedVarint' | 'readVarlong']();
      if (vector.exception !== undefined) {
        expect(read).toThrow(RecordError);
        continue;
      }
      expect(read()).toBe(Number(vector.value));
      expect(reader.position).toBe(vector.bytesRead);
    }
  });
});

describe('codecs', () => {
  it('read what Kafka compressed, and what they compressed themselves', () => {
    for (const vector of ofKind<{ magic?: number; length?: number }>('codec')) {
      const codec = codecByName(vector.codec!.replace('-raw', '') as CodecName);
      const plain = codec.decompress(Buffer.from(vector.compressedHex!, 'hex'), maxBytes, vector.magic);
      if (vector.length !== undefined) expectBytes(plain, { length: vector.length, sha256: vector.sha256! });
      if (vector.hex !== undefined) expect(plain.toString('hex')).toBe(vector.hex);
      expect(codec.decompress(codec.compress(plain), maxBytes).equals(plain)).toBe(true);
    }
  });
});

describe('SCRAM', () => {
  it("has Kafka's mechanisms", () => {
    for (const vector of ofKind<{ minIterations: number; maxIterations: number; type: number }>(
      'scramMechanism',
    )) {
      const mechanism = scram.scramMechanisms[vector.mechanism as scram.ScramMechanismName];
      expect(mechanism).toMatchObject({
        minIterations: vector.minIterations,
        maxIterations: vector.maxIterations,
        type: vector.type,
      });
    }
  });

  it.each(ofKind<{ iterations: number }>('scram'))('$mechanism, $user', (vector) => {
    const mechanism = scram.scramMechanisms[vector.mechanism as scram.ScramMechanismName];
    const { user, password, iterations } = vector;
    const salt = Buffer.from(vector.saltHex!, 'hex');
    if (vector.exception !== undefined) {
      expect(() => scram.saltedPassword(mechanism, password!, salt, iterations)).toThrow(ApiError);
      return;
    }
    const salted = scram.saltedPassword(mechanism, password!, salt, iterations);
    expect(salted.toString('hex')).toBe(vector.saltedPasswordHex);
    expect(scram.clientKey(mechanism, salted).toString('hex')).toBe(vector.clientKeyHex);
    const credential = scram.scramCredential(mechanism, password!, salt, iterations);
    expect(credential.storedKey.toString('hex')).toBe(vector.storedKeyHex);
    expect(credential.serverKey.toString('hex')).toBe(vector.serverKeyHex);
    expect(scram.credentialText(credential)).toBe(vector.credential);

    const clientNonce = 'fyko+d2lbbFgONRv9qkxdawL';
    const nonce = `${clientNonce}3rfcNHYJY1ZVvWVs7j`;
    const exchange: scram.ScramExchange = {
      clientFirstBare: scram.clientFirstBare(user!, clientNonce),
      serverFirst: scram.serverFirst(nonce, salt, iterations),
      clientFinalWithoutProof: scram.clientFinalWithoutProof(nonce),
    };
    const proof = scram.clientProof(mechanism, salted, exchange);
    expect(scram.clientFirst(exchange.clientFirstBare)).toBe(vector.clientFirst);
    expect(exchange.serverFirst).toBe(vector.serverFirst);
    expect(scram.clientFinal(exchange.clientFinalWithoutProof, proof)).toBe(vector.clientFinal);
    expect(scram.serverFinal(scram.serverSignature(mechanism, credential.serverKey, exchange))).toBe(
      vector.serverFinal,
    );
    expect(scram.storedKeyFromProof(mechanism, credential, exchange, proof).toString('hex')).toBe(
      vector.storedKeyFromProofHex,
    );
    expect(scram.isProofValid(mechanism, credential, exchange, proof)).toBe(true);
    proof[0]! ^= 1;
    expect(scram.isProofValid(mechanism, credential, exchange, proof)).toBe(false);
    expect(scram.isProofValid(mechanism, credential, exchange, proof.subarray(1))).toBe(false);
    expect(scram.userOfSaslName(scram.saslName(user!))).toBe(user);
  });

  it('refuses a name that escapes nothing', () => {
    expect(scram.userOfSaslName('a=b')).toBeNull();
  });
});

function readerOf(hex: string): VarintReader {
  const bytes = Buffer.from(hex, 'hex');
  return new VarintReader(bytes, 0, bytes.length);
}

function expectWritten(
  hex: string,
  value: number,
  write: (buffer: Buffer, position: number, value: number) => number,
  size: (value: number) => number,
): void {
  const buffer = Buffer.alloc(12);
  const end = write(buffer, 0, value);
  expect(buffer.toString('hex', 0, end)).toBe(hex);
  expect(size(value)).toBe(end);
}
