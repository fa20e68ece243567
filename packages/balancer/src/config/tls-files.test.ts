import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TlsConfig } from '@holdfast/worker';
import { describe, expect, it } from 'vitest';
import { loadConfig } from './load.js';
import { testCertificate } from './testing/certificate.js';
import { type TestFolder, testFolder } from './testing/files.js';
import { readTlsFiles } from './tls-files.js';

const REST = 'secret: 0123456789abcdef\nroutes: [ { pool: p } ]\npools: { p: { backends: [ http://a ] } }\n';

async function loadWith(folder: TestFolder, tls: string): ReturnType<typeof loadConfig> {
  return loadConfig(await folder.write('holdfast.yaml', `listen:\n  - address: 8443\n    tls: ${tls}\n${REST}`), {});
}

async function folderWithKeys(): Promise<TestFolder> {
  const folder = await testFolder();
  const [a, b] = [testCertificate('a.example'), testCertificate('b.example')];
  await folder.write('a.pem', a.certificate);
  await folder.write('a.key', a.key);
  await folder.write('b.pem', b.certificate);
  await folder.write('b.key', b.key);
  await folder.write('ca.pem', testCertificate('ca.example').certificate);
  return folder;
}

describe('certificates and keys', () => {
  it('are found beside the configuration file', async () => {
    await using folder = await folderWithKeys();
    const result = await loadWith(
      folder,
      `{ certificate: a.pem, key: ${folder.path}/a.key, names: { "*.B.example": { certificate: b.pem, key: ./b.key } } }`,
    );
    const held = { digest: expect.any(String), expiresAtMs: Date.parse('2049-12-31T23:59:59Z') };
    expect(result.ok && result.config.worker.listen[0]?.tls).toEqual({
      certificate: `${folder.path}/a.pem`,
      key: `${folder.path}/a.key`,
      ...held,
      minVersion: 'TLSv1.2',
      names: { '*.b.example': { certificate: `${folder.path}/b.pem`, key: `${folder.path}/b.key`, ...held } },
      clientCertificates: undefined,
    });
  });

  it.each([
    [
      'a missing file',
      '{ certificate: none.pem, key: a.key }',
      '3:25: listen[0].tls.certificate',
      /none\.pem", which cannot be read \(ENOENT\)/,
    ],
    [
      'a key for a certificate',
      '{ certificate: a.key, key: a.key }',
      '3:25: listen[0].tls.certificate',
      /which holds something else/,
    ],
    [
      'a certificate for a key',
      '{ certificate: a.pem, key: a.pem }',
      '3:37: listen[0].tls.key',
      /which holds something else/,
    ],
    ['the key of another', '{ certificate: a.pem, key: b.key }', '3:37: listen[0].tls.key', /another key/],
    [
      'the key of another, for a name',
      '{ certificate: a.pem, key: a.key, names: { b: { certificate: b.pem, key: a.key } } }',
      '3:83: listen[0].tls.names.b.key',
      /another key/,
    ],
  ])('refuses %s', async (_, tls, place, got) => {
    await using folder = await folderWithKeys();
    const result = await loadWith(folder, tls);
    const mistakes = result.ok ? [] : result.mistakes;
    expect(mistakes.map(({ line, column, path }) => `${line}:${column}: ${path}`)).toEqual([place]);
    expect(mistakes[0]?.got).toMatch(got);
  });

  it('refuses a file that is too large to be one', async () => {
    await using folder = await folderWithKeys();
    await folder.write('a.pem', 'x'.repeat(1_048_577));
    const result = await loadWith(folder, '{ certificate: a.pem, key: a.key }');
    expect(result).toMatchObject({ ok: false, mistakes: [{ path: 'listen[0].tls.certificate' }] });
  });
});

