/**
 * HAProxy as Debian ships it: the peer that most PROXY headers come from, and the strictest reader of ours. It is told its
 * sections; where it listens is found for it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { freePort } from './ports.js';
import { hasCommand, installCommand } from './tools.js';

export interface Server extends AsyncDisposable {
  readonly port: number;
}

/** Debian puts it where not everybody's PATH looks. */
const IN_SBIN = '/usr/sbin/haproxy';
const START_MS = 10_000;

const DEFAULTS = ['timeout connect 5s', 'timeout client 30s', 'timeout server 30s', 'timeout tunnel 30s'];

/** @param proxy lines of its one `listen` section; `bind` gets what is to stand behind its address. */
export async function startHaproxy(proxy: readonly string[], bind = ''): Promise<Server> {
  if (!existsSync(IN_SBIN) && !hasCommand('haproxy')) installCommand('haproxy', 'haproxy');
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-haproxy-'));
  const file = join(directory, 'haproxy.cfg');
  const lines = ['defaults', ...DEFAULTS, 'listen test', `bind 127.0.0.1:${port} ${bind}`, ...proxy];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const child = spawn(existsSync(IN_SBIN) ? IN_SBIN : 'haproxy', ['-db', '-q', '-f', file], { stdio: 'inherit' });
  return started(child, port, () => rmSync(directory, { recursive: true, force: true }));
}

/** A process that listens on the port; it is ended with the test run whatever happens. */
export async function started(child: ChildProcess, port: number, clean: () => void = () => undefined): Promise<Server> {
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const dispose = async (): Promise<void> => {
    process.removeListener('exit', kill);
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    kill();
    await ended;
    clean();
  };
  try {
    await eventually(() => accepts(port), { withinMs: START_MS });
  } catch (error) {
    await dispose();
    throw error;
  }
  return { port, [Symbol.asyncDispose]: dispose };
}

async function accepts(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
}
