/** The handlers of classic groups and their offsets. */
import { deleteGroupsHandler } from './delete-groups.ts';
import { describeGroupsHandler } from './describe-groups.ts';
import { findCoordinatorHandler } from './find-coordinator.ts';
import { heartbeatHandler } from './heartbeat.ts';
import { joinGroupHandler } from './join-group.ts';
import { leaveGroupHandler } from './leave-group.ts';
import { listGroupsHandler } from './list-groups.ts';
import { offsetCommitHandler } from './offset-commit.ts';
import { offsetDeleteHandler } from './offset-delete.ts';
import { offsetFetchHandler } from './offset-fetch.ts';
import { syncGroupHandler } from './sync-group.ts';

export const groupHandlers = {
  findCoordinator: findCoordinatorHandler,
  joinGroup: joinGroupHandler,
  syncGroup: syncGroupHandler,
  heartbeat: heartbeatHandler,
  leaveGroup: leaveGroupHandler,
  describeGroups: describeGroupsHandler,
  listGroups: listGroupsHandler,
  deleteGroups: deleteGroupsHandler,
  offsetCommit: offsetCommitHandler,
  offsetFetch: offsetFetchHandler,
  offsetDelete: offsetDeleteHandler,
};
