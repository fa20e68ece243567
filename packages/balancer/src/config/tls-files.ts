/**
 * Reads the certificate, key and CA files that the configuration names, so that a wrong one is a mistake of the file now
 * and not a listener or a trunk that fails every handshake later, and a certificate that is about to end is told in time.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { type Read, readPem } from './pem-files.js';
import { pathKey } from './positions.js';
import type { Concern, Finding, Path } from './types.js';
import { asText, child, entries, items } from './view.js';

export interface PemFile {
  readonly pem: string;
  /** Of a certificate; of several, the first one's. */
  readonly expiresAtMs?: number;
}

export interface TlsFiles {
  readonly findings: readonly Finding[];
  readonly concerns: readonly Concern[];
  /** What the file named at a place of the configuration held. Complete when there are no findings. */
  at(path: Path): PemFile | undefined;
}

const DAY_MS = 86_400_000;
/** Renewal is due at a third of 90 days by common practice: at two weeks something has gone wrong. */
const WARN_BEFORE_MS = 14 * DAY_MS;

interface Reading {
  readonly folder: string;
  readonly nowMs: number;
  readonly files: Map<string, PemFile>;
  readonly findings: Finding[];
  readonly concerns: Concern[];
}

/** `folder` is what relative paths start from: where the configuration file is. */
export async function readTlsFiles(root: unknown, folder: string, nowMs: number = Date.now()): Promise<TlsFiles> {
  const reading: Reading = { folder, nowMs, files: new Map(), findings: [], concerns: [] };
  // One after the other: there are few, and a thousand names must not open two thousand files at once.
  for (const [index, listener] of items(child(root, 'listen')).entries()) {
    await readListener(child(listener, 'tls'), ['listen', index, 'tls'], reading);
  }
  for (const [name, pool] of entries(child(root, 'pools'))) {
    await readPool(child(pool, 'tls'), ['pools', name, 'tls'], reading);
  }
  const { files, findings, concerns } = reading;
  return { findings, concerns, at: (path) => files.get(keyOf(path)) };
}

/** Server names, all that a listener has of free keys, know no case: the schema gives them in lower case. */
function keyOf(path: Path): string {
  return path[0] === 'listen' ? pathKey(path).toLowerCase() : pathKey(path);
}

async function readListener(tls: unknown, path: Path, reading: Reading): Promise<void> {
  await readPair(tls, path, reading);
  for (const [name, pair] of entries(child(tls, 'names'))) await readPair(pair, [...path, 'names', name], reading);
  await readCa(child(tls, 'clientCertificates'), [...path, 'clientCertificates'], reading);
}

async function readPool(tls: unknown, path: Path, reading: Reading): Promise<void> {
  await readPair(tls, path, reading);
  await readCa(tls, path, reading);
}

async function readPair(pair: unknown, path: Path, reading: Reading): Promise<void> {
  const certificatePath = [...path, 'certificate'];
  const keyPath = [...path, 'key'];
  const certificate = await readFileAt(pair, certificatePath, reading, (pem) => {
    return { pem, expiresAtMs: Date.parse(new X509Certificate(pem).validTo) };
  });
  const key = await readFileAt(pair, keyPath, reading, (pem) => {
    createPrivateKey(pem);
    return { pem };
  });
  note(certificate, certificatePath, 'a PEM file with a certificate', reading);
  note(key, keyPath, 'a PEM file with a private key without passphrase', reading);
  if (certificate?.ok !== true) return;
  warnOfExpiry(certificate.value, certificatePath, reading);
  if (key?.ok !== true) return;
  const got = refusalOf(certificate.value.pem, key.value.pem);
  if (got !== undefined) {
    reading.findings.push({ path: keyPath, on: 'value', expected: 'the private key of the certificate', got });
  }
}

async function readCa(owner: unknown, path: Path, reading: Reading): Promise<void> {
  const caPath = [...path, 'ca'];
  const ca = await readFileAt(owner, caPath, reading, (pem) => {
    const blocks = pem.match(/-----BEGIN [^]*?-----END [A-Z ]+-----/g) ?? [''];
    for (const block of blocks) void new X509Certificate(block);
    return { pem };
  });
  note(ca, caPath, 'a PEM file with certificates of CAs, and nothing else', reading);
}

/** undefined: there is none, or the schema tells what is wrong. */
async function readFileAt(
  owner: unknown,
  path: Path,
  { folder }: Reading,
  parse: (pem: string) => PemFile,
): Promise<Read<PemFile> | undefined> {
  const name = asText(child(owner, String(path.at(-1))));
  if (name === undefined || name === '' || name.includes('\0')) return undefined;
  return readPem(name, folder, parse);
}

function note(read: Read<PemFile> | undefined, path: Path, expected: string, { files, findings }: Reading): void {
  if (read === undefined) return;
  if (read.ok) files.set(keyOf(path), read.value);
  else findings.push({ path, on: 'value', expected, got: read.got });
}

/** What a listener or a connection would say of the pair. */
function refusalOf(certificate: string, key: string): string | undefined {
  if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) return 'another key';
  try {
    createSecureContext({ cert: certificate, key });
    return undefined;
  } catch (error) {
    return `a pair that OpenSSL refuses (${error instanceof Error ? error.message : String(error)})`;
  }
}

function warnOfExpiry({ expiresAtMs = Infinity }: PemFile, path: Path, { nowMs, concerns }: Reading): void {
  if (expiresAtMs - nowMs > WARN_BEFORE_MS) return;
  const date = new Date(expiresAtMs).toISOString().slice(0, 10);
  const days = Math.floor((expiresAtMs - nowMs) / DAY_MS);
  const text =
    days < 0
      ? `the certificate ended on ${date}: nobody trusts it any more`
      : `the certificate ends on ${date}, in ${days} days: renew it, then reload`;
  concerns.push({ path, text });
}
