/**
 * What type of column JSON values fit into, found while they go by: each value widens the shape of those before.
 *
 *    null → anything    integer → double    object with too many names → map    unlike → JSON, which holds everything
 */

export type JsonShape =
  | { readonly kind: 'null' }
  | { readonly kind: 'scalar'; readonly type: 'BOOLEAN' | 'BIGINT' | 'DOUBLE' | 'VARCHAR' }
  | { readonly kind: 'list'; readonly item: JsonShape }
  | { readonly kind: 'object'; readonly fields: ReadonlyMap<string, JsonShape> }
  | { readonly kind: 'map'; readonly item: JsonShape }
  | { readonly kind: 'json' };

/** An object with more names than this, over all values, is one whose names are data: a map. */
export const objectFieldsMax = 200;
/** Below it a value is JSON. */
const depthMax = 12;

export const unknownShape: JsonShape = { kind: 'null' };
const json: JsonShape = { kind: 'json' };

export function shapeOf(value: unknown, depth = 0): JsonShape {
  if (value === null || value === undefined) return unknownShape;
  if (typeof value === 'boolean') return { kind: 'scalar', type: 'BOOLEAN' };
  if (typeof value === 'string') return { kind: 'scalar', type: 'VARCHAR' };
  if (typeof value === 'number') return { kind: 'scalar', type: isBigint(value) ? 'BIGINT' : 'DOUBLE' };
  if (depth === depthMax) return json;
  if (Array.isArray(value)) {
    let item: JsonShape = unknownShape;
    for (const one of value) item = widened(item, shapeOf(one, depth + 1));
    return { kind: 'list', item };
  }
  const fields = new Map(Object.entries(value).map(([name, one]) => [name, shapeOf(one, depth + 1)]));
  return objectShape(fields);
}

/** Beyond 2^63 a number is a double for DuckDB too. */
function isBigint(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) < 2 ** 63;
}

/** The narrowest that both fit into. */
export function widened(one: JsonShape, other: JsonShape): JsonShape {
  if (one === other || other.kind === 'null') return one;
  if (one.kind === 'null') return other;
  if (one.kind === 'scalar' && other.kind === 'scalar') return widenedScalar(one.type, other.type);
  if (one.kind === 'list' && other.kind === 'list')
    return { kind: 'list', item: widened(one.item, other.item) };
  if (one.kind === 'object' && other.kind === 'object') {
    const fields = new Map(one.fields);
    for (const [name, shape] of other.fields)
      fields.set(name, widened(fields.get(name) ?? unknownShape, shape));
    return objectShape(fields);
  }
  if (isObject(one) && isObject(other)) return { kind: 'map', item: widened(itemOf(one), itemOf(other)) };
  return json;
}

type Scalar = Extract<JsonShape, { kind: 'scalar' }>['type'];

function widenedScalar(one: Scalar, other: Scalar): JsonShape {
  if (one === other) return { kind: 'scalar', type: one };
  const isNumbers = [one, other].every((type) => type === 'BIGINT' || type === 'DOUBLE');
  return isNumbers ? { kind: 'scalar', type: 'DOUBLE' } : json;
}

type ObjectShape = Extract<JsonShape, { kind: 'object' | 'map' }>;

function isObject(shape: JsonShape): shape is ObjectShape {
  return shape.kind === 'object' || shape.kind === 'map';
}

function itemOf(shape: ObjectShape): JsonShape {
  if (shape.kind === 'map') return shape.item;
  let item: JsonShape = unknownShape;
  for (const one of shape.fields.values()) item = widened(item, one);
  return item;
}

function objectShape(fields: ReadonlyMap<string, JsonShape>): JsonShape {
  const shape: JsonShape = { kind: 'object', fields };
  return fields.size > objectFieldsMax ? { kind: 'map', item: itemOf(shape) } : shape;
}

/** As DuckDB writes the type. Names that differ in case alone cannot be in one struct. */
export function typeText(shape: JsonShape): string {
  switch (shape.kind) {
    case 'scalar':
      return shape.type;
    case 'list':
      return `${typeText(shape.item)}[]`;
    case 'map':
      return `MAP(VARCHAR, ${typeText(shape.item)})`;
    case 'object': {
      const names = [...shape.fields.keys()];
      const isStruct = names.length > 0 && names.every(isColumnName) && hasDistinctNames(names);
      if (!isStruct) return 'JSON';
      const fields = [...shape.fields].map(([name, field]) => `${quotedName(name)} ${typeText(field)}`);
      return `STRUCT(${fields.join(', ')})`;
    }
    default:
      return 'JSON';
  }
}

export function isColumnName(name: string): boolean {
  return name !== '' && !/[\0-\x1f]/.test(name);
}

function hasDistinctNames(names: readonly string[]): boolean {
  return new Set(names.map((name) => name.toLowerCase())).size === names.length;
}

export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quotedText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
