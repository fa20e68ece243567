/**
 * The topic part of the benchmark: processor time of a worker per delivered message against a bare uWebSockets.js server that
 * publishes to as many clients, rounds interleaved; then what a publish and a client that comes back cost a Redis, in commands; then
 * the same against Socket.IO with its Redis adapter, where that is installed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { processorMs } from './kernel.mjs';
import { commandsDuring } from './topic-commands.mjs';
import { TopicLoad } from './topic-load.mjs';
import { bare, holdfast, socketIo, startRedis } from './topic-systems.mjs';
import { printComparison, printRedisCosts, printTopics } from './topics-report.mjs';

const PAYLOAD_BYTES = 128;
/** Subscribers and publishes per second: as many deliveries in each, which one core takes in both systems. */
const SHAPES = [
  { subscribers: 1000, perSecond: 40 },
  { subscribers: 5000, perSecond: 8 },
];
/** What Socket.IO takes on one core, too. */
const COMPARED_SHAPE = { subscribers: 1000, perSecond: 10 };
const REDIS_PUBLISHES_PER_SECOND = 200;
const REDIS_RETURNING = 500;

/** Gives for each held line whether it was held. */
export async function topics(plan) {
  const held = [];
  for (const shape of SHAPES) held.push(await deliveries(shape, plan));
  await redisCosts(plan);
  await comparison(plan);
  return held;
}

async function deliveries(shape, plan) {
  const systems = [
    ['Holdfast', holdfast],
    ['bare app.publish', bare],
  ];
  const results = await interleaved(systems, shape, plan);
  return printTopics(results, shape, { ...plan, payloadBytes: PAYLOAD_BYTES });
}

/** Name → its rounds. */
async function interleaved(systems, shape, plan) {
  const results = new Map(systems.map(([name]) => [name, []]));
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const [name, start] of systems) {
      const system = await start();
      try {
        const result = await deliveryRound(system, shape, plan);
        results.get(name).push(result);
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
  return results;
}

async function deliveryRound(system, { subscribers, perSecond }, plan) {
  const load = new TopicLoad(plan.loadProcesses, './topic-load-client.mjs');
  try {
    await load.openAll({ ...addressOf(system, plan), count: subscribers });
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

/** Commands of the server itself, with what it is asked anyway (leases, probes) taken off. */
async function redisCosts(plan) {
  const redis = await startRedis();
  const system = await holdfast({ state: `redis://127.0.0.1:${redis.port}` });
  const load = new TopicLoad(1, './topic-load-client.mjs');
  try {
    const { idle, publishing, published, after } = await publishCosts({ system, load, redis }, plan);
    const { position } = after;
    // Behind the end by twenty: a position that its clients could have had.
    const since = { epoch: position.epoch, offset: published + position.offset - 20 };
    const returning = await commandsDuring(redis.port, async () => {
      await load.openAll({ ...addressOf(system, plan), count: REDIS_RETURNING, since });
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

/** What an idle server costs, and then one that publishes to ten subscribers, whose last count is in the answer. */
async function publishCosts({ system, load, redis }, plan) {
  await load.openAll({ ...addressOf(system, plan), count: 10 });
  const idle = await commandsDuring(redis.port, () => delay(plan.measureMs));
  const before = await load.count();
  const publishing = await commandsDuring(redis.port, async () => {
    system.publisher.send({ perSecond: REDIS_PUBLISHES_PER_SECOND, bytes: PAYLOAD_BYTES });
    await delay(plan.measureMs);
    system.publisher.send({ perSecond: 0, bytes: 0 });
    // The last ones are on their way.
    await delay(500);
  });
  const after = await load.count();
  return { idle, publishing, published: (after.messages - before.messages) / 10, after };
}

function addressOf({ port, protocol }, { addresses }) {
  return { port, protocol, addresses };
}

/** Both with one Redis between whoever publishes and whoever delivers. */
async function comparison(plan) {
  if (!isInstalled('socket.io') || !isInstalled('@socket.io/redis-adapter')) {
    console.log(
      '\nSocket.IO is not installed: no comparison (npm ci, or npm install -w test socket.io @socket.io/redis-adapter)',
    );
    return;
  }
  const redis = await startRedis();
  const url = `redis://127.0.0.1:${redis.port}`;
  const systems = [
    ['Holdfast', () => holdfast({ state: url })],
    ['Socket.IO', () => socketIo(url)],
  ];
  try {
    const results = await interleaved(systems, COMPARED_SHAPE, plan);
    const costs = new Map();
    for (const [name, start] of systems) costs.set(name, await costsOf(start, redis, plan));
    printComparison(results, costs, { ...COMPARED_SHAPE, ...plan, payloadBytes: PAYLOAD_BYTES });
  } finally {
    await redis.stop();
  }
}

async function costsOf(start, redis, plan) {
  const system = await start();
  const load = new TopicLoad(1, './topic-load-client.mjs');
  try {
    return await publishCosts({ system, load, redis }, plan);
  } finally {
    await load.close();
    await load.stop();
    await system.stop();
  }
}

function isInstalled(name) {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
