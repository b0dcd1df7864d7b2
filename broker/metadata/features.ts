/**
 * Feature levels (KIP-584): how far what this cluster writes and serves goes. The metadata log holds the finalized level of
 * each; what is served here may be less, because a directory of Apache Kafka brings its own levels along. Clients are told
 * the smaller one, and the log keeps what it has.
 *
 * `metadata.version` says which record versions may be written:
 *
 *     level        7 …   17 (3.7-IV2)        23 (4.0-IV1)         30 (4.3-IV0)        33 (4.4-IV2)
 *     adds               directory ids       eligible leaders     cordoned dirs       the newest known here
 */
export const metadataVersionFeature = 'metadata.version';
export const kraftVersionFeature = 'kraft.version';
export const eligibleLeadersFeature = 'eligible.leader.replicas.version';
export const transactionVersionFeature = 'transaction.version';

/** Written by format: the lowest level that does the job, because a newer one keeps Kafka 4.3 out. */
export const formatMetadataVersion = 30;

/**
 * Written by format besides, and by the next start into a directory of ours from before it was served: one at this
 * metadata.version or later where nobody has said anything of it. Kafka does not raise a feature by itself.
 */
export const formatFeatures: readonly {
  readonly name: string;
  readonly level: number;
  readonly since: number;
}[] = [
  // 24: 4.0-IV2
  { name: transactionVersionFeature, level: 2, since: 24 },
];

export interface LevelRange {
  readonly min: number;
  readonly max: number;
}

/** What can be finalized here. A feature that is served from a later issue on has only its level 0. */
export const supportedFeatures: Readonly<Record<string, LevelRange>> = {
  [metadataVersionFeature]: { min: 7, max: 33 },
  [kraftVersionFeature]: { min: 0, max: 1 },
  [transactionVersionFeature]: { min: 0, max: 2 },
  'group.version': { min: 0, max: 0 },
  'share.version': { min: 0, max: 0 },
  'streams.version': { min: 0, max: 0 },
  [eligibleLeadersFeature]: { min: 0, max: 0 },
};

/** Features whose records in a directory may be read, whether or not they are served: all that Kafka 4.4 knows. */
const readableFeatures: Readonly<Record<string, LevelRange>> = {
  [metadataVersionFeature]: { min: 7, max: 33 },
  [kraftVersionFeature]: { min: 0, max: 1 },
  [transactionVersionFeature]: { min: 0, max: 2 },
  'group.version': { min: 0, max: 1 },
  'share.version': { min: 0, max: 2 },
  'streams.version': { min: 0, max: 1 },
  [eligibleLeadersFeature]: { min: 0, max: 1 },
};

/** A feature may have any name in a request or a record, 'constructor' too. */
function rangeOf(features: Readonly<Record<string, LevelRange>>, name: string): LevelRange | undefined {
  return Object.hasOwn(features, name) ? features[name] : undefined;
}

/** Undefined for a feature that is not known here. */
export function supportedRange(name: string): LevelRange | undefined {
  return rangeOf(supportedFeatures, name);
}

/** Null for a level that a directory may hold and that this version can go on with, else what is wrong with it. */
export function featureProblem(name: string, level: number): string | null {
  const range = rangeOf(readableFeatures, name);
  // Kafka passes over kraft.version here, as the cluster machine does; a level of 0 takes a feature away.
  if (name === kraftVersionFeature || (level === 0 && name !== metadataVersionFeature)) return null;
  if (range !== undefined && level >= range.min && level <= range.max) return null;
  const known = range === undefined ? 'not known here' : `known here from ${range.min} to ${range.max}`;
  return `${name} is at level ${level}, ${known}`;
}

/** Levels of metadata.version whose records differ from those of the level before. */
const levelsThatChangeRecords = [7, 8, 11, 13, 14, 15, 17, 23, 30, 32, 33];

/** Whether going down from one level to another could lose what is written at the first. */
export function changesRecords(fromLevel: number, toLevel: number): boolean {
  return levelsThatChangeRecords.some((level) => level > toLevel && level <= fromLevel);
}

/** The versions that Kafka writes at a level of metadata.version. */
export function recordVersionsAt(metadataVersion: number): RecordVersions {
  const partition = metadataVersion >= 23 ? 2 : metadataVersion >= 17 ? 1 : 0;
  return {
    registerBroker: metadataVersion >= 30 ? 4 : metadataVersion >= 17 ? 3 : metadataVersion >= 8 ? 2 : 1,
    partition,
    partitionChange: partition,
  };
}

export interface RecordVersions {
  readonly registerBroker: number;
  readonly partition: number;
  readonly partitionChange: number;
}

/** Finalized levels. `served` is what clients are told. */
export class FeatureLevels {
  readonly #recorded = new Map<string, number>();
  readonly #served = new Map<string, number>();
  readonly #mentioned = new Set<string>();
  /** Offset of the record that changed a level last: grows with each change and survives restarts. */
  epoch = -1;

  get recorded(): ReadonlyMap<string, number> {
    return this.#recorded;
  }

  get served(): ReadonlyMap<string, number> {
    return this.#served;
  }

  get metadataVersion(): number | undefined {
    return this.#recorded.get(metadataVersionFeature);
  }

  /** Features that anybody has said anything of. */
  get mentioned(): ReadonlySet<string> {
    return this.#mentioned;
  }

  /** Whether anybody has said anything of a feature, if only that it is off. */
  mentions(name: string): boolean {
    return this.#mentioned.has(name);
  }

  /** Level 0 removes. */
  set(name: string, level: number, offset: number): void {
    this.#mentioned.add(name);
    const served = Math.min(level, supportedRange(name)?.max ?? 0);
    if (level > 0) this.#recorded.set(name, level);
    else this.#recorded.delete(name);
    if (served > 0) this.#served.set(name, served);
    else this.#served.delete(name);
    this.epoch = Math.max(this.epoch, offset);
  }

  clear(): void {
    this.#recorded.clear();
    this.#served.clear();
    this.#mentioned.clear();
    this.epoch = -1;
  }
}
