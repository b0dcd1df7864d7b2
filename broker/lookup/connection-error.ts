/** Nobody to talk to, no talking to them, or the connection is gone: in one line. */
export class LookupConnectionError extends Error {
  override readonly name = 'LookupConnectionError';
  /** Of a stream of changes: `after` it another one goes on. null: none has come yet, or it was another call. */
  readonly position: string | null;

  constructor(
    message: string,
    options: { readonly cause?: unknown; readonly position?: string | null } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : {});
    this.position = options.position ?? null;
  }
}
