/**
 * The kinds of record in `__share_group_state`.
 */
import { recordReader } from '../../../protocol/records/coordinator-records.ts';
import { shareSnapshotKey, shareSnapshotValue, shareUpdateKey, shareUpdateValue } from './share-state.ts';

export const shareRecords = {
  shareSnapshot: { key: shareSnapshotKey, value: shareSnapshotValue },
  shareUpdate: { key: shareUpdateKey, value: shareUpdateValue },
} as const;

/** A record of `__share_group_state`. */
export const decodeShareRecord = recordReader(shareRecords);
