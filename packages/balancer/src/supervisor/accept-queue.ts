/**
 * Looks before the start what becomes of connections that wait to be accepted when a worker stops: Linux resets them, unless it
 * is told to hand them to another listener on the same port. No process can do that for itself, so one line says how.
 * Linux only, since 5.14: elsewhere there is nothing to read.
 */
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';

const SETTING = '/proc/sys/net/ipv4/tcp_migrate_req';

export async function warnOfResets(log: Logger, path: string = SETTING): Promise<void> {
  const value = await readFile(path, 'utf8').catch(() => undefined);
  if (value === undefined || value.trim() !== '0') return;
  log.warn(
    {
      expected:
        'net.ipv4.tcp_migrate_req = 1, so that connections in the accept queue of a worker that stops go to another one',
      got: 0,
      fix: 'sysctl -w net.ipv4.tcp_migrate_req=1, and the same line in /etc/sysctl.d; --sysctl net.ipv4.tcp_migrate_req=1 in Docker',
    },
    'a worker that stops may reset connections that it has not accepted',
  );
}
