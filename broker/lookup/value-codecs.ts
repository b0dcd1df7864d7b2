/** How the values of a typed table are bytes. */

export interface ValueCodec<Value> {
  encode(value: Value): Uint8Array;
  /** The bytes are the caller's own. */
  decode(bytes: Buffer): Value;
}

/** Values as JSON. What a program reads is what it says it is: nothing checks the shape. */
export function jsonCodec<Value>(): ValueCodec<Value> {
  return {
    encode(value) {
      const text = JSON.stringify(value);
      if (text === undefined) throw new TypeError('undefined is no JSON value; delete() takes a key away');
      return Buffer.from(text);
    },
    decode: (bytes) => JSON.parse(bytes.toString()) as Value,
  };
}

/** UTF-8. */
export const textCodec: ValueCodec<string> = {
  encode: (text) => Buffer.from(text),
  decode: (bytes) => bytes.toString(),
};

export const bytesCodec: ValueCodec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };

/** By name, or one's own. */
export type ValueFormat<Value> = 'json' | 'text' | 'bytes' | ValueCodec<Value>;

export function codecOf<Value>(format: ValueFormat<Value>): ValueCodec<Value> {
  if (typeof format === 'object') return format;
  const codecs = { json: jsonCodec<Value>(), text: textCodec, bytes: bytesCodec };
  return codecs[format] as ValueCodec<Value>;
}
