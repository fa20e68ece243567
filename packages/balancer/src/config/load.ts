/**
 * Loads a configuration file: text → document (YAML, variables) → schema → checks across keys → resolved config.
 * Every stage adds its findings and none stops at the first, so that one run tells all mistakes. Only syntax errors
 * end it early: what follows them would be guesses.
 */
import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { crossCheck } from './cross-checks.js';
import { type ReadDocument, readDocument } from './document.js';
import { expectedOf, toFindings, type SchemaFinding } from './issues.js';
import { readJwtKeys } from './jwt-keys.js';
import { toMistakes } from './mistake.js';
import { codeOf } from './pem-files.js';
import { formatPath, pathKey } from './positions.js';
import { resolveConfig } from './resolve.js';
import { configSchema, type ParsedConfig } from './schema.js';
import { readTlsFiles } from './tls-files.js';
import type { Concern, Finding, LoadResult, Mistake } from './types.js';
import { replaceAt, valueAt } from './view.js';
import { concernsOf } from './warnings.js';

export { formatMistake } from './mistake.js';

export interface LoadOptions {
  /**
   * Stands in for an absent `secret`. The same one at every reload keeps signed cookies valid while the process
   * lives. Default: a new random one at every call.
   */
  readonly madeUpSecret?: string;
}

/** Thousands of routes fit into this; what is larger is not a configuration. */
const MAX_FILE_BYTES = 1_048_576;

type Source = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly got: string };

/** A file that cannot be read is a mistake like any other. Rejects only when this code itself is broken. */
export async function loadConfig(file: string, env: NodeJS.ProcessEnv, options: LoadOptions = {}): Promise<LoadResult> {
  const source = await readSource(file);
  if (!source.ok) return { ok: false, mistakes: [unreadable(file, source.got)] };
  const document = readDocument(source.text, env);
  if (document.value === undefined && document.findings.length > 0) return failed(file, document, document.findings);
  const folder = dirname(resolve(file));
  const { parsed, findings } = parse(document);
  const jwtKeys = await readJwtKeys(document, folder);
  const tlsFiles = await readTlsFiles(document.value, folder);
  const all = [
    ...document.findings,
    ...findings,
    ...crossCheck(document.value),
    ...tlsFiles.findings,
    ...jwtKeys.findings,
  ];
  if (parsed === undefined || all.length > 0) return failed(file, document, all);
  const madeUpSecret = options.madeUpSecret ?? randomBytes(32).toString('base64url');
  const surroundings = { folder, cores: availableParallelism(), madeUpSecret, jwtKeys: jwtKeys.byRoute, tlsFiles };
  const config = resolveConfig(parsed, surroundings);
  return { ok: true, config, warnings: warningsOf(file, document, [...concernsOf(parsed), ...tlsFiles.concerns]) };
}

interface Parsed {
  readonly parsed: ParsedConfig | undefined;
  readonly findings: readonly SchemaFinding[];
}

/** Twice, when texts that came whole out of `${…}` stand where only numbers or booleans can: then as those. */
function parse(document: ReadDocument): Parsed {
  const first = parseOnce(document.value);
  const converted = first.findings.filter(
    ({ path, wantsConversion }) => wantsConversion && document.wholeReferences.has(pathKey(path)),
  );
  if (converted.length === 0) return first;
  for (const { path } of converted) replaceAt(document.value, path, toScalar(valueAt(document.value, path)));
  return parseOnce(document.value);
}

function parseOnce(value: unknown): Parsed {
  const result = configSchema.safeParse(value, { error: expectedOf });
  if (result.success) return { parsed: result.data, findings: [] };
  return { parsed: undefined, findings: toFindings(result.error.issues, value) };
}

/** A number or a boolean as YAML and JSON both write them; everything else stays a text. */
function toScalar(value: unknown): unknown {
  if (value === 'true' || value === 'false') return value === 'true';
  return typeof value === 'string' && /^-?\d{1,16}(\.\d{1,16})?$/.test(value) ? Number(value) : value;
}

async function readSource(file: string): Promise<Source> {
  try {
    await using handle = await open(file, 'r');
    const { size } = await handle.stat();
    if (size > MAX_FILE_BYTES) return { ok: false, got: `a file of ${size} bytes` };
    const bytes = await handle.readFile();
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (error) {
    return { ok: false, got: `one that cannot be read (${codeOf(error)})` };
  }
}

function unreadable(file: string, got: string): Mistake {
  const expected = `a readable text file (UTF-8) of at most ${MAX_FILE_BYTES} bytes`;
  return { file, line: 1, column: 1, path: formatPath([]), expected, got };
}

function failed(file: string, document: ReadDocument, findings: readonly Finding[]): LoadResult {
  return { ok: false, mistakes: toMistakes(file, document, findings) };
}

function warningsOf(file: string, { positions }: ReadDocument, concerns: readonly Concern[]): string[] {
  return concerns.map(({ path, text }) => {
    const { line, column } = positions.find(path, 'key');
    return `${file}:${line}:${column}: ${formatPath(path)}: ${text}`;
  });
}
