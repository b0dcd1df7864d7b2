/** The texts of controller.quorum.voters (`id@host:port`) and controller.quorum.bootstrap.servers (`host:port`); read, not used. */

const address = String.raw`(\[[0-9a-fA-F:.%]+\]|[^\s:@\[\]]+):\d{1,5}`;
const voter = new RegExp(`^\\d+@${address}$`);
const server = new RegExp(`^${address}$`);

export function checkQuorumVoters(value: readonly string[]): string | undefined {
  return value.every((item) => voter.test(item)) ? undefined : 'each entry must be id@host:port';
}

export function checkQuorumServers(value: readonly string[]): string | undefined {
  return value.every((item) => server.test(item)) ? undefined : 'each entry must be host:port';
}
