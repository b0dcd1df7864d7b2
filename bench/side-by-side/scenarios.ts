/** What is measured, by the names that `--only` takes. */
import { CleanerRows } from './rows-cleaner.ts';
import { clientRows } from './rows-clients.ts';
import { fetchRows, latencyRows, produceRows, smallRequestRows } from './rows-data.ts';
import { manyRows, topicRows, wideRequestRows } from './rows-many.ts';
import { connectionRows, memoryRows, sizeRows } from './rows-memory.ts';
import { coldRows, startRows } from './rows-start.ts';
import type { Site, Sizes } from './site.ts';
import type { Stage } from './stage.ts';

/** In processes of its own, while no other broker runs. */
export interface OwnScenario {
  run(site: Site): Promise<void>;
  /** Rounds that are enough; left out: all. */
  readonly roundsMax?: number;
  close?(): Promise<void>;
}

export const ownScenarios: Readonly<Record<string, OwnScenario>> = {
  // The same bytes each time.
  size: { run: sizeRows, roundsMax: 1 },
  start: { run: startRows },
  cold: { run: coldRows },
  memory: { run: memoryRows },
  connections: { run: connectionRows },
  // Kafka takes a minute for it.
  many: { run: manyRows, roundsMax: 1 },
  cleaner: new CleanerRows(),
};

/** On brokers that were warmed up and live through all rounds; each load has topics of its own, which are gone before the next. */
export const warmScenarios: Readonly<Record<string, (stage: Stage, sizes: Sizes) => Promise<void>>> = {
  produce: (stage, { loadBytes }) => produceRows(stage, loadBytes),
  fetch: (stage, { loadBytes }) => fetchRows(stage, loadBytes),
  small: (stage, { loadBytes }) => smallRequestRows(stage, loadBytes / 10_000),
  latency: (stage, sizes) => latencyRows(stage, sizes.count(10_000)),
  clients: (stage, { loadBytes }) => clientRows(stage, loadBytes / 50_000),
  wide: wideRequestRows,
  topics: topicRows,
};
