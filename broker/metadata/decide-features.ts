import { errors } from '../../protocol/errors.ts';
import type { Decision } from '../journal/state-machine.ts';
import type { ClusterMachine } from './cluster-machine.ts';
import { noProblem, type Problem } from './decide.ts';
import { changesRecords, kraftVersionFeature, metadataVersionFeature, supportedRange } from './features.ts';
import type { NamedResult } from './metadata-controller.ts';
import { featureLevelRecord } from './records/features.ts';
import { encodeMetadataRecord } from './records/index.ts';

export interface FeatureUpdate {
  readonly name: string;
  readonly level: number;
  /** One of `upgradeTypes`. */
  readonly upgradeType: number;
}

const upgradeTypes = { upgrade: 1, safeDowngrade: 2, unsafeDowngrade: 3 } as const;

/** UpdateFeatures (KIP-584, KIP-778): all updates or none; the first one that cannot be is the error of all. */
export function decideUpdateFeatures(
  state: ClusterMachine,
  updates: readonly FeatureUpdate[],
  validateOnly: boolean,
): Decision<Buffer, readonly NamedResult[]> {
  for (const update of updates) {
    const problem = updateProblem(state, update);
    if (problem !== null) return { entries: [], answer: updates.map(({ name }) => ({ name, ...problem })) };
  }
  const entries: Buffer[] = [];
  for (const { name, level } of updates)
    if (name !== kraftVersionFeature)
      entries.push(encodeMetadataRecord(featureLevelRecord, 0, { name, featureLevel: level }));
  return {
    entries: validateOnly ? [] : entries,
    answer: updates.map(({ name }) => ({ name, ...noProblem })),
  };
}

function updateProblem(state: ClusterMachine, { name, level, upgradeType }: FeatureUpdate): Problem | null {
  const refuse = (why: string) =>
    invalidUpdate(`Invalid update version ${level} for feature ${name}. ${why}`);
  if (!Object.values<number>(upgradeTypes).includes(upgradeType))
    return refuse('The controller does not support the given upgrade type.');
  if (level < 0) return refuse('A feature version cannot be less than 0.');
  const range = supportedRange(name) ?? { min: 0, max: 0 };
  if (level < range.min || level > range.max) {
    const controller = `Local controller ${state.nodeId}`;
    return refuse(
      range.max === 0
        ? `${controller} does not support this feature.`
        : `${controller} only supports versions ${range.min}-${range.max}`,
    );
  }
  const current = state.recordedFeatures.get(name) ?? 0;
  if (level < current && upgradeType === upgradeTypes.upgrade)
    return refuse(
      "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.",
    );
  if (level > current && upgradeType !== upgradeTypes.upgrade)
    return refuse("Can't downgrade to a newer version.");
  if (name === kraftVersionFeature && level !== current)
    return refuse("Can't change the version of this feature.");
  return name === metadataVersionFeature ? metadataVersionProblem(current, level, upgradeType) : null;
}

function metadataVersionProblem(from: number, to: number, upgradeType: number): Problem | null {
  if (to >= from || !changesRecords(from, to)) return null;
  const why =
    upgradeType === upgradeTypes.unsafeDowngrade
      ? 'Unsafe metadata downgrade is not supported in this version.'
      : 'Refusing to perform the requested downgrade because it might delete metadata information.';
  return invalidUpdate(`Unsupported metadata.version downgrade from ${from} to ${to}. ${why}`);
}

function invalidUpdate(errorMessage: string): Problem {
  return { errorCode: errors.invalidUpdateVersion.code, errorMessage };
}
