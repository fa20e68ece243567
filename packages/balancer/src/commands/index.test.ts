import { expect, it } from 'vitest';
import { main } from './index.js';

it.each<[string[], number, string]>([
  [['--help'], 0, 'usage:\n  holdfast run --config FILE'],
  [['help'], 0, 'usage:'],
  [['run', '--help'], 0, 'usage:'],
  [['--version'], 0, '0.'],
  [[], 1, 'expected a command, got none; see holdfast --help\n'],
  [['rnu'], 1, ', upgrade, got "rnu" (did you mean "run"?); see holdfast --help\n'],
  [
    ['frobnicate-all'],
    1,
    'expected one of run, check, status, drain, ready, maintenance, upgrade, got "frobnicate-all"',
  ],
  [['drain'], 1, 'expected holdfast drain --backend ID [--pool NAME] [--admin URL] or holdfast drain --self'],
  [['drain', '--self', '--backend', 'a'], 1, 'expected holdfast drain'],
  [['ready', '--self'], 1, 'expected holdfast ready --backend ID [--pool NAME] [--admin URL], got "--self"\n'],
  [['upgrade', 'now'], 1, 'expected holdfast upgrade [--admin URL], got "now"\n'],
  [['status', '--wrong'], 1, 'expected holdfast status [--admin URL], got "--wrong"\n'],
])('%j answers %i', async (argv, code, text) => {
  let output = '';
  const write = (chunk: unknown): boolean => {
    output += String(chunk);
    return true;
  };
  const stream = { write } as unknown as NodeJS.WritableStream;
  expect(await main(argv, { stdout: stream, stderr: stream, env: {} })).toBe(code);
  expect(output).toContain(text);
});
