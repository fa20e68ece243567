/**
 * A self-signed certificate for a name, made on the spot: no key lies in the repository and none expires during a
 * run. Node reads certificates but does not write them, so the DER (X.509 v3, one subjectAltName) is put together
 * here; openssl would be one more program that a machine may not have.
 */
import { generateKeyPairSync, sign } from 'node:crypto';

export interface Certificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

const Tag = { integer: 0x02, bits: 0x03, octets: 0x04, utf8: 0x0c, utcTime: 0x17, sequence: 0x30, set: 0x31 } as const;
/** Context-specific ones of X.509: version, extensions, and a DNS name in subjectAltName. */
const ContextTag = { version: 0xa0, extensions: 0xa3, dnsName: 0x82 } as const;
/** Object identifiers, encoded. */
const Oid = {
  ecdsaWithSha256: Buffer.from('06082a8648ce3d040302', 'hex'),
  commonName: Buffer.from('0603550403', 'hex'),
  subjectAltName: Buffer.from('0603551d11', 'hex'),
} as const;

export function makeCertificate(name: string): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(Tag.sequence, Oid.ecdsaWithSha256);
  const subject = der(Tag.sequence, der(Tag.set, der(Tag.sequence, Oid.commonName, der(Tag.utf8, Buffer.from(name)))));
  const alternative = der(Tag.sequence, der(ContextTag.dnsName, Buffer.from(name)));
  const extension = der(Tag.sequence, Oid.subjectAltName, der(Tag.octets, alternative));
  const body = der(
    Tag.sequence,
    der(ContextTag.version, der(Tag.integer, Buffer.from([2]))),
    der(Tag.integer, Buffer.from([1])),
    algorithm,
    subject,
    der(Tag.sequence, utcTime('250101000000Z'), utcTime('491231235959Z')),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(ContextTag.extensions, der(Tag.sequence, extension)),
  );
  const signature = der(Tag.bits, Buffer.from([0]), sign('sha256', body, privateKey));
  return {
    certificate: pem(der(Tag.sequence, body, algorithm, signature)),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function utcTime(text: string): Buffer {
  return der(Tag.utcTime, Buffer.from(text));
}

/** DER wants the shortest form of a length: stricter readers refuse any other. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
