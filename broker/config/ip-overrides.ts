/** The text of max.connections.per.ip.overrides: `address:count`, with commas; the last colon ends the address, for IPv6. */

/** Limits by address. A wrong text gives a sentence instead. */
export function parseIpOverrides(text: string): ReadonlyMap<string, number> | string {
  const limits = new Map<string, number>();
  for (const item of text.split(',')) {
    const pair = item.trim();
    if (pair === '') continue;
    const colon = pair.lastIndexOf(':');
    const address = pair.slice(0, Math.max(colon, 0)).trim();
    const count = pair.slice(colon + 1).trim();
    if (address === '' || !/^\d+$/.test(count)) return 'each entry must be address:count';
    limits.set(address.replace(/^\[(.*)\]$/, '$1'), Number(count));
  }
  return limits;
}

export function checkIpOverrides(text: string): string | undefined {
  const parsed = parseIpOverrides(text);
  return typeof parsed === 'string' ? parsed : undefined;
}
