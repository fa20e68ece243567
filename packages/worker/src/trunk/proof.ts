/**
 * How both ends of a trunk prove that they know the shared secret without saying it (PROTOCOL.md, "Beginning"). Each proof
 * covers both nonces and names the end that made it, so that neither can be played back nor sent back.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface Nonces {
  readonly challenge: string;
  readonly prove: string;
}

export const NONCE_BYTES = 32;

export function prove(who: 'worker' | 'backend', secret: string, nonces: Nonces): string {
  return mac(who, secret, nonces).toString('base64url');
}

/** Did somebody who knows one of the secrets make it? */
export function isProven(
  proof: string,
  who: 'worker' | 'backend',
  secrets: readonly string[],
  nonces: Nonces,
): boolean {
  const given = Buffer.from(proof, 'base64url');
  return secrets.some((secret) => {
    const expected = mac(who, secret, nonces);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

function mac(who: string, secret: string, { challenge, prove }: Nonces): Buffer {
  return createHmac('sha256', secret).update(`holdfast-trunk.v1 ${who}\n${challenge}\n${prove}`).digest();
}
