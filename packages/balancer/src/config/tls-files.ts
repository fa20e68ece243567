/**
 * Looks into the certificate and key files that the configuration names, so that a wrong one is a mistake of the
 * file now and not a listener that refuses every handshake later. Only looks: workers read them again when they
 * listen, and a renewed certificate needs no new configuration.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type Read, readPem } from './pem-files.js';
import type { Finding, Path } from './types.js';
import { asText, child, entries, items } from './view.js';

/** `folder` is what relative paths start from: where the configuration file is. */
export async function checkTlsFiles(root: unknown, folder: string): Promise<Finding[]> {
  const pairs = items(child(root, 'listen')).flatMap((listener, index) =>
    pairsOf(child(listener, 'tls'), ['listen', index, 'tls']),
  );
  const findings: Finding[] = [];
  // One after the other: there are few, and a thousand names must not open two thousand files at once.
  for (const pair of pairs) findings.push(...(await checkPair(pair, folder)));
  return findings;
}

interface PemPair {
  readonly value: unknown;
  readonly path: Path;
}

function pairsOf(tls: unknown, path: Path): PemPair[] {
  const names = entries(child(tls, 'names'));
  return [{ value: tls, path }, ...names.map(([name, value]) => ({ value, path: [...path, 'names', name] }))];
}

async function checkPair({ value, path }: PemPair, folder: string): Promise<Finding[]> {
  const certificate = await readNamed(child(value, 'certificate'), folder, (pem) => new X509Certificate(pem));
  const key = await readNamed(child(value, 'key'), folder, (pem) => createPrivateKey(pem));
  const findings: Finding[] = [];
  if (certificate?.ok === false) {
    findings.push({
      path: [...path, 'certificate'],
      on: 'value',
      expected: 'a PEM file with a certificate',
      got: certificate.got,
    });
  }
  if (key?.ok === false) {
    findings.push({
      path: [...path, 'key'],
      on: 'value',
      expected: 'a PEM file with a private key without passphrase',
      got: key.got,
    });
  }
  if (certificate?.ok === true && key?.ok === true && !isPair(certificate.value, key.value)) {
    findings.push({
      path: [...path, 'key'],
      on: 'value',
      expected: 'the private key of the certificate',
      got: 'another key',
    });
  }
  return findings;
}

async function readNamed<T>(value: unknown, folder: string, parse: (pem: string) => T): Promise<Read<T> | undefined> {
  const name = asText(value);
  if (name === undefined || name === '' || name.includes('\0')) return undefined; // the schema tells
  return readPem(name, folder, parse);
}

function isPair(certificate: X509Certificate, key: KeyObject): boolean {
  return certificate.checkPrivateKey(key);
}
