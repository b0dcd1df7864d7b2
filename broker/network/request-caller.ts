import { takeBackFrame } from '../../protocol/wire/frame.ts';
import type { RequestHeader } from '../../protocol/wire/headers.ts';
import type { Caller, PartitionRefusal } from '../apis/handler.ts';
import type { Connection } from './connection.ts';

/** Who asks, for one request of a connection. */
export class RequestCaller implements Caller {
  readonly apiVersion: number;
  readonly clientId: string | null;
  readonly ownsBytes: boolean;
  readonly connection: Connection;
  readonly partitionRefusal: PartitionRefusal | undefined;
  /** To be given back; null where others may hold it, or it has been. */
  #frame: Buffer | null;

  /** `frame`: the request's bytes where nobody but its handler has them. */
  constructor(
    header: RequestHeader,
    connection: Connection,
    ownsBytes: boolean,
    partitionRefusal?: PartitionRefusal,
    frame: Buffer | null = null,
  ) {
    this.apiVersion = header.apiVersion;
    this.clientId = header.clientId;
    this.ownsBytes = ownsBytes;
    this.connection = connection;
    this.partitionRefusal = partitionRefusal;
    this.#frame = frame;
  }

  bytesAreDone(): void {
    if (this.#frame !== null) takeBackFrame(this.#frame);
    this.#frame = null;
  }

  get clientHost(): string {
    return this.connection.clientHost;
  }

  /** Until security is served, everybody is who Kafka says they are on a PLAINTEXT listener. */
  get principal(): string {
    return 'User:ANONYMOUS';
  }

  get listenerName(): string {
    return this.connection.listenerName;
  }
}
