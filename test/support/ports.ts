/**
 * Free ports for processes that must be told their port. They are taken below the kernel's range for outgoing
 * connections: a port from that range can be lost to any client between the probe and its use.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';

const LOWEST = 12_000;
const HIGHEST = 31_999;
const ATTEMPTS = 50;

/** Given out in this process already; another process is kept off by chance (one in 20,000) and by the probe. */
const taken = new Set<number>();

export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (taken.has(port) || !(await isFree(port))) continue;
    taken.add(port);
    return port;
  }
  throw new Error(`ports: expected a free port in ${LOWEST}–${HIGHEST}, found none in ${ATTEMPTS} attempts`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const outcome = new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.once('listening', () => resolve(true));
  });
  server.listen(port, '127.0.0.1');
  const free = await outcome;
  if (!free) return false;
  const closed = once(server, 'close');
  server.close();
  await closed;
  return true;
}
