/**
 * `holdfast status [--admin URL]`: asks a running balancer how it is and prints workers and backends as tables.
 * Exit code 0 when it answered, whatever it said: a degraded balancer is for /readyz and the metrics to alarm about.
 */
import { parseArgs } from 'node:util';
import { askAdmin } from '../admin/client.js';
import { renderStatus } from '../admin/status-text.js';
import type { CommandIo } from './check.js';

const DEFAULT_ADMIN = 'http://127.0.0.1:8081';
const USAGE = 'holdfast status [--admin URL]';

export async function status(args: readonly string[], { stdout, stderr, env }: CommandIo): Promise<number> {
  const url = readUrl(args);
  if (url === undefined) {
    stderr.write(`expected ${USAGE}, got ${JSON.stringify(args.join(' '))}\n`);
    return 1;
  }
  const answer = await askAdmin('/v1/status', { url, token: env['HOLDFAST_ADMIN_TOKEN'] });
  if (!answer.ok) {
    stderr.write(`${answer.problem}\n`);
    return 1;
  }
  stdout.write(renderStatus(answer.body));
  return 0;
}

function readUrl(args: readonly string[]): string | undefined {
  try {
    const { values } = parseArgs({ args: [...args], options: { admin: { type: 'string' } }, strict: true });
    return values.admin ?? DEFAULT_ADMIN;
  } catch {
    return undefined;
  }
}
