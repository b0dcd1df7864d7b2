import type { JournalLog } from '../../broker/journal/journal.ts';
import type { TopicSettings } from '../../storage/config/topic-settings.ts';
import type { Log } from '../../storage/log/log.ts';
import { type SimulatedEnvironment, simulatedEnvironment } from '../simulation/simulated-environment.ts';
import { openLog } from '../storage/log/log-fixture.ts';
import { CompactedLog } from './compacted-log.ts';

/** An internal compacted topic: a real log that a journal writes to and reads, and that is cleaned now and then. */
export class CompactedJournalLog {
  readonly environment: SimulatedEnvironment;
  readonly log: Log;
  readonly #compacted: CompactedLog;

  constructor(seed: number, settings: Partial<TopicSettings> = {}) {
    this.environment = simulatedEnvironment({ seed });
    const { random } = this.environment;
    this.log = openLog(this.environment, {
      settings: {
        'cleanup.policy': ['compact'],
        'internal.segment.bytes': random.pick([600, 2_000]),
        'delete.retention.ms': 1_000,
        'file.delete.delay.ms': 0,
        ...settings,
      },
    });
    this.#compacted = new CompactedLog(this.environment, this.log);
  }

  get partition(): JournalLog {
    const { log } = this;
    return {
      append: (records, options) => log.append(records, { ...options, leaderEpoch: 0 }),
      read: (offset, options) => log.read(offset, options),
      producer: (producerId) => Array.from(log.producers()).find((each) => each.producerId === producerId),
      get logStartOffset() {
        return log.logStartOffset;
      },
      get endOffset() {
        return log.endOffset;
      },
    };
  }

  /** A pass over all that can be cleaned; `all` also over what is clean, and what is still active. */
  async clean(all = false): Promise<void> {
    const { clock } = this.environment;
    if (all) {
      await this.log.roll();
      this.#compacted.checkpoint = null;
    }
    const outcome = await clock.until(this.#compacted.pass({ nowMs: clock.nowMs() }));
    if (outcome !== null && outcome.kind !== 'cleaned') throw new Error(`the pass is ${outcome.kind}`);
  }
}
