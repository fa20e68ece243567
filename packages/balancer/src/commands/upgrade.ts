/**
 * `holdfast upgrade`: every worker of a running balancer gives its place to a new process, which runs the code and reads the
 * certificates that are on disk now. Says how far it is, and exits 0 when all are replaced. To leave it (Ctrl-C) does not stop it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { askAdmin } from '../admin/client.js';
import { readAdminArgs, tokenOf } from './admin-args.js';
import type { CommandIo } from './check.js';

const USAGE = 'holdfast upgrade [--admin URL]';
const ASK_EVERY_MS = 500;
/** A balancer that is busy with its own may miss one question. */
const MAX_MISSED = 3;

interface Replacement {
  readonly state?: string;
  readonly replaced?: number;
  readonly total?: number;
  readonly tookMs?: number;
  readonly problem?: string;
}

export async function upgrade(args: readonly string[], { stdout, stderr, env }: CommandIo): Promise<number> {
  const given = readAdminArgs(args, {});
  if (given === undefined) {
    stderr.write(`expected ${USAGE}, got ${JSON.stringify(args.join(' '))}\n`);
    return 1;
  }
  const where = { url: given.url, token: tokenOf(env) };
  const begun = await askAdmin('/v1/workers/replace', { ...where, method: 'POST' });
  if (!begun.ok) {
    stderr.write(`${begun.problem}\n`);
    return 1;
  }
  let told = '';
  let missed = 0;
  for (;;) {
    const answer = await askAdmin('/v1/status', where);
    missed = answer.ok ? 0 : missed + 1;
    if (!answer.ok && missed >= MAX_MISSED) {
      stderr.write(`${answer.problem}\n`);
      return 1;
    }
    const progress = answer.ok ? replacementOf(answer.body) : undefined;
    const line = progress === undefined ? told : lineOf(progress);
    if (line !== told) stdout.write(line);
    told = line;
    if (progress !== undefined && progress.state !== 'running') return endOf(progress, stderr);
    await delay(ASK_EVERY_MS);
  }
}

function replacementOf(status: unknown): Replacement {
  const { replacement } = status as { readonly replacement?: Replacement | null };
  return replacement ?? {};
}

function lineOf({ replaced, total }: Replacement): string {
  return `${replaced ?? 0} of ${total ?? '?'} workers replaced\n`;
}

function endOf({ state, problem }: Replacement, stderr: CommandIo['stderr']): 0 | 1 {
  if (state === 'done') return 0;
  stderr.write(`expected all workers to be replaced: ${problem ?? 'the balancer does not say what became of it'}\n`);
  return 1;
}
