/** Messages of protobufjs as plain objects, for the services that are declared as text (protocol/control, compaction/service.ts). */
import type { Type } from 'protobufjs';

/** A message of this type in bytes. */
export function encode(type: Type, message: object): Uint8Array {
  return type.encode(type.create(message)).finish();
}

/** A message as a plain object in which no field is missing, but for those that are `optional`. */
export function decode(type: Type, bytes: Uint8Array): object {
  return plain(type, type.decode(bytes));
}

/** What protobufjs's stub hands over, as such an object. */
export function plain(type: Type, message: object): object {
  return type.toObject(type.create(message), { defaults: true });
}
