/**
 * Schema of `tls`, on a listener and on a pool. What the files hold is no business of a schema: tls-files.ts looks into
 * them, and resolve-tls.ts puts both together.
 */
import { isIP } from 'node:net';
import type { ClientCertificatesConfig, TlsConfig } from '@holdfast/worker';
import { z } from 'zod';
import { parseHostname, parseHostPattern } from './formats.js';
import { choice, flag, map, refuse, text } from './schema-parts.js';

/** Paths as they stand in the file. */
export interface ParsedCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface ParsedTls extends ParsedCertificate {
  readonly minVersion: TlsConfig['minVersion'];
  readonly names: Readonly<Record<string, ParsedCertificate>>;
  readonly clientCertificates: Omit<ClientCertificatesConfig, 'digest'> | undefined;
}

export interface ParsedPoolTls {
  readonly ca: string | undefined;
  readonly client: ParsedCertificate | undefined;
  readonly serverName: string | undefined;
  readonly verify: boolean;
}

const file: z.ZodType<string> = text('the path of a PEM file', (path) =>
  path === '' || path.includes('\0') ? undefined : path,
);
const serverName: z.ZodType<string> = text('a server name such as b.example.com or *.example.com', parseHostPattern);

const certificateAndKey = {
  certificate: file.describe('PEM file: certificate and its chain. Relative to the folder of this file.'),
  key: file.describe('PEM file: private key. Relative to the folder of this file.'),
};

const clientCertificates = map({
  ca: file.describe('PEM file: the CAs that sign the certificates of clients. Relative to the folder of this file.'),
  mode: choice(['required', 'optional'])
    .default('required')
    .describe('required: a client without one is answered 403; optional: backends decide by the header.'),
});

export const listenerTlsSchema: z.ZodType<ParsedTls> = map({
  ...certificateAndKey,
  minVersion: choice(['TLSv1.2', 'TLSv1.3'])
    .default('TLSv1.2')
    .describe('Oldest version of TLS that a client may speak.'),
  names: z
    .record(serverName as z.ZodType<string, string>, map(certificateAndKey))
    .optional()
    .describe('Further certificates by server name (SNI); *.example.com is allowed.'),
  clientCertificates: clientCertificates
    .optional()
    .describe('Clients show a certificate (mTLS). Absent: none is asked for.'),
}).transform(({ certificate, key, minVersion, names, clientCertificates: clients }) => ({
  certificate,
  key,
  minVersion,
  names: names ?? {},
  clientCertificates: clients,
}));

export const poolTlsSchema: z.ZodType<ParsedPoolTls> = map({
  ca: file
    .optional()
    .describe("PEM file: the CAs that the backends' certificates are checked against. Absent: the well-known ones."),
  certificate: file.optional().describe('PEM file: shown to backends that ask for a certificate (mTLS).'),
  key: file.optional().describe('PEM file: private key of `certificate`.'),
  serverName: text('a name such as backend.internal', (name) => (isIP(name) === 0 ? parseHostname(name) : undefined))
    .optional()
    .describe("What the backends' certificates have to be for, and SNI. Absent: the host of each backend's URL."),
  verify: flag().default(true).describe('false: any certificate of a backend will do. For experiments only.'),
}).transform(({ ca, certificate, key, serverName: name, verify }, context): ParsedPoolTls => {
  if ((certificate === undefined) !== (key === undefined)) return refuse(context, 'certificate and key, both or none');
  if (!verify && ca !== undefined) return refuse(context, 'no ca with `verify: false`, which checks against nothing');
  const client = certificate === undefined || key === undefined ? undefined : { certificate, key };
  return { ca, client, serverName: name, verify };
});
