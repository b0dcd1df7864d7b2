/**
 * Why a directory is not opened. The message is one line for whoever starts the broker; nothing in the directory was
 * changed when it is thrown.
 */
export class MetadataRefused extends Error {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'MetadataRefused';
    this.reason = reason;
  }
}

export type RefusalReason =
  /** Bytes that are no metadata, or history with a gap. */
  | 'metadata-damaged'
  /** Record types, versions or feature levels of a later Kafka. */
  | 'metadata-unknown'
  /** Partitions without the metadata that would tell what they are. */
  | 'metadata-missing'
  /** ACLs or SCRAM users, which are not enforced here. */
  | 'access-rules'
  /** The settings say another node or cluster than the directory. */
  | 'identity';
