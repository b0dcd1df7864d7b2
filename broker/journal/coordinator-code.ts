import { errors } from '../../protocol/errors.ts';
import { JournalError } from './journal.ts';

/** What a client of a coordinator hears when an append to the coordinator's topic failed. */
export function coordinatorCode(error: unknown): number {
  if (!(error instanceof JournalError)) throw error;
  switch (error.errorCode) {
    case errors.kafkaStorageError.code:
    case errors.notLeaderOrFollower.code:
      return errors.notCoordinator.code;
    case errors.unknownTopicOrPartition.code:
    case errors.notEnoughReplicas.code:
      return errors.coordinatorNotAvailable.code;
    case errors.messageTooLarge.code:
    case errors.recordListTooLarge.code:
      return errors.unknownServerError.code;
    default:
      return error.errorCode;
  }
}

/** What became of a marker: as the log says it; a journal that is not there is a partition that is not ready. */
export function markerCode(error: unknown): number {
  if (!(error instanceof JournalError)) throw error;
  const isNotReady =
    error.errorCode === errors.coordinatorLoadInProgress.code ||
    error.errorCode === errors.notCoordinator.code;
  return isNotReady ? errors.notLeaderOrFollower.code : error.errorCode;
}
