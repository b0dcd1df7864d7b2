/** HTTP as the broker needs it: somebody listens and hands over requests. The real one is node-http.ts; tests give requests directly. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Endpoint } from '../network/transport.ts';

export type RawRequest = FastifyRequest['raw'];
export type RawResponse = FastifyReply['raw'];
export type Socket = RawRequest['socket'];

export type EarlyRefusal = 'bad-request' | 'header-too-large' | 'too-slow';

export interface HttpListenOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** More are closed as they come. */
  readonly connectionsMax: number;
  /** The whole answer to what is refused before it is a request. */
  readonly refusal: (kind: EarlyRefusal) => string;
  /** Throws nothing. */
  readonly request: (request: RawRequest, response: RawResponse) => void;
  /** A connection came above the limit. */
  readonly dropped: () => void;
}

export interface HttpListener {
  readonly local: Endpoint;
  /** Stops listening and closes every connection, at once; those of `spared` when their owner has closed them. */
  close(spared?: ReadonlySet<Socket>): Promise<void>;
}

export interface HttpTransport {
  /** Rejects with a `ListenError`. */
  listen(options: HttpListenOptions): Promise<HttpListener>;
}
