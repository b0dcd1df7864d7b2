/**
 * Feature levels in the metadata log; the level of `metadata.version` decides which versions of the other
 * records may be written.
 */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { int8, int16, string } from '../../../protocol/schema/field.ts';

/** A feature was finalized at a level; 0 takes it away. */
export const featureLevelRecord = defineRecord({
  name: 'FeatureLevelRecord',
  type: 12,
  versions: '0',
  flexible: '0+',
  fields: {
    name: string,
    featureLevel: int16,
  },
});

/** How far the migration from ZooKeeper has come; 0 in clusters that never had it. */
export const zkMigrationStateRecord = defineRecord({
  name: 'ZkMigrationStateRecord',
  type: 21,
  versions: '0',
  flexible: '0+',
  fields: {
    zkMigrationState: int8,
  },
});
