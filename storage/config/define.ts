/**
 * What a configuration key is: a name, a Kafka type, a default, a validator, a sentence of documentation. Each key of the project is one
 * entry in a table built from the functions below; types, parsing, validation, DescribeConfigs and the generated page follow from it.
 *
 *     'segment.bytes': int({ default: 1 * GiB, min: 1 * MiB, brokerKey: 'log.segment.bytes', doc: '…' })
 *
 * A table has three columns besides the value: what may change while the broker runs (`dynamic`), and, when the key is not simply
 * honoured, why: `accepted` (taken, without effect) or `refuse` (some values are answered with an error at start).
 *
 * Values are plain JS: boolean, number, string, string[], or null where Kafka has null. A `long` beyond 2^53 loses its last digits as
 * a number (Long.MAX_VALUE is 2^63); `canonicalText` keeps them, for answers.
 *
 * The rules of parsing are Kafka's: surrounding blanks go (Java's trim: everything up to U+0020), numbers must fit their Java type,
 * a list is split at commas with the blanks around them.
 */

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;
export const secondMs = 1000;
export const minuteMs = 60 * secondMs;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

export const intMax = 2 ** 31 - 1;
/** Java's Long.MAX_VALUE as a JS number (2^63, one more than the real one); written as 9223372036854775807. */
export const longMax = 2 ** 63;

export type ConfigType =
  | 'boolean'
  | 'string'
  | 'int'
  | 'short'
  | 'long'
  | 'double'
  | 'list'
  | 'password'
  | 'class';

/** When a broker key may change: never, on one broker, or for the whole cluster. Kafka: read-only, per-broker, cluster-wide. */
export type Dynamic = 'no' | 'broker' | 'cluster';

/** A parsed value, or what is wrong with the text (a whole sentence, naming key and value). */
export type Parsed<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly message: string };

export interface ConfigKey<Value = unknown, BrokerKey extends string | undefined = string | undefined> {
  readonly type: ConfigType;
  readonly default: Value;
  /** Own words, one or two sentences. */
  readonly doc: string;
  /** Allowed values in Kafka's notation, e.g. `[0,...]`; undefined when the type says all. */
  readonly valid: string | undefined;
  /** What is wrong with a parsed value, or undefined. */
  check?(value: Value): string | undefined;
  /** For topic and group keys: the broker key that holds their default. */
  readonly brokerKey: BrokerKey;
  readonly dynamic: Dynamic;
  /** A list that drops what it has already when it is read. */
  readonly distinct: boolean;
  /** Never shown in answers and logs; so are all passwords. */
  readonly sensitive: boolean;
  /** Kafka does not show it to users; we do neither, unless it was set. */
  readonly hidden: boolean;
  /** Taken without effect: the rest of a sentence that starts with "ignored because". Undefined: honoured. */
  readonly accepted: string | undefined;
  /** Why a value cannot be served here, or undefined when it can. Asked at start, for values that differ from the default. */
  refuse?(value: Value): string | undefined;
}

/** A table of keys. */
export type ConfigTable = { readonly [name: string]: ConfigKey };

/** The key of that name. Names come from outside, and may be those of every object, such as `constructor`. */
export function keyNamed(table: ConfigTable, name: string): ConfigKey | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** The values that a table describes: `{ 'segment.bytes': number, … }`. */
export type ValuesOf<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends ConfigKey<infer Value> ? Value : never;
};

interface CommonOptions<Value, BrokerKey extends string | undefined> {
  readonly doc: string;
  readonly brokerKey?: BrokerKey;
  readonly dynamic?: Dynamic;
  readonly sensitive?: boolean;
  readonly hidden?: boolean;
  readonly accepted?: string;
  readonly refuse?: (value: Value) => string | undefined;
}

type Widen<Default, Value> = Default extends null ? Value | null : Value;

interface NumberOptions<Default extends number | null, BrokerKey extends string | undefined>
  extends CommonOptions<Widen<Default, number>, BrokerKey> {
  readonly default: Default;
  readonly min?: number;
  readonly max?: number;
  /** Values outside the range that are allowed all the same, e.g. -1 for "the library's own default". */
  readonly also?: number;
}

const limits = {
  short: [-(2n ** 15n), 2n ** 15n - 1n],
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  long: [-(2n ** 63n), 2n ** 63n - 1n],
} as const;

function entry<Value, BrokerKey extends string | undefined>(
  type: ConfigType,
  defaultValue: Value,
  options: CommonOptions<Value, BrokerKey>,
  valid?: string,
  check?: (value: Value) => string | undefined,
): ConfigKey<Value, BrokerKey> {
  return {
    type,
    default: defaultValue,
    doc: options.doc,
    valid,
    check,
    brokerKey: options.brokerKey as BrokerKey,
    dynamic: options.dynamic ?? 'no',
    distinct: false,
    sensitive: options.sensitive ?? type === 'password',
    hidden: options.hidden ?? false,
    accepted: options.accepted,
    refuse: options.refuse,
  };
}

