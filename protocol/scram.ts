/**
 * SCRAM (RFC 5802, RFC 7677) as Kafka speaks it: keys from a password, proofs, and the four messages of an exchange.
 *
 *   client first   n,,n=<user>,r=<client nonce>
 *   server first   r=<client nonce + server nonce>,s=<salt, base64>,i=<iterations>
 *   client final   c=biws,r=<both nonces>,p=<proof, base64>
 *   server final   v=<server signature, base64>     or e=<reason>
 *
 * The server keeps salt, iterations, stored key and server key; from none of them can the password be had. Everything here
 * is pure: nonces and salts come from the caller. User names escape `=` and `,`; passwords are taken as UTF-8, unnormalised.
 */

import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import { ApiError, errors } from './errors.ts';

export type ScramMechanismName = 'SCRAM-SHA-256' | 'SCRAM-SHA-512';

export interface ScramMechanism {
  readonly name: ScramMechanismName;
  /** The number in DescribeUserScramCredentials and in the metadata log. */
  readonly type: number;
  readonly hash: 'sha256' | 'sha512';
  readonly keyBytes: number;
  readonly minIterations: number;
  readonly maxIterations: number;
}

const iterations = { minIterations: 4096, maxIterations: 16384 } as const;
const sha256: ScramMechanism = {
  name: 'SCRAM-SHA-256',
  type: 1,
  hash: 'sha256',
  keyBytes: 32,
  ...iterations,
};
const sha512: ScramMechanism = {
  name: 'SCRAM-SHA-512',
  type: 2,
  hash: 'sha512',
  keyBytes: 64,
  ...iterations,
};

export const scramMechanisms: Readonly<Record<ScramMechanismName, ScramMechanism>> = {
  'SCRAM-SHA-256': sha256,
  'SCRAM-SHA-512': sha512,
};

/** What a server keeps of a password. */
export interface ScramCredential {
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
  readonly iterations: number;
}

/** The three messages that a proof covers, the last one without its proof. */
export interface ScramExchange {
  readonly clientFirstBare: string;
  readonly serverFirst: string;
  readonly clientFinalWithoutProof: string;
}

/** The expensive step. An empty password is refused with UNACCEPTABLE_CREDENTIAL. */
export function saltedPassword(
  mechanism: ScramMechanism,
  password: string,
  salt: Buffer,
  iterationCount: number,
): Buffer {
  if (password === '') throw new ApiError(errors.unacceptableCredential, 'A SCRAM password cannot be empty');
  return pbkdf2Sync(password, salt, iterationCount, mechanism.keyBytes, mechanism.hash);
}

export function clientKey(mechanism: ScramMechanism, salted: Buffer): Buffer {
  return createHmac(mechanism.hash, salted).update('Client Key').digest();
}

export function serverKey(mechanism: ScramMechanism, salted: Buffer): Buffer {
  return createHmac(mechanism.hash, salted).update('Server Key').digest();
}

export function storedKey(mechanism: ScramMechanism, key: Buffer): Buffer {
  return createHash(mechanism.hash).update(key).digest();
}

/** Everything that is to be kept of a password. */
export function scramCredential(
  mechanism: ScramMechanism,
  password: string,
  salt: Buffer,
  iterationCount: number,
): ScramCredential {
  const salted = saltedPassword(mechanism, password, salt, iterationCount);
  return {
    salt,
    storedKey: storedKey(mechanism, clientKey(mechanism, salted)),
    serverKey: serverKey(mechanism, salted),
    iterations: iterationCount,
  };
}

/** What the client proves with: its key under the signature of the exchange. */
export function clientProof(mechanism: ScramMechanism, salted: Buffer, exchange: ScramExchange): Buffer {
  const key = clientKey(mechanism, salted);
  return xor(key, signature(mechanism, storedKey(mechanism, key), exchange));
}

/** What the server answers with, to prove that it holds the credential. */
export function serverSignature(mechanism: ScramMechanism, key: Buffer, exchange: ScramExchange): Buffer {
  return signature(mechanism, key, exchange);
}

/** The stored key that a proof leads to: that of the credential, or the proof is wrong. */
export function storedKeyFromProof(
  mechanism: ScramMechanism,
  credential: ScramCredential,
  exchange: ScramExchange,
  proof: Buffer,
): Buffer {
  return storedKey(mechanism, xor(signature(mechanism, credential.storedKey, exchange), proof));
}

/** Whether a client that sends `proof` knows the password. */
export function isProofValid(
  mechanism: ScramMechanism,
  credential: ScramCredential,
  exchange: ScramExchange,
  proof: Buffer,
): boolean {
  if (proof.length !== mechanism.keyBytes) return false;
  const found = storedKeyFromProof(mechanism, credential, exchange, proof);
  return found.length === credential.storedKey.length && timingSafeEqual(found, credential.storedKey);
}

/** A user name as messages carry it. */
export function saslName(user: string): string {
  return user.replace(/=/g, '=3D').replace(/,/g, '=2C');
}

/** The user of a `saslName`; null when an `=` in it escapes nothing. */
export function userOfSaslName(name: string): string | null {
  if (/=(?!2C|3D)/.test(name)) return null;
  return name.replace(/=2C/g, ',').replace(/=3D/g, '=');
}

export function clientFirstBare(user: string, nonce: string): string {
  return `n=${saslName(user)},r=${nonce}`;
}

/** `bare` with the header that says: no channel binding, no other identity. */
export function clientFirst(bare: string): string {
  return `n,,${bare}`;
}

export function serverFirst(nonce: string, salt: Buffer, iterationCount: number): string {
  return `r=${nonce},s=${salt.toString('base64')},i=${iterationCount}`;
}

export function clientFinalWithoutProof(nonce: string): string {
  return `c=${Buffer.from('n,,').toString('base64')},r=${nonce}`;
}

export function clientFinal(withoutProof: string, proof: Buffer): string {
  return `${withoutProof},p=${proof.toString('base64')}`;
}

export function serverFinal(signed: Buffer): string {
  return `v=${signed.toString('base64')}`;
}

/** A credential in the text form of Kafka's tools and of old ZooKeeper entries. */
export function credentialText(credential: ScramCredential): string {
  const { salt, storedKey: stored, serverKey: server } = credential;
  return `salt=${salt.toString('base64')},stored_key=${stored.toString('base64')},server_key=${server.toString('base64')},iterations=${credential.iterations}`;
}

function signature(mechanism: ScramMechanism, key: Buffer, exchange: ScramExchange): Buffer {
  const signed = `${exchange.clientFirstBare},${exchange.serverFirst},${exchange.clientFinalWithoutProof}`;
  return createHmac(mechanism.hash, key).update(signed).digest();
}

function xor(one: Buffer, other: Buffer): Buffer {
  return Buffer.from(one.map((byte, index) => byte ^ other[index]!));
}
