/** What the routes work with. */
import type { Clock } from '../../storage/environment/clock.ts';
import type { Compactions } from '../cleaning/compactions.ts';
import type { TestControl } from '../faults/test-control.ts';
import type { ServedLookups } from '../lookup/lookup.ts';
import type { Gaps } from '../observe/gaps.ts';
import type { Logger } from '../observe/logger.ts';
import type { ChangeStreams } from './change-streams.ts';

export interface HttpService {
  readonly lookups: ServedLookups;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly version: string;
  readonly streams: ChangeStreams;
  /** `max.message.bytes` of a topic, null without such a topic. */
  messageBytesMax(topic: string): number | null;
  /** A disk error has taken the log directory out of service. */
  isOffline(): boolean;
  /** Null: tests may do nothing. */
  readonly test: TestActions | null;
}

/** What tests may use. */
export interface TestActions {
  readonly control: TestControl;
  readonly gaps: Pick<Gaps, 'list' | 'others'>;
  readonly compactions: Pick<Compactions, 'compact'>;
}
