/**
 * Who may ask at all. A browser on this machine runs pages of strangers, so that being reachable on loopback alone protects nothing:
 *
 *    Host        a name that a stranger controls may point here (DNS rebinding): only our own names are answered
 *    Origin      a page of another site can send requests, though not read the answers: it may not write
 *    form body   what a page can send without asking first (a "simple request"): taken by nothing here
 *    token       where one is configured, every request but the one for /health has it
 */
import type { BrokerSettings } from '../config/settings.ts';
import { isLoopback, plainHost } from '../network/hosts.ts';
import { SecretToken } from '../network/token.ts';
import type { RawRequest } from './http-transport.ts';
import { ProblemError } from './problems.ts';

export interface GuardOptions {
  /** Where the port is bound. */
  readonly host: string;
  readonly allowedHosts: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly token: string | null;
}

/** What of a request decides. */
export interface Asked {
  readonly method: string;
  /** As it came. */
  readonly target: string;
  /** Every Host header there was. */
  readonly hosts: readonly string[];
  /** Our end of the connection. */
  readonly localAddress: string;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  readonly authorization: string | undefined;
  readonly contentType: string | undefined;
}

export function askedOf({ method = '', url = '', headers, rawHeaders, socket }: RawRequest): Asked {
  return {
    method,
    target: url,
    hosts: hostsOf(rawHeaders),
    localAddress: socket?.localAddress ?? '',
    origin: headers.origin,
    fetchSite: headers['sec-fetch-site'] as string | undefined,
    authorization: headers.authorization,
    contentType: headers['content-type'],
  };
}

/** Node keeps the first of several. */
function hostsOf(rawHeaders: readonly string[]): string[] {
  const hosts: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts.push(rawHeaders[i + 1]!);
  }
  return hosts;
}

/** Whatever a value is, no browser runs it, takes it for something else, or shows it to other sites; and no cache has the last word. */
export const safeHeaders = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'cache-control': 'private, no-cache',
  vary: 'accept, origin, authorization',
} as const;

export function guardOf(settings: BrokerSettings): Guard {
  return new Guard({
    host: settings['kompakt.http.host'],
    allowedHosts: settings['kompakt.http.allowed.hosts'],
    corsOrigins: settings['kompakt.http.cors.origins'],
    token: settings['kompakt.http.token'],
  });
}

export class Guard {
  readonly #names: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;
  readonly #token: SecretToken | null;

  constructor({ host, allowedHosts, corsOrigins, token }: GuardOptions) {
    this.#names = new Set([host, ...allowedHosts].map((name) => name.toLowerCase()));
    this.#origins = new Set(corsOrigins);
    this.#token = token === null ? null : new SecretToken(token);
  }

  /** May pages of this origin read and write? */
  isTrusted(origin: string): boolean {
    return this.#origins.has(origin);
  }

  /** Throws a ProblemError unless the request may come in. */
  admit(asked: Asked): void {
    this.#checkTarget(asked);
    this.#checkHost(asked);
    if (isRead(asked.method)) return this.#checkToken(asked);
    this.#checkOrigin(asked);
    this.#checkToken(asked);
    refuseForms(asked.contentType);
  }

  /** A preflight is asked without credentials, and before anything is known of the origin. */
  admitPreflight(asked: Asked): void {
    this.#checkTarget(asked);
    this.#checkHost(asked);
  }

  #checkTarget({ target, method }: Asked): void {
    if (!target.startsWith('/') && !(target === '*' && method === 'OPTIONS'))
      throw new ProblemError('bad-request', 'the request target has to be a path');
    if (target.includes('#')) throw new ProblemError('bad-request', 'a # in a URL is written %23');
    if (target.includes('%') && !isDecodable(target)) {
      const detail =
        'the URL is not UTF-8 in percent-encoding; a key that is not is written hex:… or base64:…';
      throw new ProblemError('bad-request', detail);
    }
  }

  #checkHost({ hosts, localAddress }: Asked): void {
    const name = hosts.length === 1 ? hostName(hosts[0]!) : null;
    // An address cannot be rebound: the one that the connection came in on is ours.
    const isOurs =
      name !== null && (isLoopback(name) || this.#names.has(name) || name === plainHost(localAddress));
    if (isOurs) return;
    const detail =
      name === null
        ? 'one Host header is needed'
        : `this server is not called ${name}; kompakt.http.allowed.hosts may say that it is`;
    throw new ProblemError('wrong-host', detail);
  }

  #checkOrigin({ origin, hosts, fetchSite }: Asked): void {
    if (origin !== undefined) {
      if (this.#origins.has(origin) || isSameOrigin(origin, hosts[0]!)) return;
      const detail = `pages of ${origin} may not write; kompakt.http.cors.origins may say that they may`;
      throw new ProblemError('foreign-origin', detail);
    }
    if (fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'none') return;
    throw new ProblemError('foreign-origin', 'pages of other sites may not write');
  }

  #checkToken({ target, authorization }: Asked): void {
    if (this.#token === null || target === '/health') return;
    const given = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization ?? '')?.[1];
    if (given !== undefined && this.#token.is(given)) return;
    const challenge = given === undefined ? 'Bearer' : 'Bearer error="invalid_token"';
    const detail = 'the header Authorization: Bearer TOKEN is needed, with the token of kompakt.http.token';
    throw new ProblemError('no-token', detail, { headers: { 'www-authenticate': challenge } });
  }
}

export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

function isDecodable(target: string): boolean {
  try {
    decodeURIComponent(target);
    return true;
  } catch {
    return false;
  }
}

/** Without the port, brackets and case; null when it is no host. The port says nothing: a mapping may have changed it. */
function hostName(host: string): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host);
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null;
}

/** This port speaks http; a proxy in front of it may speak https, and then the origin is that. */
function isSameOrigin(origin: string, host: string): boolean {
  return origin === `http://${host}` || origin === `https://${host}`;
}

function refuseForms(contentType: string | undefined): void {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded' && !type?.startsWith('multipart/')) return;
  const detail = `${type} is what a form of any web page can send, and is not taken; name the content type (curl: -H 'Content-Type: application/json')`;
  throw new ProblemError('unsupported-content', detail);
}
