/**
 * The topic part of the benchmark: processor time of a worker per delivered message against a bare uWebSockets.js server that
 * publishes to as many clients, rounds interleaved; then what a publish and a client that comes back cost a Redis, in commands.
 */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { processorMs } from './kernel.mjs';
import { freePort, startHoldfast } from './processes.mjs';
import { printRedisCosts, printTopics } from './topics-report.mjs';
import { TopicLoad } from './topic-load.mjs';

const PAYLOAD_BYTES = 128;
/** Subscribers and publishes per second: as many deliveries in each, which one core takes in both systems. */
const SHAPES = [
  { subscribers: 1000, perSecond: 40 },
  { subscribers: 5000, perSecond: 8 },
];
const REDIS_PUBLISHES_PER_SECOND = 200;
const REDIS_RETURNING = 500;

/** Gives for each held line whether it was held. */
export async function topics(plan) {
  const held = [];
  for (const shape of SHAPES) held.push(await deliveries(shape, plan));
  await redisCosts(plan);
  return held;
}

async function deliveries(shape, plan) {
  const results = new Map();
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const [name, start] of [
      ['Holdfast', holdfast],
      ['bare app.publish', bare],
    ]) {
      const system = await start();
      try {
        const result = await deliveryRound(system, shape, plan);
        results.set(name, [...(results.get(name) ?? []), result]);
        const { microseconds, supervisorMicroseconds, perSecond } = result;
        const beside =
          supervisorMicroseconds === undefined ? '' : ` (supervisor ${supervisorMicroseconds.toFixed(3)} µs)`;
        console.log(
          `round ${round} ${shape.subscribers} subscribers, ${name}: ${microseconds.toFixed(3)} µs per delivery${beside}, ${Math.round(perSecond)} deliveries/s`,
        );
      } finally {
        await system.stop();
      }
    }
  }
  return printTopics(results, shape, { ...plan, payloadBytes: PAYLOAD_BYTES });
}

async function deliveryRound(system, { subscribers, perSecond }, plan) {
  const load = new TopicLoad(plan.loadProcesses, './topic-load-client.mjs');
  try {
    await load.openAll({ port: system.port, count: subscribers, addresses: plan.addresses, protocol: system.protocol });
    system.publisher.send({ perSecond, bytes: PAYLOAD_BYTES });
    await delay(plan.warmUpMs);
    const before = await load.count();
    const startedAt = performance.now();
    const spentBefore = processorMs(system.pids());
    const besideBefore = processorMs(system.supervisorPids ?? []);
    await delay(plan.measureMs);
    const spent = processorMs(system.pids()) - spentBefore;
    const beside = processorMs(system.supervisorPids ?? []) - besideBefore;
    const after = await load.count();
    const tookMs = performance.now() - startedAt;
    const delivered = after.messages - before.messages;
    const expected = (subscribers * perSecond * tookMs) / 1000;
    if (after.open !== subscribers || after.unexpected > 0 || delivered < expected * 0.8) {
      throw new Error(
        `bench: expected ${subscribers} subscribers and about ${Math.round(expected)} messages, got ${JSON.stringify(after)} after ${JSON.stringify(before)}`,
      );
    }
    return {
      microseconds: (spent * 1000) / delivered,
      supervisorMicroseconds: system.supervisorPids === undefined ? undefined : (beside * 1000) / delivered,
      perSecond: (delivered * 1000) / tookMs,
    };
  } finally {
    system.publisher.send({ perSecond: 0, bytes: 0 });
    await load.close();
    await load.stop();
  }
}

async function holdfast(options = {}) {
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

async function bare() {
  const { child, port, stop } = await startPublisher('./topic-bare.mjs');
  return { port, protocol: undefined, publisher: child, pids: () => [child.pid], stop };
}

async function startPublisher(script) {
  const child = fork(new URL(script, import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [{ port }] = await once(child, 'message');
  const stop = async () => {
    if (child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  };
  return { child, port, stop };
}

/** Commands of the server itself, with what it is asked anyway (leases, probes) taken off. */
async function redisCosts(plan) {
  const redis = await startRedis();
  const system = await holdfast({ state: `redis://127.0.0.1:${redis.port}` });
  const load = new TopicLoad(1, './topic-load-client.mjs');
  try {
    const at = { port: system.port, addresses: plan.addresses, protocol: system.protocol };
    await load.openAll({ ...at, count: 10 });
    const idle = await commandsDuring(redis.port, () => delay(plan.measureMs));
    const before = await load.count();
    const publishing = await commandsDuring(redis.port, async () => {
      system.publisher.send({ perSecond: REDIS_PUBLISHES_PER_SECOND, bytes: PAYLOAD_BYTES });
      await delay(plan.measureMs);
      system.publisher.send({ perSecond: 0, bytes: 0 });
    });
    const after = await load.count();
    const published = (after.messages - before.messages) / 10;
    const { position } = after;
    // Behind the end by twenty: a position that its clients could have had.
    const since = { epoch: position.epoch, offset: published + position.offset - 20 };
    const returning = await commandsDuring(redis.port, async () => {
      await load.openAll({ ...at, count: REDIS_RETURNING, since });
      await delay(Math.max(0, plan.measureMs - 2000));
    });
    const recovered = (await load.count()).messages - after.messages;
    if (recovered !== REDIS_RETURNING * 20)
      throw new Error(`bench: expected ${REDIS_RETURNING * 20} recovered messages, got ${recovered}`);
    printRedisCosts({ idle, publishing, returning, published, clients: REDIS_RETURNING });
  } finally {
    await load.close();
    await load.stop();
    await system.stop();
    await redis.stop();
  }
}

/** Command → how often it ran meanwhile. */
async function commandsDuring(port, run) {
  const before = await commandStats(port);
  const startedAt = performance.now();
  await run();
  const after = await commandStats(port);
  const seconds = (performance.now() - startedAt) / 1000;
  const counts = new Map();
  for (const [name, count] of after) {
    const difference = count - (before.get(name) ?? 0);
    if (difference > 0 && name !== 'info') counts.set(name, difference);
  }
  return { seconds, counts };
}

async function commandStats(port) {
  const text = await new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => socket.end('INFO commandstats\r\n'));
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => (received += chunk));
    socket.once('error', reject);
    socket.once('close', () => resolve(received));
  });
  return new Map([...text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, calls]) => [name, Number(calls)]));
}

async function startRedis() {
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
