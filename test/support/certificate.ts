/**
 * Certificates made on the spot, self-signed or signed by an authority of the test: no key lies in the repository and none
 * expires during a run. Node reads certificates but does not write them, so the DER (X.509 v3, one subjectAltName) is put
 * together here; openssl would be one more program that a machine may not have.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomInt, sign } from 'node:crypto';

export interface Certificate {
  /** Common name. */
  readonly name: string;
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

export interface CertificateOptions {
  /** @default itself */
  readonly issuer?: Certificate;
  /** @default far away */
  readonly expiresAt?: Date;
  /** May it sign others? @default false */
  readonly isAuthority?: boolean;
}

const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  utf8: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
} as const;
/** Context-specific ones of X.509: version, extensions, and a DNS name in subjectAltName. */
const ContextTag = { version: 0xa0, extensions: 0xa3, dnsName: 0x82 } as const;
/** Object identifiers, encoded. */
const Oid = {
  ecdsaWithSha256: Buffer.from('06082a8648ce3d040302', 'hex'),
  commonName: Buffer.from('0603550403', 'hex'),
  subjectAltName: Buffer.from('0603551d11', 'hex'),
  basicConstraints: Buffer.from('0603551d13', 'hex'),
} as const;
const FAR_AWAY = new Date('2049-12-31T23:59:59Z');

/** Those that it issues are trusted where its own certificate is the CA. */
export function makeAuthority(name: string): Certificate {
  return makeCertificate(name, { isAuthority: true });
}

export function makeCertificate(name: string, options: CertificateOptions = {}): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { issuer, expiresAt = FAR_AWAY } = options;
  const algorithm = der(Tag.sequence, Oid.ecdsaWithSha256);
  const body = der(
    Tag.sequence,
    der(ContextTag.version, der(Tag.integer, Buffer.from([2]))),
    // Two of one issuer with the same number would be one to whoever checks them.
    der(Tag.integer, Buffer.from([1, randomInt(256), randomInt(256), randomInt(256)])),
    algorithm,
    nameOf(issuer?.name ?? name),
    der(Tag.sequence, utcTime(new Date('2025-01-01T00:00:00Z')), utcTime(expiresAt)),
    nameOf(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(ContextTag.extensions, der(Tag.sequence, ...extensions(name, options.isAuthority === true))),
  );
  const signer: KeyObject = issuer === undefined ? privateKey : createPrivateKey(issuer.key);
  const signature = der(Tag.bits, Buffer.from([0]), sign('sha256', body, signer));
  return {
    name,
    certificate: pem(der(Tag.sequence, body, algorithm, signature)),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function nameOf(commonName: string): Buffer {
  const value = der(Tag.utf8, Buffer.from(commonName));
  return der(Tag.sequence, der(Tag.set, der(Tag.sequence, Oid.commonName, value)));
}

function extensions(name: string, isAuthority: boolean): Buffer[] {
  if (isAuthority) {
    const constraints = der(Tag.sequence, der(Tag.boolean, Buffer.from([0xff])));
    return [
      der(Tag.sequence, Oid.basicConstraints, der(Tag.boolean, Buffer.from([0xff])), der(Tag.octets, constraints)),
    ];
  }
  const alternative = der(Tag.sequence, der(ContextTag.dnsName, Buffer.from(name)));
  return [der(Tag.sequence, Oid.subjectAltName, der(Tag.octets, alternative))];
}

/** `YYMMDDhhmmssZ`, which says the years to 2049. */
function utcTime(time: Date): Buffer {
  const digits = time.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return der(Tag.utcTime, Buffer.from(digits.slice(2)));
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
