/** Signals are the process's: what would end it is only looked at here. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createBackend } from './backend.js';
import { onTermination } from './signals.js';
import { gate } from './testing/stage.js';

let others: NodeJS.SignalsListener[];

beforeEach(() => {
  others = process.listeners('SIGTERM') as NodeJS.SignalsListener[];
  process.removeAllListeners('SIGTERM');
  vi.spyOn(process, 'kill').mockReturnValue(true);
});
afterEach(() => {
  vi.restoreAllMocks();
  process.removeAllListeners('SIGTERM');
  for (const listener of others) process.on('SIGTERM', listener);
});

async function turn(): Promise<void> {
  await new Promise(setImmediate);
}

it('ends the process once every backend has left, and not before', async () => {
  const [one, two] = [gate(), gate()];
  onTermination(() => one.opened);
  onTermination(() => two.opened);
  process.emit('SIGTERM');
  one.open();
  await turn();
  expect(process.kill).not.toHaveBeenCalled();
  two.open();
  await turn();
  expect(process.kill).toHaveBeenCalledExactlyOnceWith(process.pid, 'SIGTERM');
});

it('leaves the end to an application that listens for the signal itself', async () => {
  process.on('SIGTERM', () => undefined);
  onTermination(() => Promise.resolve());
  process.emit('SIGTERM');
  await turn();
  expect(process.kill).not.toHaveBeenCalled();
});

it('leaves a second signal to do what it does', async () => {
  const busy = gate();
  onTermination(() => busy.opened);
  process.emit('SIGTERM');
  expect(process.listenerCount('SIGTERM')).toBe(0);
  busy.open();
  await turn();
});

it('drains a backend and closes its servers', async () => {
  const backend = createBackend({ secret: 'secret' });
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  backend.attach(server);
  const closed = once(server, 'close');
  process.emit('SIGTERM');
  await closed;
  await vi.waitFor(() => expect(process.kill).toHaveBeenCalledOnce());
});

it.each([
  ['when the option says so', false],
  ['after close', true],
])('is not listened for %s', async (_when, signals) => {
  const backend = createBackend({ secret: 'secret', signals });
  await backend.listen(0, '127.0.0.1');
  await backend.close();
  expect(process.listenerCount('SIGTERM')).toBe(0);
});
