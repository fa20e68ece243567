import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { testFolder } from '../config/testing/files.js';
import { check } from './check.js';

const GOOD = `listen: [ { address: 80 } ]
secret: 0123456789abcdef
routes: [ { pool: a, match: { path: /a } }, { pool: b } ]
pools: { a: { backends: [ http://a, http://b ] }, b: { backends: { dns: b, port: 80 } } }
`;

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
  const [stdout, stderr] = [collector(), collector()];
  const code = await check(args, { stdout: stdout.stream, stderr: stderr.stream, env });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

function collector(): { stream: Writable; text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk, _, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  return { stream, text: () => chunks.join('') };
}

describe('holdfast check', () => {
  it('prints what a good file comes to, without its secrets', async () => {
    await using folder = await testFolder();
    const { code, stdout } = await run(['--config', await folder.write('good.yaml', GOOD), '--print']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      worker: { secrets: ['[redacted]'], pools: { a: { retries: 2 } }, routes: [{ match: { path: '/a' } }, {}] },
    });
    expect(stdout).not.toContain('0123456789abcdef');
  });

  it('says what a good file holds', async () => {
    await using folder = await testFolder();
    const file = await folder.write('good.yaml', GOOD);
    const stdout = `${file}: ok (2 routes, 2 pools, 2 backends, 1 pool from the DNS)\n`;
    expect(await run(['--config', file])).toEqual({ code: 0, stdout, stderr: '' });
  });

  it('warns without failing', async () => {
    await using folder = await testFolder();
    const file = await folder.write('good.yaml', GOOD.replace('pool: b', 'pool: a'));
    const { code, stderr } = await run([`--config=${file}`]);
    expect(code).toBe(0);
    expect(stderr).toBe(`warning: ${file}:4:51: pools.b: no route uses this pool\n`);
  });

  it('tells every mistake on a line of its own', async () => {
    await using folder = await testFolder();
    const file = await folder.write('bad.yaml', GOOD.replace('http://b', 'b').replace('0123456789abcdef', '"${S}"'));
    expect(await run(['--config', file], { S: 'short' })).toEqual({
      code: 1,
      stdout: '',
      stderr: [
        `${file}:2:9: secret: expected a secret of at least 16 characters, got a text of 5 characters`,
        `${file}:4:37: pools.a.backends[1]: expected the origin of a backend (http, https, ws or wss, no path) such as http://127.0.0.1:3000, got "b"`,
        '',
      ].join('\n'),
    });
  });

  it.each([
    ['no file', [], 'no --config'],
    ['an empty name', ['--config='], 'no --config'],
    ['an unknown option', ['--confg', 'x'], '"--confg x"'],
    ['a file without its option', ['x.yaml'], '"x.yaml"'],
  ])('refuses %s', async (_, args, got) => {
    expect(await run(args)).toEqual({
      code: 1,
      stdout: '',
      stderr: `expected holdfast check --config FILE [--print], got ${got}\n`,
    });
  });
});
