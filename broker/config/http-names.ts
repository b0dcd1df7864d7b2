/** What the keys of HTTP are checked by. */
import { isLoopback } from '../network/hosts.ts';

/** As browsers write one: without a path, in lower case. */
export function isOrigin(text: string): boolean {
  try {
    return text !== 'null' && new URL(text).origin === text;
  } catch {
    return false;
  }
}

/** What is wrong with these together, or undefined. */
export function checkHttp(settings: {
  readonly 'kompakt.http.enable': boolean;
  readonly 'kompakt.http.host': string;
  readonly 'kompakt.http.token': string | null;
}): string | undefined {
  const { 'kompakt.http.host': host, 'kompakt.http.token': token } = settings;
  if (!settings['kompakt.http.enable']) return undefined;
  if (token !== null && !/^[\x21-\x7e]+$/.test(token))
    return 'kompakt.http.token must be visible ASCII characters without blanks';
  if (token === null && !isLoopback(host))
    return `kompakt.http.host=${host} is beyond this machine, which needs kompakt.http.token (--http-token-file, or KOMPAKT_HTTP_TOKEN)`;
  return undefined;
}
