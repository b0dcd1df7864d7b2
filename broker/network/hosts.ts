/** Addresses as text: sockets give them in one form, Kafka's clients and tools expect another. */

const mappedPrefix = '::ffff:';

/** An IPv4 address that came over an IPv6 socket, as IPv4; any other as it is, without its zone. */
export function plainHost(address: string): string {
  if (address.startsWith(mappedPrefix) && address.includes('.')) return address.slice(mappedPrefix.length);
  const zone = address.indexOf('%');
  return zone < 0 ? address : address.slice(0, zone);
}

/** As Java prints an address, which is how Kafka names a member's host: '/127.0.0.1', '/0:0:0:0:0:0:0:1'. */
export function javaHost(host: string): string {
  return `/${host.includes(':') ? withAllGroups(host) : host}`;
}

function withAllGroups(address: string): string {
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(8 - front.length - back.length, 0);
  return [...front, ...new Array<string>(zeros).fill('0'), ...back]
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

/** For log lines and `bootstrapServers`: IPv6 in brackets. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Every interface: no address that a client could use. */
export function isWildcard(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::';
}
