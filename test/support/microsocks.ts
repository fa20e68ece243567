/**
 * A SOCKS5 server that others wrote, out of Debian: with one user, and without.
 */
import { spawn } from 'node:child_process';
import { freePort } from './ports.js';
import { type Server, started } from './haproxy.js';
import { hasCommand, installCommand } from './tools.js';

export const SOCKS_USER = 'a-user';
export const SOCKS_PASSWORD = 'a:pass@word';

/** Its connections leave from `from`, so that a backend sees who brought them. */
export async function startMicrosocks({ from, auth }: { from: string; auth: boolean }): Promise<Server> {
  if (!hasCommand('microsocks')) installCommand('microsocks', 'microsocks');
  const port = await freePort();
  const credentials = auth ? ['-u', SOCKS_USER, '-P', SOCKS_PASSWORD] : [];
  const args = ['-i', '127.0.0.1', '-p', String(port), '-b', from, ...credentials];
  return started(spawn('microsocks', args, { stdio: 'ignore' }), port);
}
