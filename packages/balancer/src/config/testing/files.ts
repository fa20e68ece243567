/**
 * Configuration files for tests: written to a folder of their own, loaded, and the folder removed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatMistake, loadConfig } from '../load.js';
import type { BalancerConfig, LoadResult } from '../types.js';

export interface TestFolder extends AsyncDisposable {
  readonly path: string;
  write(name: string, content: string | Uint8Array): Promise<string>;
}

export async function testFolder(): Promise<TestFolder> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-config-'));
  return {
    path,
    async write(name, content) {
      await writeFile(join(path, name), content);
      return join(path, name);
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

export async function load(text: string | Uint8Array, env: NodeJS.ProcessEnv = {}): Promise<LoadResult> {
  await using folder = await testFolder();
  // Awaited here: the folder goes when this function returns.
  return await loadConfig(await folder.write('holdfast.yaml', text), env);
}

/** `line:column: path: expected …`, without the name of the file. */
export async function mistakesIn(text: string | Uint8Array, env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const result = await load(text, env);
  if (result.ok) return [];
  return result.mistakes.map((mistake) => formatMistake({ ...mistake, file: '' }).slice(1));
}

export async function configOf(text: string, env: NodeJS.ProcessEnv = {}): Promise<BalancerConfig> {
  const result = await load(text, env);
  if (!result.ok)
    throw new Error(`expected a good configuration, got ${result.mistakes.map(formatMistake).join('\n')}`);
  return result.config;
}
