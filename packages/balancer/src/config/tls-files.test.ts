import { describe, expect, it } from 'vitest';
import { loadConfig } from './load.js';
import { testCertificate } from './testing/certificate.js';
import { type TestFolder, testFolder } from './testing/files.js';

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
  return folder;
}

describe('certificates and keys', () => {
  it('are found beside the configuration file', async () => {
    await using folder = await folderWithKeys();
    const result = await loadWith(
      folder,
      `{ certificate: a.pem, key: ${folder.path}/a.key, names: { "*.B.example": { certificate: b.pem, key: ./b.key } } }`,
    );
    expect(result.ok && result.config.worker.listen[0]?.tls).toEqual({
      certificate: `${folder.path}/a.pem`,
      key: `${folder.path}/a.key`,
      names: { '*.b.example': { certificate: `${folder.path}/b.pem`, key: `${folder.path}/b.key` } },
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
