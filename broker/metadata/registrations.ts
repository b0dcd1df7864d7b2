import type { RecordOf } from '../../protocol/schema/api.ts';
import type { registerBrokerRecord } from './records/brokers.ts';
import { copyOf, type MetadataRecord } from './records/index.ts';

type Registration = RecordOf<typeof registerBrokerRecord>;

/** The brokers of the cluster as they have registered, with what changed about them since. Ours is one of them. */
export class Registrations {
  readonly #byId = new Map<number, Registration>();

  get(brokerId: number): Registration | undefined {
    return this.#byId.get(brokerId);
  }

  values(): Iterable<Registration> {
    return this.#byId.values();
  }

  clear(): void {
    this.#byId.clear();
  }

  /** Passes over what is not about brokers. */
  apply(entry: MetadataRecord): void {
    switch (entry.kind) {
      case 'registerBrokerRecord':
        this.#byId.set(entry.record.brokerId, copyOf(entry).record);
        break;
      case 'unregisterBrokerRecord':
        this.#byId.delete(entry.record.brokerId);
        break;
      case 'fenceBrokerRecord':
        this.#change(entry.record.id, { fenced: true });
        break;
      case 'unfenceBrokerRecord':
        this.#change(entry.record.id, { fenced: false });
        break;
      case 'brokerRegistrationChangeRecord': {
        const { brokerId, fenced, inControlledShutdown, logDirs, cordonedLogDirs } = entry.record;
        this.#change(brokerId, {
          ...(fenced === 0 ? {} : { fenced: fenced > 0 }),
          ...(inControlledShutdown > 0 ? { inControlledShutdown: true } : {}),
          ...(logDirs.length > 0 ? { logDirs } : {}),
          ...(cordonedLogDirs === null ? {} : { cordonedLogDirs }),
        });
      }
    }
  }

  #change(brokerId: number, change: Partial<Registration>): void {
    const before = this.#byId.get(brokerId);
    if (before !== undefined) this.#byId.set(brokerId, { ...before, ...change });
  }
}
