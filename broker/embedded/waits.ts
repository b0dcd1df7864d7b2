/**
 * Waiting for a broker to come to a state, without looking again and again: what may bring it about is watched, and after each change
 * somebody looks. Over time it rejects with what was seen last.
 */
import { nodeClock } from '../../storage/environment/node.ts';
import type { RunningBroker } from '../broker.ts';
import { checkInteger, checkNames, shown } from '../options/check-options.ts';
import { OptionError } from '../options/option-error.ts';
import type { Partition, PartitionWatcher } from '../partitions/partition.ts';
import { BrokerGone } from './broker-gone.ts';
import type { FetchWitness } from './fetch-witness.ts';

/** Below the 5 s that vitest and jest give a test, so that its author reads what was seen. */
export const waitTimeoutMsDefault = 4_500;
const waitTimeoutMsMax = 2 ** 31 - 1;

export interface WaitTimeout {
  /** Default 4.5 seconds. */
  readonly timeoutMs?: number;
  /** Ends it, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** It did not come to that in time, or cannot any more; the message says what was seen. */
export class WaitFailed extends Error {
  override readonly name = 'WaitFailed';
  /** How it was in the end. */
  readonly saw: string;

  constructor(message: string, saw: string = message) {
    super(message);
    this.saw = saw;
  }
}

/** `done`, or what there is instead. */
export type Look<T> = { readonly done: T } | { readonly saw: string };

export interface Wait<T> {
  /** "group shop to be stable" */
  readonly what: string;
  /** Whose partitions are watched. */
  readonly topics: () => readonly string[];
  look(): Look<T> | Promise<Look<T>>;
  /** What else may bring it about. Returns how to stop that. */
  readonly follow?: (changed: () => void) => () => void;
}

/** What must be known of the broker that is waited for. */
export interface Waited {
  readonly broker: RunningBroker;
  readonly witness: FetchWitness;
  /** Calls back when that broker ends, with why. */
  onEnd(callback: (reason: BrokerGone['reason']) => void): () => void;
}

/** What every wait may be told, and that there is no other option than these and `names`. Throws an OptionError. */
export function checkWait(of: string, options: WaitTimeout, ...names: readonly string[]): void {
  checkNames(of, options, Object.fromEntries([...names, 'timeoutMs', 'signal'].map((name) => [name, true])));
  const { timeoutMs, signal } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new OptionError('signal', `signal must be an AbortSignal, not ${shown(signal)}`);
  if (timeoutMs !== undefined) checkInteger('timeoutMs', timeoutMs, 0, waitTimeoutMsMax);
}

/** Throws an OptionError for a topic that is not there: a typing error, or one that was to be made before. */
export function refuseUnknown({ cluster }: Pick<RunningBroker['services'], 'cluster'>, topic: string): void {
  if (cluster.topic(topic) === undefined) throw new OptionError('topic', `there is no topic ${topic}`);
}

export function until<T>(
  { broker, onEnd }: Waited,
  wait: Wait<T>,
  { timeoutMs = waitTimeoutMsDefault, signal }: WaitTimeout = {},
): Promise<T> {
  // Whoever waits does so in his own time, however the broker's is moved.
  const clock = nodeClock;
  return new Promise((resolve, reject) => {
    let saw = 'nothing yet';
    let isLooking = false;
    let hasChanged = false;
    let isOver = false;
    let isTimeUp = false;
    const settle = (by: () => void): void => {
      if (isOver) return;
      isOver = true;
      watch.close();
      timer.cancel();
      forgetEnd();
      unfollow();
      signal?.removeEventListener('abort', aborted);
      by();
    };
    const look = async (): Promise<void> => {
      if (isLooking || isOver) return;
      isLooking = true;
      while (hasChanged && !isOver) {
        hasChanged = false;
        watch.follow(wait.topics());
        const seen = await wait.look();
        if ('done' in seen) return settle(() => resolve(seen.done));
        saw = seen.saw;
      }
      isLooking = false;
      if (isTimeUp) fail();
    };
    const changed = (): void => {
      if (hasChanged || isOver) return;
      hasChanged = true;
      clock.defer(() => look().catch((error) => settle(() => reject(error))));
    };
    const watch = new Watch(broker, changed);
    const unfollow = wait.follow?.(changed) ?? (() => {});
    const fail = (): void =>
      settle(() => reject(new WaitFailed(`waited ${timeoutMs} ms for ${wait.what}: ${saw}`, saw)));
    // Not everything that a look sees has called it: once more, so that what is told is how it is now. One that is under way may never end.
    const timer = clock.schedule(timeoutMs, () => {
      if (isLooking) return fail();
      isTimeUp = true;
      hasChanged = true;
      look().catch((error) => settle(() => reject(error)));
    });
    const forgetEnd = onEnd((reason) =>
      settle(() => reject(new BrokerGone(`waited for ${wait.what}, which saw ${saw}`, reason))),
    );
    const aborted = (): void => settle(() => reject(signal!.reason));
    signal?.addEventListener('abort', aborted);
    if (signal?.aborted) aborted();
    else changed();
  });
}

/** Tells of every change of some topics' partitions, of the cluster, and of the cleaner. */
class Watch implements PartitionWatcher {
  readonly #broker: RunningBroker;
  readonly #changed: () => void;
  readonly #watched = new Set<Partition>();
  readonly #forget: (() => void)[];

  constructor(broker: RunningBroker, changed: () => void) {
    this.#broker = broker;
    this.#changed = changed;
    this.#forget = [broker.services.cluster.onChange(changed), broker.onCleanerIdle(changed)];
  }

  follow(topics: readonly string[]): void {
    const { cluster, partitions } = this.#broker.services;
    for (const topic of topics) {
      const count = cluster.topic(topic)?.partitions.length ?? 0;
      for (let index = 0; index < count; index++) {
        const partition = partitions.get(topic, index);
        if (partition === undefined || this.#watched.has(partition)) continue;
        partition.watch(this);
        this.#watched.add(partition);
      }
    }
  }

  partitionChanged(): void {
    this.#changed();
  }

  close(): void {
    for (const partition of this.#watched) partition.unwatch(this);
    for (const forget of this.#forget) forget();
  }
}