function numberKey(type: 'short' | 'int' | 'long' | 'double') {
  return <Default extends number | null, const BrokerKey extends string | undefined = undefined>(
    options: NumberOptions<Default, BrokerKey>,
  ): ConfigKey<Widen<Default, number>, BrokerKey> => {
    const { min, max, also } = options;
    const check = (value: number | null): string | undefined => {
      if (value === null) return min === undefined && max === undefined ? undefined : 'a value is needed';
      if (value === also) return undefined;
      if (min !== undefined && value < min) return `the value must be at least ${min}`;
      if (max !== undefined && value > max) return `the value must be no more than ${max}`;
      return undefined;
    };
    let valid: string | undefined;
    if (min !== undefined) valid = max === undefined ? `[${min},...]` : `[${min},...,${max}]`;
    if (also !== undefined) valid = `${valid} or ${also}`;
    const value = options.default as Widen<Default, number>;
    return entry<Widen<Default, number>, BrokerKey>(
      type,
      value,
      options,
      valid,
      valid === undefined ? undefined : check,
    );
  };
}

export const short = numberKey('short');
export const int = numberKey('int');
export const long = numberKey('long');
export const double = numberKey('double');

export function boolean<const BrokerKey extends string | undefined = undefined>(
  options: CommonOptions<boolean, BrokerKey> & { readonly default: boolean },
): ConfigKey<boolean, BrokerKey> {
  return entry<boolean, BrokerKey>('boolean', options.default, options);
}

interface StringOptions<Default extends string | null, BrokerKey extends string | undefined>
  extends CommonOptions<Widen<Default, string>, BrokerKey> {
  readonly default: Default;
  readonly nonEmpty?: boolean;
  /** In Kafka's notation, with `check`, for rules that only one key has. */
  readonly valid?: string;
  readonly check?: (value: Widen<Default, string>) => string | undefined;
}

export function string<Default extends string | null, const BrokerKey extends string | undefined = undefined>(
  options: StringOptions<Default, BrokerKey>,
): ConfigKey<Widen<Default, string>, BrokerKey> {
  const value = options.default as Widen<Default, string>;
  if (options.nonEmpty) {
    const check = (text: Widen<Default, string>) => (text === '' ? 'the value must not be empty' : undefined);
    return entry<Widen<Default, string>, BrokerKey>('string', value, options, 'non-empty string', check);
  }
  return entry<Widen<Default, string>, BrokerKey>('string', value, options, options.valid, options.check);
}

/** A string out of a fixed set; its type is the union of them. */
export function oneOf<const Choice extends string, const BrokerKey extends string | undefined = undefined>(
  choices: readonly Choice[],
  options: CommonOptions<Choice, BrokerKey> & { readonly default: NoInfer<Choice> },
): ConfigKey<Choice, BrokerKey> {
  const check = (value: Choice) =>
    choices.includes(value) ? undefined : `the value must be one of ${choices.join(', ')}`;
  return entry<Choice, BrokerKey>('string', options.default, options, `[${choices.join(', ')}]`, check);
}

/** A string out of a fixed set, in any case. */
export function oneOfAnyCase<const BrokerKey extends string | undefined = undefined>(
  choices: readonly string[],
  options: CommonOptions<string, BrokerKey> & { readonly default: string },
): ConfigKey<string, BrokerKey> {
  const check = (value: string) =>
    choices.includes(value.toUpperCase())
      ? undefined
      : `the value must be one of ${choices.join(', ')}, in any case`;
  return entry<string, BrokerKey>(
    'string',
    options.default,
    options,
    `(case insensitive) [${choices.join(', ')}]`,
    check,
  );
}

interface ListOptions<Default extends readonly string[] | null, BrokerKey extends string | undefined>
  extends CommonOptions<Widen<Default, readonly string[]>, BrokerKey> {
  readonly default: Default;
  readonly choices?: readonly string[];
  readonly nonEmpty?: boolean;
  /** With `check`, for the few lists that have a grammar of their own; their entries may repeat and be empty. */
  readonly valid?: string;
  readonly check?: (value: readonly string[]) => string | undefined;
}

/** A list of distinct entries: a repeated one is dropped when it is read, an empty one refused, as in Kafka. */
export function list<
  const Default extends readonly string[] | null,
  const BrokerKey extends string | undefined = undefined,
>(options: ListOptions<Default, BrokerKey>): ConfigKey<Widen<Default, readonly string[]>, BrokerKey> {
  const { choices, nonEmpty = false } = options;
  const checkEntries = (value: readonly string[]): string | undefined => {
    if (nonEmpty && value.length === 0) return 'the list must not be empty';
    if (value.includes('')) return 'no entry of the list may be empty';
    const foreign = choices && value.find((item) => !choices.includes(item));
    return foreign === undefined ? undefined : `each entry must be one of ${choices?.join(', ')}`;
  };
  const checkList = options.check ?? checkEntries;
  const check = (value: readonly string[] | null) => (value === null ? undefined : checkList(value));
  const valid = options.valid ?? (choices && `[${choices.join(', ')}]`);
  const value = options.default as Widen<Default, readonly string[]>;
  const key = entry<Widen<Default, readonly string[]>, BrokerKey>('list', value, options, valid, check);
  return { ...key, distinct: options.check === undefined };
}

