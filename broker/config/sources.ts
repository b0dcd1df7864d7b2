/**
 * Where static settings come from, put into one layer: a file, then --host, --port and --data-dir, then --set; a later one wins, and what
 * cannot be meant together is refused. What is dynamic lies on top (settings.ts).
 */
import { closestNames } from '../../storage/config/closest-names.ts';
import { formatValue, keyNamed } from '../../storage/config/define.ts';
import { topicKeys } from '../../storage/config/topic-keys.ts';
import { brokerKeys } from './broker-keys.ts';
import { baseKeyOf } from './listener-keys.ts';
import { replaceAddress } from './listeners.ts';
import { parseProperties } from './properties-file.ts';
import { isRemovedKey } from './removed-keys.ts';

export interface SettingsSources {
  /** The text of a server.properties and its name for messages; whoever calls has read it. */
  readonly file?: { readonly name: string; readonly text: string };
  readonly host?: string;
  readonly port?: number;
  readonly dataDirectory?: string;
  /** Key and value of each --set, or of the `config` of a program. */
  readonly set?: ReadonlyMap<string, string>;
  /** In place of the default of `listeners`: a library broker takes any free port of 127.0.0.1. */
  readonly defaultAddress?: { readonly host: string; readonly port: number };
}

export type StaticTexts =
  | {
      readonly ok: true;
      readonly texts: ReadonlyMap<string, string>;
      /** Somebody wrote `listeners` or a host; --port alone leaves the default host, which clients are not told. */
      readonly hostIsGiven: boolean;
    }
  | { readonly ok: false; readonly messages: readonly string[] };

/** The texts of all keys that were given, the last word on each. */
export function mergeSources(sources: SettingsSources): StaticTexts {
  const messages: string[] = [];
  const texts = readFile(sources, messages);
  for (const name of texts.keys()) checkName(name, `in ${sources.file?.name}`, messages);
  const set = sources.set ?? new Map<string, string>();
  for (const name of set.keys()) checkName(name, 'in --set', messages);
  refuseContradictions(sources, set, messages);
  const hostIsGiven = sources.host !== undefined || texts.has('listeners') || set.has('listeners');
  if (sources.host !== undefined || sources.port !== undefined) applyAddress(sources, texts, messages);
  if (sources.dataDirectory !== undefined) {
    texts.delete('log.dir');
    texts.set('log.dirs', sources.dataDirectory);
  }
  // log.dirs comes before log.dir, so what was set later must not lie under what was set before.
  if (set.has('log.dir') && !set.has('log.dirs')) texts.delete('log.dirs');
  for (const [name, text] of set) texts.set(name, text);
  return messages.length === 0 ? { ok: true, texts, hostIsGiven } : { ok: false, messages };
}

function readFile({ file }: SettingsSources, messages: string[]): Map<string, string> {
  if (file === undefined) return new Map();
  try {
    return parseProperties(file.text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    messages.push(`${file.name}, ${error.message}`);
    return new Map();
  }
}

function checkName(name: string, where: string, messages: string[]): void {
  if (Object.hasOwn(brokerKeys, name) || isRemovedKey(name) || baseKeyOf(name) !== undefined) return;
  const topicKey = keyNamed(topicKeys, name);
  if (topicKey?.brokerKey !== undefined) {
    messages.push(
      `Unknown key ${name} ${where}: it belongs to a topic; its default for all topics is ${topicKey.brokerKey}`,
    );
    return;
  }
  messages.push(`Unknown key ${name} ${where}${closestNames(name, brokerKeys)}`);
}

function refuseContradictions(
  sources: SettingsSources,
  set: ReadonlyMap<string, string>,
  messages: string[],
): void {
  const address = sources.port !== undefined ? '--port' : sources.host !== undefined ? '--host' : undefined;
  if (address !== undefined && set.has('listeners')) {
    messages.push(`${address} and --set listeners contradict each other; give one of them`);
  }
  for (const key of ['log.dirs', 'log.dir']) {
    if (sources.dataDirectory !== undefined && set.has(key)) {
      messages.push(`--data-dir and --set ${key} contradict each other; give one of them`);
    }
  }
}

/** --host and --port change the address of the one listener for clients and leave the others. */
function applyAddress(sources: SettingsSources, texts: Map<string, string>, messages: string[]): void {
  const current = listOf(texts.get('listeners')) ?? defaultListeners(sources);
  const controllerNames = listOf(texts.get('controller.listener.names')) ?? ['CONTROLLER'];
  const replaced = replaceAddress(
    current,
    controllerNames.map((name) => name.toUpperCase()),
    sources,
  );
  if (replaced === undefined) {
    messages.push(
      `--host and --port need one listener for clients, but ${sources.file?.name} has several: change listeners instead`,
    );
    return;
  }
  texts.set('listeners', replaced.join(','));
}

/** The value of `listeners` when it is not given. */
export function defaultListeners({ defaultAddress }: SettingsSources): readonly string[] {
  if (defaultAddress === undefined) return brokerKeys.listeners.default as readonly string[];
  const host = defaultAddress.host.includes(':') ? `[${defaultAddress.host}]` : defaultAddress.host;
  return [`PLAINTEXT://${host}:${defaultAddress.port}`];
}

function listOf(text: string | undefined): readonly string[] | undefined {
  return text?.split(',').map((item) => item.trim());
}

/** The `key=value` of each --set. A key given twice with different values is a contradiction. */
export function parseAssignments(
  assignments: readonly string[],
):
  | { readonly ok: true; readonly set: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly message: string } {
  const set = new Map<string, string>();
  for (const assignment of assignments) {
    const equals = assignment.indexOf('=');
    const name = assignment.slice(0, Math.max(equals, 0)).trim();
    if (name === '') return { ok: false, message: `--set ${assignment}: expected key=value` };
    const text = assignment.slice(equals + 1);
    const before = set.get(name);
    if (before !== undefined && before !== text) {
      return { ok: false, message: `--set ${name} is given twice, as ${before} and as ${text}` };
    }
    set.set(name, text);
  }
  return { ok: true, set };
}

/** The texts of a program's `config` object: numbers, booleans and lists as a file would write them. */
export function textsOf(
  config: Readonly<Record<string, string | number | boolean | readonly string[]>>,
): ReadonlyMap<string, string> {
  return new Map(Object.entries(config).map(([name, value]) => [name, textOf(name, value)]));
}

function textOf(name: string, value: string | number | boolean | readonly string[]): string {
  const key = brokerKeys[name];
  return (key && formatValue(key, value)) ?? String(value);
}
