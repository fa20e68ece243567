/**
 * `holdfast status [--admin URL]`: asks a running balancer how it is and prints fleet, workers and backends as tables.
 * Exit code 0 when it answered, whatever it said: a degraded balancer is for /readyz and the metrics to alarm about.
 */
import { askAdmin } from '../admin/client.js';
import { renderStatus } from '../admin/status-text.js';
import { readAdminArgs, tokenOf } from './admin-args.js';
import type { CommandIo } from './check.js';

const USAGE = 'holdfast status [--admin URL]';

export async function status(args: readonly string[], { stdout, stderr, env }: CommandIo): Promise<number> {
  const given = readAdminArgs(args, {});
  if (given === undefined) {
    stderr.write(`expected ${USAGE}, got ${JSON.stringify(args.join(' '))}\n`);
    return 1;
  }
  const answer = await askAdmin('/v1/status', { url: given.url, token: tokenOf(env) });
  if (!answer.ok) {
    stderr.write(`${answer.problem}\n`);
    return 1;
  }
  stdout.write(renderStatus(answer.body));
  return 0;
}
