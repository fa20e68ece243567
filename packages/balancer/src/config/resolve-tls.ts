/**
 * `tls` of listeners and pools as processes run on it: paths made absolute, and what the files held. Listeners keep the
 * paths, since the native library opens the files itself; a digest tells a worker that a file has changed under its path.
 * Pools get the texts.
 */
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { CertificateConfig, ClientCertificatesConfig, PoolTlsConfig, TlsConfig } from '@holdfast/worker';
import type { ParsedCertificate, ParsedPoolTls, ParsedTls } from './schema-tls.js';
import type { PemFile, TlsFiles } from './tls-files.js';
import type { Path } from './types.js';

export interface TlsPlace {
  readonly folder: string;
  readonly files: Pick<TlsFiles, 'at'>;
  /** Of `tls` in the configuration. */
  readonly path: Path;
}

export function resolveListenerTls(tls: ParsedTls, place: TlsPlace): TlsConfig {
  const names = Object.entries(tls.names).map(([name, pair]) => {
    return [name, resolvePair(pair, { ...place, path: [...place.path, 'names', name] })] as const;
  });
  return {
    ...resolvePair(tls, place),
    minVersion: tls.minVersion,
    names: Object.fromEntries(names),
    clientCertificates: tls.clientCertificates && resolveClients(tls.clientCertificates, place),
  };
}

export function resolvePoolTls({ ca, client, serverName, verify }: ParsedPoolTls, place: TlsPlace): PoolTlsConfig {
  const resolved = {
    ca: ca === undefined ? undefined : fileAt(place, 'ca').pem,
    client: client && {
      certificate: fileAt(place, 'certificate').pem,
      key: fileAt(place, 'key').pem,
      expiresAtMs: fileAt(place, 'certificate').expiresAtMs ?? Infinity,
    },
    serverName,
    verify,
  };
  return { ...resolved, digest: digestOf(JSON.stringify(resolved)) };
}

function resolvePair({ certificate, key }: ParsedCertificate, place: TlsPlace): CertificateConfig {
  const [held, heldKey] = [fileAt(place, 'certificate'), fileAt(place, 'key')];
  return {
    certificate: resolve(place.folder, certificate),
    key: resolve(place.folder, key),
    digest: digestOf(held.pem, heldKey.pem),
    expiresAtMs: held.expiresAtMs ?? Infinity,
  };
}

function resolveClients(
  { ca, mode }: Omit<ClientCertificatesConfig, 'digest'>,
  place: TlsPlace,
): ClientCertificatesConfig {
  const held = fileAt({ ...place, path: [...place.path, 'clientCertificates'] }, 'ca');
  return { ca: resolve(place.folder, ca), digest: digestOf(held.pem), mode };
}

function fileAt({ files, path }: TlsPlace, key: string): PemFile {
  const file = files.at([...path, key]);
  if (file === undefined) throw new Error(`expected every ${key} file that has passed the checks to be read, got none`);
  return file;
}

function digestOf(...texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  return hash.digest('base64url');
}