describe('what files hold', () => {
  const WITH_CLIENTS = '{ certificate: a.pem, key: a.key, clientCertificates: { ca: ca.pem, mode: optional } }';

  it.each(['a', 'ca'])('changes the configuration when it changes under the same path: %s.pem', async (name) => {
    await using folder = await folderWithKeys();
    const tls = async (): Promise<TlsConfig | undefined> => {
      const result = await loadWith(folder, WITH_CLIENTS);
      return result.ok ? result.config.worker.listen[0]?.tls : undefined;
    };
    const before = await tls();
    expect(await tls()).toEqual(before);
    const renewed = testCertificate('a.example');
    await folder.write(`${name}.pem`, renewed.certificate);
    if (name === 'a') await folder.write('a.key', renewed.key);
    const after = await tls();
    expect(after?.clientCertificates).toMatchObject({ ca: `${folder.path}/ca.pem`, mode: 'optional' });
    expect(after).not.toEqual(before);
  });

  it('is what pools run on, texts and all', async () => {
    await using folder = await folderWithKeys();
    const tls = 'ca: ca.pem, certificate: b.pem, key: b.key, serverName: Backend.Internal';
    const result = await loadPool(folder, `{ ${tls} }`);
    const pem = (name: string): Promise<string> => readFile(join(folder.path, name), 'utf8');
    expect(result.ok && result.config.worker.pools['p']?.tls).toEqual({
      ca: await pem('ca.pem'),
      client: {
        certificate: await pem('b.pem'),
        key: await pem('b.key'),
        expiresAtMs: Date.parse('2049-12-31T23:59:59Z'),
      },
      serverName: 'backend.internal',
      verify: true,
      digest: expect.any(String),
    });
  });

  it.each([
    ['a CA that is none', '{ ca: a.key }', 'pools.p.tls.ca', /which holds something else/],
    ['a missing CA', '{ ca: none.pem }', 'pools.p.tls.ca', /ENOENT/],
    ['the key of another', '{ certificate: a.pem, key: b.key }', 'pools.p.tls.key', /another key/],
    ['a certificate without key', '{ certificate: a.pem }', 'pools.p.tls', /a map/],
    ['a CA that is not used', '{ ca: ca.pem, verify: false }', 'pools.p.tls', /a map/],
    ['an address for a name', '{ serverName: 10.0.0.1 }', 'pools.p.tls.serverName', /10\.0\.0\.1/],
  ])('of a pool may not be %s', async (_, tls, path, got) => {
    await using folder = await folderWithKeys();
    const result = await loadPool(folder, tls);
    const mistakes = result.ok ? [] : result.mistakes;
    expect(mistakes.map((mistake) => mistake.path)).toEqual([path]);
    expect(mistakes[0]?.got).toMatch(got);
  });

  it('does nothing for backends that are spoken to in the clear, which is a mistake', async () => {
    await using folder = await folderWithKeys();
    const result = await loadPool(folder, '{ ca: ca.pem }', 'http://a');
    expect(result).toMatchObject({ ok: false, mistakes: [{ path: 'pools.p.tls', got: 'none' }] });
  });

  it.each([
    ['2049-12-31T23:59:59Z', ['the certificate ends on 2049-12-31, in 0 days: renew it, then reload']],
    ['2049-12-20T00:00:00Z', ['the certificate ends on 2049-12-31, in 11 days: renew it, then reload']],
    ['2049-12-01T00:00:00Z', []],
    ['2050-01-02T00:00:00Z', ['the certificate ended on 2049-12-31: nobody trusts it any more']],
  ])('is warned of before it ends: %s', async (now, texts) => {
    await using folder = await folderWithKeys();
    const root = { listen: [{ tls: { certificate: 'a.pem', key: 'a.key' } }] };
    const { concerns, findings } = await readTlsFiles(root, folder.path, Date.parse(now));
    expect(findings).toEqual([]);
    expect(concerns.map(({ text }) => text)).toEqual(texts);
  });
});

async function loadPool(folder: TestFolder, tls: string, backend = 'https://a'): ReturnType<typeof loadConfig> {
  const pool = `{ backends: [ "${backend}" ], tls: ${tls} }`;
  const file = `listen: [ { address: 8443 } ]\nsecret: 0123456789abcdef\nroutes: [ { pool: p } ]\npools: { p: ${pool} }\n`;
  return loadConfig(await folder.write('holdfast.yaml', file), {});
}
