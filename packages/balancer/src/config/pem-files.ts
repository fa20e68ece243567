/**
 * Reads the PEM files that a configuration names, relative to its folder. What cannot be read, or is too large to be
 * one, is told as what a mistake got.
 */
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { quote } from './mistake.js';

export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly got: string };

/** A chain of certificates has some kilobytes; what is larger is some other file. */
const MAX_PEM_BYTES = 1_048_576;

/** `parse` throws for what it does not know. */
export async function readPem<T>(name: string, folder: string, parse: (pem: string) => T): Promise<Read<T>> {
  const file = resolve(folder, name);
  const pem = await readBounded(file);
  if (!pem.ok) return pem;
  try {
    return { ok: true, value: parse(pem.value) };
  } catch {
    return { ok: false, got: `${quote(file)}, which holds something else` };
  }
}

/** `ENOENT`, `EACCES`, `EISDIR` …: what people search for. */
export function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException | null)?.code ?? error);
}

async function readBounded(file: string): Promise<Read<string>> {
  try {
    await using handle = await open(file, 'r');
    const { size } = await handle.stat();
    if (size > MAX_PEM_BYTES) return { ok: false, got: `${quote(file)}, which has ${size} bytes` };
    return { ok: true, value: await handle.readFile('utf8') };
  } catch (error) {
    return { ok: false, got: `${quote(file)}, which cannot be read (${codeOf(error)})` };
  }
}
