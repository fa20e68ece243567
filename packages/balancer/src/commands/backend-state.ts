/**
 * `holdfast drain|ready|maintenance --backend ID [--pool NAME]`: the operator's word about a backend; and `holdfast drain
 * --self`, which stops the balancer as SIGTERM does. Exit code 0 once it was taken: how it goes on is in `holdfast status`.
 */
import { askAdmin, type AdminAnswer } from '../admin/client.js';
import { type AdminArgs, readAdminArgs, tokenOf } from './admin-args.js';
import type { CommandIo } from './check.js';

type Verb = 'drain' | 'ready' | 'maintenance';

const STATES = { drain: 'draining', ready: 'ready', maintenance: 'maintenance' } as const;
const USAGE = '--backend ID [--pool NAME] [--admin URL]';

export const drain = (args: readonly string[], io: CommandIo): Promise<number> => tell('drain', args, io);
export const ready = (args: readonly string[], io: CommandIo): Promise<number> => tell('ready', args, io);
export const maintenance = (args: readonly string[], io: CommandIo): Promise<number> => tell('maintenance', args, io);

async function tell(verb: Verb, args: readonly string[], io: CommandIo): Promise<number> {
  const text = { type: 'string' } as const;
  const own = verb === 'drain' ? { self: { type: 'boolean' } as const } : {};
  const given = readAdminArgs(args, { backend: text, pool: text, ...own });
  const isSelf = given?.values['self'] === true;
  const backend = given?.values['backend'];
  if (given === undefined || (typeof backend === 'string' && backend !== '') === isSelf) {
    const either = verb === 'drain' ? ' or holdfast drain --self [--admin URL]' : '';
    io.stderr.write(`expected holdfast ${verb} ${USAGE}${either}, got ${JSON.stringify(args.join(' '))}\n`);
    return 1;
  }
  return isSelf ? drainSelf(given, io) : setState(verb, given, io);
}

async function setState(verb: Verb, { url, values }: AdminArgs, { stdout, stderr, env }: CommandIo): Promise<number> {
  const { backend, pool } = values as { readonly backend: string; readonly pool?: string };
  const query = pool === undefined ? '' : `?pool=${encodeURIComponent(pool)}`;
  const body = { state: STATES[verb] };
  const path = `/v1/backends/${encodeURIComponent(backend)}${query}`;
  const answer = await askAdmin(path, { url, token: tokenOf(env), method: 'PUT', body });
  if (!answer.ok) return problem(answer, stderr);
  const { changed = [] } = answer.body as { readonly changed?: readonly { readonly pool: string }[] };
  const pools = changed.map((it) => it.pool).join(', ');
  stdout.write(`backend ${backend} of ${pools}: ${STATES[verb]}\n`);
  return 0;
}

async function drainSelf({ url }: AdminArgs, { stdout, stderr, env }: CommandIo): Promise<number> {
  const answer = await askAdmin('/v1/drain', { url, token: tokenOf(env), method: 'POST' });
  if (!answer.ok) return problem(answer, stderr);
  const { drain: progress } = answer.body as { readonly drain?: { readonly deadlineInMs?: number } };
  const seconds = Math.ceil((progress?.deadlineInMs ?? 0) / 1000);
  stdout.write(`draining: stopped in ${seconds} s at the latest\n`);
  return 0;
}

function problem(answer: Extract<AdminAnswer, { ok: false }>, stderr: CommandIo['stderr']): 1 {
  stderr.write(`${answer.problem}\n`);
  return 1;
}
