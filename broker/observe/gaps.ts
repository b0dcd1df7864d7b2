/**
 * What clients have asked for here and did not get, or got without effect: counted by what it is, for `broker.gaps()` and `kompakt gaps`.
 * What a client does not even ask for, because it has seen in ApiVersions that it is not there, nobody can count.
 */
import type { RequestHeader } from '../../protocol/wire/headers.ts';
import type { Clock } from '../../storage/environment/clock.ts';
import type { Configuration } from '../config/settings.ts';
import { type GapSubjectName, type gapSubjects, subjectOfApi } from './gap-subjects.ts';

/** Different ones that are counted; those that come later are counted together. */
export const gapsMax = 300;
/** Clients that are named with each. */
export const gapClientsMax = 5;
/** Names and reasons are cut to this many characters. */
export const gapCharactersMax = 300;

export type GapKind =
  /** A request that is not served, or not for what it asks. */
  | 'api'
  /** A version of a request. */
  | 'version'
  /** A part of a request. */
  | 'feature'
  /** A configuration key, or a value of one. */
  | 'config'
  /** Bytes of something else. */
  | 'protocol';

export interface Gap {
  readonly kind: GapKind;
  /** 'ShareFetch', 'Fetch 3', 'unclean.leader.election.enable'. */
  readonly name: string;
  readonly outcome: 'refused' | 'ignored';
  /** In a sentence. */
  readonly why: string;
  readonly count: number;
  /** The client ids of the first who came with it; empty where the configuration file did. */
  readonly clients: readonly string[];
  /** When it came last, on the broker's clock; that of the start for what the configuration says. */
  readonly lastMs: number;
  /** The page that explains it, from the project's root: 'broker/observe/GAPS.md#share-groups'. */
  readonly docs: string;
}

/** What there is to say about a gap once. */
export interface GapNote extends Pick<Gap, 'kind' | 'name' | 'outcome' | 'why'> {
  readonly subject: GapSubjectName | 'keys';
}

interface Counted extends Gap {
  count: number;
  readonly clients: string[];
  lastMs: number;
}

export class Gaps {
  readonly #clock: Clock;
  readonly #counted = new Map<string, Counted>();
  #others = 0;

  /** What the broker was configured with and does not heed is counted from the start. */
  constructor(clock: Clock, configuration: Pick<Configuration, 'ignoredKeys'>) {
    this.#clock = clock;
    for (const { reason, keys } of configuration.ignoredKeys())
      for (const name of keys)
        this.note({ kind: 'config', name, outcome: 'ignored', why: sentence(reason), subject: 'keys' }, null);
  }

  /** How often something came that had no room any more. */
  get others(): number {
    return this.#others;
  }

  note(note: GapNote, clientId: string | null): void {
    const counted = this.#countedFor(note);
    if (counted === null) return;
    counted.count += 1;
    counted.lastMs = this.#clock.nowMs();
    const client = cut(clientId ?? '');
    if (clientId === null || counted.clients.length >= gapClientsMax || counted.clients.includes(client))
      return;
    counted.clients.push(client);
  }

  /** A request that dispatch does not serve. `served`: in other versions. */
  unserved({ api, apiKey, apiVersion, clientId }: RequestHeader, served: string | null): void {
    if (api === undefined) {
      const why = 'Kafka has no API of this key (any more).';
      this.note(
        { kind: 'api', name: `API key ${apiKey}`, outcome: 'refused', why, subject: 'unknown-apis' },
        clientId,
      );
    } else if (served === null) {
      const why = 'This broker does not serve it.';
      this.note(
        { kind: 'api', name: api.name, outcome: 'refused', why, subject: subjectOfApi(api.name) },
        clientId,
      );
    } else {
      const why = `Versions ${served} are served.`;
      this.note(
        { kind: 'version', name: `${api.name} ${apiVersion}`, outcome: 'refused', why, subject: 'versions' },
        clientId,
      );
    }
  }

  /** What came instead of Kafka's protocol, as garbage.ts names it. */
  strange(garbage: string): void {
    const [name, why] = garbage.split('; ') as [string, string];
    const subject = name.includes('TLS') ? 'security' : 'other-protocols';
    this.note({ kind: 'protocol', name, outcome: 'refused', why: sentence(why), subject }, null);
  }

  /** The most frequent first. */
  list(): Gap[] {
    const all = [...this.#counted.values()].map((gap) => ({ ...gap, clients: [...gap.clients] }));
    return all.sort((a, b) => b.count - a.count);
  }

  #countedFor({ kind, name, outcome, why, subject }: GapNote): Counted | null {
    const shownName = cut(name);
    const key = `${kind} ${outcome} ${shownName}`;
    const known = this.#counted.get(key);
    if (known !== undefined) return known;
    if (this.#counted.size >= gapsMax) {
      this.#others += 1;
      return null;
    }
    const docs =
      subject === 'keys'
        ? 'broker/config/KEYS.md'
        : `broker/observe/GAPS.md#${subject satisfies keyof typeof gapSubjects}`;
    const made: Counted = {
      kind,
      name: shownName,
      outcome,
      why: cut(why),
      count: 0,
      clients: [],
      lastMs: 0,
      docs,
    };
    this.#counted.set(key, made);
    return made;
  }
}

/** A reason of a configuration key, which begins in small letters and has no full stop. */
export function sentence(reason: string): string {
  return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
}

function cut(text: string): string {
  return text.length > gapCharactersMax ? `${text.slice(0, gapCharactersMax)}…` : text;
}
