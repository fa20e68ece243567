/**
 * How much memory this process's control group may use: the narrowest limit of it and of those above it, version 2 or 1. The
 * kernel ends whoever goes beyond it, so a worker has to know. `undefined` where there is none, or no control groups.
 */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';

export type ReadText = (path: string) => string | undefined;

/** Version 1 says "no limit" with a number of pages that nobody has. */
const NO_LIMIT_BYTES = 2 ** 53;

export function controlGroupLimit(read: ReadText = readText): number | undefined {
  const groups = (read('/proc/self/cgroup') ?? '').split('\n').map((line) => line.split(':'));
  const limits = groups.flatMap(([, controllers = '', path = '/']) => {
    if (controllers === '') return limitsUp(read, { root: '/sys/fs/cgroup', path, file: 'memory.max' });
    if (!controllers.split(',').includes('memory')) return [];
    return limitsUp(read, { root: '/sys/fs/cgroup/memory', path, file: 'memory.limit_in_bytes' });
  });
  return limits.length === 0 ? undefined : Math.min(...limits);
}

function limitsUp(
  read: ReadText,
  { root, path, file }: { readonly root: string; readonly path: string; readonly file: string },
): number[] {
  const limits: number[] = [];
  for (let at = path; ; at = dirname(at)) {
    const text = read(`${root}${at === '/' ? '' : at}/${file}`)?.trim() ?? '';
    const bytes = Number(text);
    if (/^\d+$/.test(text) && bytes > 0 && bytes < NO_LIMIT_BYTES) limits.push(bytes);
    if (at === '/' || at === '.') return limits;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
