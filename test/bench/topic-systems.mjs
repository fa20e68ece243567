/** What the topic benchmark measures: each listens on a port, has processes whose time counts, and a publisher that takes orders. */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePort, startHoldfast } from './processes.mjs';

export async function holdfast(options = {}) {
  const backend = await startPublisher('./topic-backend.mjs');
  const proxy = await startHoldfast({ backendPort: backend.port, workers: 1, kind: 'session', ...options });
  const workers = proxy.workerPids();
  return {
    port: proxy.port,
    protocol: 'holdfast.v1',
    publisher: backend.child,
    pids: () => workers,
    supervisorPids: proxy.pids().filter((pid) => !workers.includes(pid)),
    stop: async () => {
      await proxy.stop();
      await backend.stop();
    },
  };
}

export async function bare() {
  const { child, port, stop } = await startPublisher('./topic-bare.mjs');
  return { port, protocol: undefined, publisher: child, pids: () => [child.pid], stop };
}

async function startPublisher(script, args = []) {
  const child = fork(new URL(script, import.meta.url), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [{ port }] = await once(child, 'message');
  const stop = async () => {
    if (child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  };
  return { child, port, stop };
}

/** Clients are connected to one process, and another one publishes: neither does the other's work. */
export async function socketIo(redisUrl) {
  const server = await startPublisher('./topic-socketio.mjs', [redisUrl]);
  const publisher = await startPublisher('./topic-socketio.mjs', [redisUrl]);
  return {
    port: server.port,
    protocol: 'socket.io',
    publisher: publisher.child,
    pids: () => [server.child.pid],
    stop: async () => {
      await publisher.stop();
      await server.stop();
    },
  };
}

export async function startRedis() {
  const port = await freePort();
  const child = spawn(
    'redis-server',
    ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  for await (const chunk of child.stdout) if (String(chunk).includes('Ready to accept')) break;
  const stop = async () => {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  };
  return { port, stop };
}
