/**
 * Every error of Kafka's protocol: the code that goes over the wire, its name in Kafka's documents, whether a
 * client that gets it tries again, and a sentence for logs and error fields. An error is a value; handlers
 * answer with its code.
 */

export interface KafkaError {
  readonly code: number;
  readonly name: string;
  readonly retriable: boolean;
  readonly message: string;
}

function final<const Name extends string>(
  code: number,
  name: Name,
  message: string,
): KafkaError & { readonly name: Name } {
  return { code, name, retriable: false, message };
}

function retriable<const Name extends string>(
  code: number,
  name: Name,
  message: string,
): KafkaError & { readonly name: Name } {
  return { code, name, retriable: true, message };
}

export const errors = {
  unknownServerError: final(-1, 'UNKNOWN_SERVER_ERROR', 'The broker met an error that it did not foresee.'),
  none: final(0, 'NONE', 'No error.'),
  offsetOutOfRange: final(
    1,
    'OFFSET_OUT_OF_RANGE',
    'The offset is outside the range that the partition holds.',
  ),
  corruptMessage: retriable(
    2,
    'CORRUPT_MESSAGE',
    'The record batch is damaged: a wrong checksum, size or encoding, or no key in a compacted topic.',
  ),
  unknownTopicOrPartition: retriable(
    3,
    'UNKNOWN_TOPIC_OR_PARTITION',
    'This broker has no such topic or partition.',
  ),
  invalidFetchSize: final(4, 'INVALID_FETCH_SIZE', 'The requested fetch size is not valid.'),
  leaderNotAvailable: retriable(5, 'LEADER_NOT_AVAILABLE', 'The partition has no leader at the moment.'),
  notLeaderOrFollower: retriable(
    6,
    'NOT_LEADER_OR_FOLLOWER',
    'The broker is not the leader of the partition, nor a replica that may answer.',
  ),
  requestTimedOut: retriable(7, 'REQUEST_TIMED_OUT', 'The request took longer than its time-out.'),
  brokerNotAvailable: final(8, 'BROKER_NOT_AVAILABLE', 'The broker is not available.'),
  replicaNotAvailable: retriable(9, 'REPLICA_NOT_AVAILABLE', 'The replica is not available on this broker.'),
  messageTooLarge: final(10, 'MESSAGE_TOO_LARGE', 'The batch is larger than the topic accepts.'),
  staleControllerEpoch: final(11, 'STALE_CONTROLLER_EPOCH', 'The controller has moved to another broker.'),
  offsetMetadataTooLarge: final(
    12,
    'OFFSET_METADATA_TOO_LARGE',
    'The metadata string of a committed offset is too long.',
  ),
  networkException: retriable(13, 'NETWORK_EXCEPTION', 'The connection ended before the answer came.'),
  coordinatorLoadInProgress: retriable(
    14,
    'COORDINATOR_LOAD_IN_PROGRESS',
    'The coordinator is still reading its state.',
  ),
  coordinatorNotAvailable: retriable(15, 'COORDINATOR_NOT_AVAILABLE', 'The coordinator is not available.'),
  notCoordinator: retriable(
    16,
    'NOT_COORDINATOR',
    'This broker does not coordinate that group or transaction.',
  ),
  invalidTopicException: final(
    17,
    'INVALID_TOPIC_EXCEPTION',
    'The topic name is not valid, or the topic may not be used this way.',
  ),
  recordListTooLarge: final(18, 'RECORD_LIST_TOO_LARGE', 'The batch is larger than a segment of the log.'),
  notEnoughReplicas: retriable(
    19,
    'NOT_ENOUGH_REPLICAS',
    'Fewer replicas are in sync than the topic demands.',
  ),
  notEnoughReplicasAfterAppend: retriable(
    20,
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    'The batch was written, but to fewer in-sync replicas than the topic demands.',
  ),
  invalidRequiredAcks: final(21, 'INVALID_REQUIRED_ACKS', 'The value of acks is not one of -1, 0 and 1.'),
  illegalGeneration: final(22, 'ILLEGAL_GENERATION', 'The generation of the group has passed.'),
  inconsistentGroupProtocol: final(
    23,
    'INCONSISTENT_GROUP_PROTOCOL',
    "The member's protocols have nothing in common with those of the group.",
  ),
  invalidGroupId: final(24, 'INVALID_GROUP_ID', 'The group id is not valid.'),
  unknownMemberId: final(25, 'UNKNOWN_MEMBER_ID', 'The group does not know this member.'),
  invalidSessionTimeout: final(
    26,
    'INVALID_SESSION_TIMEOUT',
    'The session time-out is outside the range that the broker allows.',
  ),
  rebalanceInProgress: final(27, 'REBALANCE_IN_PROGRESS', 'The group is rebalancing: join again.'),
  invalidCommitOffsetSize: final(
    28,
    'INVALID_COMMIT_OFFSET_SIZE',
    'The offsets are too large to be committed at once.',
  ),
  topicAuthorizationFailed: final(29, 'TOPIC_AUTHORIZATION_FAILED', 'Access to the topic is denied.'),
  groupAuthorizationFailed: final(30, 'GROUP_AUTHORIZATION_FAILED', 'Access to the group is denied.'),
  clusterAuthorizationFailed: final(
    31,
    'CLUSTER_AUTHORIZATION_FAILED',
    'This operation on the cluster is denied.',
  ),
  invalidTimestamp: final(
    32,
    'INVALID_TIMESTAMP',
    'The timestamp of a record is outside the range that the topic accepts.',
  ),
  unsupportedSaslMechanism: final(
    33,
    'UNSUPPORTED_SASL_MECHANISM',
    'The broker does not offer this SASL mechanism.',
  ),
  illegalSaslState: final(
    34,
    'ILLEGAL_SASL_STATE',
    'The request does not fit the state of the SASL exchange.',
  ),
  unsupportedVersion: final(
    35,
    'UNSUPPORTED_VERSION',
    'The broker does not serve this version of the request.',
  ),
  topicAlreadyExists: final(36, 'TOPIC_ALREADY_EXISTS', 'A topic of that name exists.'),
  invalidPartitions: final(37, 'INVALID_PARTITIONS', 'The number of partitions is not valid.'),
  invalidReplicationFactor: final(
    38,
    'INVALID_REPLICATION_FACTOR',
    'The replication factor is below 1 or above the number of brokers.',
  ),
  invalidReplicaAssignment: final(39, 'INVALID_REPLICA_ASSIGNMENT', 'The replica assignment is not valid.'),
  invalidConfig: final(40, 'INVALID_CONFIG', 'The configuration is not valid.'),
  notController: retriable(41, 'NOT_CONTROLLER', 'This node is not the active controller.'),
  invalidRequest: final(42, 'INVALID_REQUEST', 'The request contradicts itself or makes no sense here.'),
  unsupportedForMessageFormat: final(
    43,
    'UNSUPPORTED_FOR_MESSAGE_FORMAT',
    'The message format of the topic cannot do this.',
  ),
  policyViolation: final(44, 'POLICY_VIOLATION', 'The request breaks a policy of the cluster.'),
  outOfOrderSequenceNumber: final(
    45,
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
    'The sequence number does not follow the last one of its producer.',
  ),
  duplicateSequenceNumber: final(
    46,
    'DUPLICATE_SEQUENCE_NUMBER',
    'The sequence number has been seen before.',
  ),
  invalidProducerEpoch: final(47, 'INVALID_PRODUCER_EPOCH', 'The epoch of the producer is out of date.'),
  invalidTxnState: final(48, 'INVALID_TXN_STATE', 'The transaction is not in a state that allows this.'),
  invalidProducerIdMapping: final(
    49,
    'INVALID_PRODUCER_ID_MAPPING',
    'The producer id does not belong to this transactional id.',
  ),
  invalidTransactionTimeout: final(
    50,
    'INVALID_TRANSACTION_TIMEOUT',
    "The transaction time-out is above the broker's maximum.",
  ),
  concurrentTransactions: retriable(
    51,
    'CONCURRENT_TRANSACTIONS',
    'Another operation on the transaction has not finished yet.',
  ),
  transactionCoordinatorFenced: final(
    52,
    'TRANSACTION_COORDINATOR_FENCED',
    'The transaction coordinator that sent the markers is out of date.',
  ),
  transactionalIdAuthorizationFailed: final(
    53,
    'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
    'Access to the transactional id is denied.',
  ),
  securityDisabled: final(54, 'SECURITY_DISABLED', 'Security features are switched off.'),
  operationNotAttempted: final(
    55,
    'OPERATION_NOT_ATTEMPTED',
    'Not attempted, because an earlier part of the request failed.',
  ),
  kafkaStorageError: retriable(56, 'KAFKA_STORAGE_ERROR', 'The disk failed while the log was used.'),
  logDirNotFound: final(57, 'LOG_DIR_NOT_FOUND', "The log directory is not one of this broker's."),
  saslAuthenticationFailed: final(58, 'SASL_AUTHENTICATION_FAILED', 'SASL authentication failed.'),
  unknownProducerId: final(59, 'UNKNOWN_PRODUCER_ID', 'The broker no longer knows this producer id.'),
  reassignmentInProgress: final(60, 'REASSIGNMENT_IN_PROGRESS', 'The partition is being reassigned already.'),
  delegationTokenAuthDisabled: final(
    61,
    'DELEGATION_TOKEN_AUTH_DISABLED',
    'Delegation tokens are switched off.',
  ),
  delegationTokenNotFound: final(
    62,
    'DELEGATION_TOKEN_NOT_FOUND',
    'The broker has no such delegation token.',
  ),
  delegationTokenOwnerMismatch: final(
    63,
    'DELEGATION_TOKEN_OWNER_MISMATCH',
    'The delegation token belongs to someone else.',
  ),
  delegationTokenRequestNotAllowed: final(
    64,
    'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED',
    'A delegation token cannot be asked for on this connection.',
  ),
  delegationTokenAuthorizationFailed: final(
    65,
    'DELEGATION_TOKEN_AUTHORIZATION_FAILED',
    'Access to the delegation token is denied.',
  ),
  delegationTokenExpired: final(66, 'DELEGATION_TOKEN_EXPIRED', 'The delegation token has expired.'),
  invalidPrincipalType: final(67, 'INVALID_PRINCIPAL_TYPE', 'The type of the principal is not supported.'),
  nonEmptyGroup: final(68, 'NON_EMPTY_GROUP', 'The group is not empty.'),
  groupIdNotFound: final(69, 'GROUP_ID_NOT_FOUND', 'The group does not exist.'),
  fetchSessionIdNotFound: retriable(
    70,
    'FETCH_SESSION_ID_NOT_FOUND',
    'The broker has no such fetch session.',
  ),
  invalidFetchSessionEpoch: retriable(
    71,
    'INVALID_FETCH_SESSION_EPOCH',
    'The epoch of the fetch session is not the one expected.',
  ),
  listenerNotFound: retriable(
    72,
    'LISTENER_NOT_FOUND',
    'The leader has no listener of the name that the client uses.',
  ),
  topicDeletionDisabled: final(73, 'TOPIC_DELETION_DISABLED', 'Deleting topics is switched off.'),
  fencedLeaderEpoch: retriable(
    74,
    'FENCED_LEADER_EPOCH',
    "The client's leader epoch is older than the broker's.",
  ),
  unknownLeaderEpoch: retriable(
    75,
    'UNKNOWN_LEADER_EPOCH',
    "The client's leader epoch is newer than the broker's.",
  ),
  unsupportedCompressionType: final(
    76,
    'UNSUPPORTED_COMPRESSION_TYPE',
    'The client cannot decompress what the topic holds.',
  ),
  staleBrokerEpoch: final(77, 'STALE_BROKER_EPOCH', 'The broker registered again since this epoch.'),
  offsetNotAvailable: retriable(
    78,
    'OFFSET_NOT_AVAILABLE',
    'The high watermark has not caught up after a leader change.',
  ),
  memberIdRequired: final(79, 'MEMBER_ID_REQUIRED', 'Join again with the member id in this answer.'),
  preferredLeaderNotAvailable: retriable(
    80,
    'PREFERRED_LEADER_NOT_AVAILABLE',
    'The preferred leader is not available.',
  ),
  groupMaxSizeReached: final(81, 'GROUP_MAX_SIZE_REACHED', 'The group has as many members as it may have.'),
  fencedInstanceId: final(
    82,
    'FENCED_INSTANCE_ID',
    'Another member with the same instance id has taken over.',
  ),
  eligibleLeadersNotAvailable: retriable(
    83,
    'ELIGIBLE_LEADERS_NOT_AVAILABLE',
    'No replica that may lead is available.',
  ),
  electionNotNeeded: retriable(84, 'ELECTION_NOT_NEEDED', 'The partition has such a leader already.'),
  noReassignmentInProgress: final(85, 'NO_REASSIGNMENT_IN_PROGRESS', 'No reassignment is in progress.'),
  groupSubscribedToTopic: final(
    86,
    'GROUP_SUBSCRIBED_TO_TOPIC',
    'The group is subscribed to the topic, so its offsets stay.',
  ),
  invalidRecord: final(87, 'INVALID_RECORD', 'A record in the batch failed validation.'),
  unstableOffsetCommit: retriable(
    88,
    'UNSTABLE_OFFSET_COMMIT',
    'The committed offset is part of a transaction that is still open.',
  ),
  throttlingQuotaExceeded: retriable(
    89,
    'THROTTLING_QUOTA_EXCEEDED',
    'The quota is used up: try again later.',
  ),
  producerFenced: final(
    90,
    'PRODUCER_FENCED',
    'A newer producer with the same transactional id has taken over.',
  ),
  resourceNotFound: final(91, 'RESOURCE_NOT_FOUND', 'The resource does not exist.'),
  duplicateResource: final(92, 'DUPLICATE_RESOURCE', 'The resource appears twice.'),
  unacceptableCredential: final(
    93,
    'UNACCEPTABLE_CREDENTIAL',
    'The credential does not meet the requirements.',
  ),
  inconsistentVoterSet: final(
    94,
    'INCONSISTENT_VOTER_SET',
    'The voters differ from those that were expected.',
  ),
  invalidUpdateVersion: final(95, 'INVALID_UPDATE_VERSION', 'The version to update to is not valid.'),
  featureUpdateFailed: final(96, 'FEATURE_UPDATE_FAILED', 'The features could not be updated.'),
  principalDeserializationFailure: final(
    97,
    'PRINCIPAL_DESERIALIZATION_FAILURE',
    'A principal in a forwarded request could not be read.',
  ),
  snapshotNotFound: final(98, 'SNAPSHOT_NOT_FOUND', 'The snapshot does not exist.'),
  positionOutOfRange: final(99, 'POSITION_OUT_OF_RANGE', 'The position lies outside the snapshot.'),
  unknownTopicId: retriable(100, 'UNKNOWN_TOPIC_ID', 'This broker has no topic with that id.'),
  duplicateBrokerRegistration: final(
    101,
    'DUPLICATE_BROKER_REGISTRATION',
    'Another broker with this id is registered.',
  ),
  brokerIdNotRegistered: final(102, 'BROKER_ID_NOT_REGISTERED', 'The broker id is not registered.'),
  inconsistentTopicId: retriable(
    103,
    'INCONSISTENT_TOPIC_ID',
    'The topic id differs from the one in the log.',
  ),
  inconsistentClusterId: final(
    104,
    'INCONSISTENT_CLUSTER_ID',
    'The cluster id differs from that of this cluster.',
  ),
  transactionalIdNotFound: final(
    105,
    'TRANSACTIONAL_ID_NOT_FOUND',
    'The coordinator has no such transactional id.',
  ),
  fetchSessionTopicIdError: retriable(
    106,
    'FETCH_SESSION_TOPIC_ID_ERROR',
    'Topic ids were used in only some requests of the fetch session.',
  ),
  ineligibleReplica: final(107, 'INELIGIBLE_REPLICA', 'The replica may not join the in-sync replicas.'),
  newLeaderElected: final(
    108,
    'NEW_LEADER_ELECTED',
    'The partition got a new leader while its in-sync replicas were altered.',
  ),
  offsetMovedToTieredStorage: final(
    109,
    'OFFSET_MOVED_TO_TIERED_STORAGE',
    'The offset has moved to tiered storage.',
  ),
  fencedMemberEpoch: final(
    110,
    'FENCED_MEMBER_EPOCH',
    'The epoch of the member is not the one expected: join again.',
  ),
  unreleasedInstanceId: final(
    111,
    'UNRELEASED_INSTANCE_ID',
    'The instance id is still in use by another member.',
  ),
  unsupportedAssignor: final(
    112,
    'UNSUPPORTED_ASSIGNOR',
    "No such assignor, or the group's members do not agree on one.",
  ),
  staleMemberEpoch: final(
    113,
    'STALE_MEMBER_EPOCH',
    'The epoch of the member is behind that of the group: fetch it and try again.',
  ),
  mismatchedEndpointType: final(
    114,
    'MISMATCHED_ENDPOINT_TYPE',
    'The client asked for another kind of endpoint than it reached.',
  ),
  unsupportedEndpointType: final(115, 'UNSUPPORTED_ENDPOINT_TYPE', 'This kind of endpoint is not known.'),
  unknownControllerId: final(116, 'UNKNOWN_CONTROLLER_ID', 'The controller id is not known.'),
  unknownSubscriptionId: final(
    117,
    'UNKNOWN_SUBSCRIPTION_ID',
    'The telemetry subscription is not known: ask for it again.',
  ),
  telemetryTooLarge: final(
    118,
    'TELEMETRY_TOO_LARGE',
    'The telemetry data are larger than the broker accepts.',
  ),
  invalidRegistration: final(
    119,
    'INVALID_REGISTRATION',
    'The controller or broker registration is not valid.',
  ),
  transactionAbortable: final(120, 'TRANSACTION_ABORTABLE', 'The transaction can only be aborted.'),
  invalidRecordState: final(
    121,
    'INVALID_RECORD_STATE',
    'The record is not in a state that allows this acknowledgement.',
  ),
  shareSessionNotFound: retriable(122, 'SHARE_SESSION_NOT_FOUND', 'The broker has no such share session.'),
  invalidShareSessionEpoch: retriable(
    123,
    'INVALID_SHARE_SESSION_EPOCH',
    'The epoch of the share session is not the one expected.',
  ),
  fencedStateEpoch: final(
    124,
    'FENCED_STATE_EPOCH',
    'The share group state was written with a newer state epoch.',
  ),
  invalidVoterKey: final(125, 'INVALID_VOTER_KEY', "The voter's directory id is not the one expected."),
  duplicateVoter: final(126, 'DUPLICATE_VOTER', 'The voter is in the set already.'),
  voterNotFound: final(127, 'VOTER_NOT_FOUND', 'The voter is not in the set.'),
  invalidRegularExpression: final(128, 'INVALID_REGULAR_EXPRESSION', 'The regular expression is not valid.'),
  rebootstrapRequired: final(
    129,
    'REBOOTSTRAP_REQUIRED',
    "The client's metadata are too old: bootstrap again.",
  ),
  streamsInvalidTopology: final(130, 'STREAMS_INVALID_TOPOLOGY', 'The streams topology is not valid.'),
  streamsInvalidTopologyEpoch: final(
    131,
    'STREAMS_INVALID_TOPOLOGY_EPOCH',
    'The topology epoch is not valid.',
  ),
  streamsTopologyFenced: final(
    132,
    'STREAMS_TOPOLOGY_FENCED',
    'The topology epoch is older than that of the group.',
  ),
  shareSessionLimitReached: retriable(
    133,
    'SHARE_SESSION_LIMIT_REACHED',
    'The broker has as many share sessions as it may have.',
  ),
  groupDeletionFailed: final(134, 'GROUP_DELETION_FAILED', 'The group could not be deleted.'),
  streamsTopologyDescriptionUpdateFailed: final(
    135,
    'STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED',
    'The description of the streams topology could not be updated.',
  ),
  controllerIdNotRegistered: final(
    136,
    'CONTROLLER_ID_NOT_REGISTERED',
    'The controller id is not registered.',
  ),
} as const;

/** The error of each code, shifted by one because the first code is -1. */
const byCode: KafkaError[] = [];
for (const error of Object.values(errors)) byCode[error.code + 1] = error;

/**
 * The error with a code; a code that Kafka has not given out is an unknown server error, as Kafka's clients
 * see it.
 */
export function errorOf(code: number): KafkaError {
  return byCode[code + 1] ?? errors.unknownServerError;
}

/**
 * An error's name for logs and traces: 'NOT_COORDINATOR', or 'UNKNOWN(999)' for a code that Kafka has not
 * given out.
 */
export function errorName(code: number): string {
  return byCode[code + 1]?.name ?? `UNKNOWN(${code})`;
}

/** Carries an error code from where a request went wrong to the place that answers it. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly error: KafkaError;

  constructor(error: KafkaError, message: string = error.message, options?: ErrorOptions) {
    super(message, options);
    this.error = error;
  }

  get code(): number {
    return this.error.code;
  }
}