/** A secret: never in an answer, a log line or an error. */
export function password<const BrokerKey extends string | undefined = undefined>(
  options: CommonOptions<string | null, BrokerKey> & { readonly default: null },
): ConfigKey<string | null, BrokerKey> {
  return entry<string | null, BrokerKey>('password', options.default, options);
}

/** The name of a Java class. Nothing is loaded here, so any name passes; every such key says what becomes of it. */
export function className<
  Default extends string | null,
  const BrokerKey extends string | undefined = undefined,
>(
  options: CommonOptions<Widen<Default, string>, BrokerKey> & { readonly default: Default },
): ConfigKey<Widen<Default, string>, BrokerKey> {
  return entry<Widen<Default, string>, BrokerKey>(
    'class',
    options.default as Widen<Default, string>,
    options,
  );
}

/** Reads the text of one key, as Kafka reads it, and checks it. */
export function parseValue<Value>(name: string, key: ConfigKey<Value>, text: string): Parsed<Value> {
  const parsed = parseText(key.type, text);
  const what = `Invalid value ${key.sensitive ? '[hidden]' : text} for configuration ${name}`;
  if (!parsed.ok) return { ok: false, message: `${what}: ${parsed.message}.` };
  const value = (key.distinct ? [...new Set(parsed.value as string[])] : parsed.value) as Value;
  const wrong = key.check?.(value);
  return wrong === undefined ? { ok: true, value } : { ok: false, message: `${what}: ${wrong}.` };
}

type Plain = boolean | number | string | readonly string[];

function parseText(type: ConfigType, text: string): Parsed<Plain> {
  const trimmed = javaTrim(text);
  switch (type) {
    case 'boolean': {
      const lower = trimmed.toLowerCase();
      if (lower !== 'true' && lower !== 'false') return { ok: false, message: 'it must be true or false' };
      return { ok: true, value: lower === 'true' };
    }
    case 'short':
    case 'int':
    case 'long': {
      const integer = parseInteger(trimmed, type);
      return integer === undefined
        ? { ok: false, message: `not a number of type ${type}` }
        : { ok: true, value: Number(integer) };
    }
    case 'double': {
      const value = parseDouble(trimmed);
      return value === undefined
        ? { ok: false, message: 'not a number of type double' }
        : { ok: true, value };
    }
    case 'list':
      return { ok: true, value: trimmed === '' ? [] : trimmed.split(/[ \t\n\v\f\r]*,[ \t\n\v\f\r]*/) };
    default:
      return { ok: true, value: trimmed };
  }
}

function javaTrim(text: string): string {
  return text.replace(/^[\0-\x20]+|[\0-\x20]+$/g, '');
}

/** As Java does: the decimal digits of every script count, if they are one UTF-16 unit each. */
function parseInteger(text: string, type: 'short' | 'int' | 'long'): bigint | undefined {
  const match = /^([+-]?)(\p{Nd}+)$/u.exec(text);
  if (!match || /[\ud800-\udfff]/.test(text)) return undefined;
  const digits = match[2]!.replace(/[^0-9]/g, asciiDigit);
  const value = match[1] === '-' ? -BigInt(digits) : BigInt(digits);
  const [min, max] = limits[type];
  return value < min || value > max ? undefined : value;
}

/** The ten digits of a script follow each other, and no other digit comes right before its zero. */
function asciiDigit(digit: string): string {
  const code = digit.charCodeAt(0);
  let zero = code;
  while (/\p{Nd}/u.test(String.fromCharCode(zero - 1))) zero--;
  return String(code - zero);
}

function parseDouble(text: string): number | undefined {
  const match = /^([+-]?(?:NaN|Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))(?:[fFdD])?$/.exec(text);
  return match ? Number(match[1]) : undefined;
}

/** A valid text as Kafka shows it: without blanks and leading zeros. The text of a secret must not come here. */
export function canonicalText(key: ConfigKey, text: string): string {
  const trimmed = javaTrim(text);
  if (key.type === 'long') return parseInteger(trimmed, 'long')?.toString() ?? trimmed;
  const parsed = parseValue('', key, text);
  return parsed.ok ? (formatValue(key, parsed.value) ?? trimmed) : trimmed;
}

/** A value as Kafka writes it: `1.0` for a double, commas without blanks, Long.MAX_VALUE in full. Null stays null. */
export function formatValue(key: ConfigKey, value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.join(',');
  if (key.type === 'long' && typeof value === 'number') return formatLong(value);
  if (key.type === 'double' && typeof value === 'number') return formatDouble(value);
  return String(value);
}

function formatLong(value: number): string {
  const [min, max] = limits.long;
  const exact = BigInt(value);
  return (exact > max ? max : exact < min ? min : exact).toString();
}

/** Java's Double.toString: always a fraction, an exponent from 10^7 on and below 10^-3. */
function formatDouble(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 1e-3)) {
    const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
    return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}E${Number(exponent)}`;
  }
  if (Object.is(value, -0)) return '-0.0';
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
