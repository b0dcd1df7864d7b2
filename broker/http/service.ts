/** What the routes work with. */
import type { Clock } from '../../storage/environment/clock.ts';
import type { Broker } from '../embedded/broker-interface.ts';
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
export interface TestActions extends TestParts {
  readonly gaps: Pick<Gaps, 'list' | 'others'>;
}

/** What of that outlives the broker of the moment. */
export interface TestParts {
  readonly control: TestControl;
  /** When it has started. */
  readonly broker: Promise<TestedBroker>;
}

export type TestedBroker = Pick<
  Broker,
  'compact' | 'reset' | 'snapshot' | 'clock' | 'groupStable' | 'committed' | 'records' | 'compacted'
>;
