/** A topic as a view: its records as they are, and the fields of its values as columns, which cost nothing until a query reads them. */
import { isUtf8 } from 'node:buffer';
import type { KeyRecord } from '../../broker/index.ts';
import {
  isColumnName,
  type JsonShape,
  quotedName,
  quotedText,
  shapeOf,
  typeText,
  unknownShape,
  widened,
} from './json-shape.ts';

export const recordColumns = ['key', 'value', 'partition', 'offset', 'timestamp'] as const;

/** What all records of a topic have been, so far. */
export class TopicShape {
  #isTextKey = true;
  #isText = true;
  #isJson = true;
  #shape: JsonShape = unknownShape;

  add({ key, value }: KeyRecord): void {
    if (this.#isTextKey) this.#isTextKey = isUtf8(key);
    if (!this.#isText) return;
    this.#isText = isUtf8(value!);
    const json = this.#isText ? parsed(value!) : undefined;
    if (json === undefined) this.#isJson = false;
    else if (typeof json === 'object' && json !== null) this.#shape = widened(this.#shape, shapeOf(json));
  }

  /** The statement that makes the view of `table`, and the fields that a column of the record hides. */
  view(name: string, table: string): { readonly sql: string; readonly hidden: readonly string[] } {
    const text = 'decode(value)';
    const json = this.#isJson ? `${text}::JSON` : `CASE WHEN json_valid(${text}) THEN ${text}::JSON END`;
    const columns = [
      this.#isTextKey ? 'decode(key) AS key' : 'key',
      this.#isText ? `${this.#isJson ? json : text} AS value` : 'value',
      ...['partition', 'offset', 'timestamp'].map(quotedName),
    ];
    const hidden: string[] = [];
    const taken = new Set<string>(recordColumns);
    const fields = this.#isText && this.#shape.kind === 'object' ? this.#shape.fields : [];
    for (const [field, shape] of fields) {
      if (!isColumnName(field)) continue;
      if (taken.has(field.toLowerCase())) {
        hidden.push(field);
        continue;
      }
      taken.add(field.toLowerCase());
      const pointer = `/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      const type = quotedText(JSON.stringify(typeText(shape)));
      columns.push(
        `json_transform(json_extract(${json}, ${quotedText(pointer)}), ${type}) AS ${quotedName(field)}`,
      );
    }
    return {
      sql: `CREATE VIEW ${quotedName(name)} AS SELECT ${columns.join(', ')} FROM ${quotedName(table)}`,
      hidden,
    };
  }
}

/** undefined: not JSON. */
function parsed(value: Buffer): unknown {
  try {
    return JSON.parse(value.toString());
  } catch {
    return undefined;
  }
}
