/** What was asked of a broker did not end before the broker was reset or stopped. */
export class BrokerGone extends Error {
  override readonly name = 'BrokerGone';
  readonly reason: 'reset' | 'stopped';

  constructor(what: string, reason: 'reset' | 'stopped') {
    super(`${what}: the broker ${reason === 'reset' ? 'was reset' : 'is stopped'}`);
    this.reason = reason;
  }
}
