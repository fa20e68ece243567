/**
 * `holdfast check --config FILE [--print]`: loads the configuration like `run` does and tells every mistake, one a line, in
 * the form that editors and CI systems link to; with --print, a good one is printed as `run` would take it, without its
 * secrets. Starts nothing and connects to nothing.
 */
import { parseArgs } from 'node:util';
import { redactConfig } from '../admin/redact.js';
import { formatMistake, loadConfig } from '../config/load.js';
import type { BalancerConfig } from '../config/types.js';

export interface CommandIo {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: NodeJS.ProcessEnv;
}

const USAGE = 'holdfast check --config FILE [--print]';

/** The exit code: 0 when the file is good, 1 when it or the call is not. */
export async function check(args: readonly string[], { stdout, stderr, env }: CommandIo): Promise<number> {
  const call = readArgs(args);
  if (!call.ok) {
    stderr.write(`expected ${USAGE}, got ${call.got}\n`);
    return 1;
  }
  const result = await loadConfig(call.file, env);
  if (!result.ok) {
    for (const mistake of result.mistakes) stderr.write(`${formatMistake(mistake)}\n`);
    return 1;
  }
  for (const warning of result.warnings) stderr.write(`warning: ${warning}\n`);
  if (call.isPrinted) stdout.write(`${JSON.stringify(redactConfig(result.config), undefined, 2)}\n`);
  else stdout.write(`${call.file}: ok (${summary(result.config)})\n`);
  return 0;
}

type Call =
  | { readonly ok: true; readonly file: string; readonly isPrinted: boolean }
  | { readonly ok: false; readonly got: string };

function readArgs(args: readonly string[]): Call {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { config: { type: 'string', short: 'c' }, print: { type: 'boolean', default: false } },
      strict: true,
    });
    const { config: file = '', print: isPrinted } = values;
    if (file !== '') return { ok: true, file, isPrinted };
    return { ok: false, got: 'no --config' };
  } catch {
    return { ok: false, got: JSON.stringify(args.join(' ')) };
  }
}

function summary({ worker: { routes, pools } }: BalancerConfig): string {
  const all = Object.values(pools);
  const backends = all.reduce(
    (sum, pool) => sum + (pool.backends.type === 'static' ? pool.backends.backends.length : 0),
    0,
  );
  const discovered = all.filter((pool) => pool.backends.type === 'dns').length;
  const counts = [counted(routes.length, 'route'), counted(all.length, 'pool'), counted(backends, 'backend')];
  if (discovered > 0) counts.push(`${counted(discovered, 'pool')} from the DNS`);
  return counts.join(', ');
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}
