/** Every API can say an error of the whole request, with words or without, in every version that is served. */
import { describe, expect, it } from 'vitest';
import { allHandlers } from '../../../broker/apis/index.ts';
import { errors } from '../../../protocol/errors.ts';
import type { AnyField, Kind, Shape } from '../../../protocol/schema/field.ts';
import { includes, parseVersions } from '../../../protocol/schema/versions.ts';
import { refusalOf } from '../caller.ts';

/** A struct with one element in each of its arrays. */
function filled(shape: Shape, version: number): Record<string, unknown> {
  const fields = Object.entries(shape).filter(
    ([, { traits }]) => includes(traits.versions, version) && traits.tagNumber === undefined,
  );
  return Object.fromEntries(fields.map(([name, { kind }]) => [name, filledKind(kind, version)]));
}

function filledKind(kind: Kind, version: number): unknown {
  switch (kind.type) {
    case 'array':
      return [filledKind((kind.of as AnyField).kind, version)];
    case 'struct':
      return filled(kind.fields, version);
    case 'string':
      return 'x';
    case 'bool':
      return true;
    case 'bytes':
    case 'records':
      return Buffer.from('b');
    case 'uuid':
      return 'AAAAAAAAAAAAAAAAAAAAAQ';
    default:
      return 1;
  }
}

const { code } = errors.notController;
/** In these Kafka has no place for it either. */
const mute = ['DescribeLogDirs 1', 'DescribeLogDirs 2'];

describe.each(allHandlers.filter(({ versions }) => versions !== null))('$api.name', (handler) => {
  const { low, high } = parseVersions(handler.versions!);
  it.each(Array.from({ length: high - low + 1 }, (_, i) => low + i))('in version %i', (version) => {
    const body = filled(handler.api.request.fields, version);
    const answer = JSON.stringify(refusalOf(handler, version, body as never, code));
    if (mute.includes(`${handler.api.name} ${version}`)) expect(answer).not.toContain(`:${code}`);
    else expect(answer).toContain(`ode":${code}`);
    const inWords = refusalOf(handler, version, body as never, code, 'in words');
    expect(JSON.stringify(inWords)).toContain(handler.api.response.fields.throttleTimeMs ? 'throttle' : '{');
  });
});
