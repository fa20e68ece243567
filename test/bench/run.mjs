/**
 * `npm run bench`: what relaying and sessions cost, against HAProxy on the same machine in the same run. Rounds are interleaved
 * (A B A B …), so that a noisy neighbour hits both; medians and ratios are printed, for absolute numbers of one
 * machine say little about another.
 *
 *   --quick             short rounds and fewer idle connections, to see whether it works
 *   --strict            exit 1 when a held line is missed
 *   --workers N         workers of Holdfast and threads of HAProxy (default 2)
 *   --rounds N          rounds of each (default 3)
 *   --no-idle           leave the idle part out
 *   --only PART         relay, sessions or topics
 */
import { cpus, release } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { descriptorLimit, processorMs, residentBytes } from './kernel.mjs';
import { Load } from './load.mjs';
import { messageRound } from './message-round.mjs';
import { haproxyVersion, startBackend, startHaproxy, startHoldfast } from './processes.mjs';
import { printIdle, printMessages } from './report.mjs';
import { sessions } from './sessions.mjs';
import { topics } from './topics.mjs';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
    workers: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    'no-idle': { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});

const plan = {
  workers: Number(flags.workers),
  rounds: Number(flags.rounds),
  connections: 1000,
  loadProcesses: 2,
  warmUpMs: flags.quick ? 1000 : 3000,
  measureMs: flags.quick ? 2000 : 6000,
  idle: Math.min(flags.quick ? 2000 : 10_000, Math.floor((descriptorLimit() - 1200) / 2)),
  settleMs: flags.quick ? 1000 : 3000,
  idleSessions: flags.quick ? 3000 : 15_000,
  addresses: Array.from({ length: 10 }, (_, i) => `127.0.1.${i + 1}`),
};
const HELD_RATIO = 2.5;
let backend;

const haproxy = haproxyVersion();
console.log(`Node ${process.version}, Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`);
console.log(haproxy ?? 'HAProxy is not installed: no comparison (Debian: apt-get install haproxy)');

const held = [];
const isWanted = (part) => flags.only === undefined || flags.only === part;
if (isWanted('relay')) held.push(await relay());
if (isWanted('sessions')) held.push(...(await sessions({ ...plan, isIdleWanted: !flags['no-idle'] })));
if (isWanted('topics')) held.push(...(await topics(plan)));
if (flags.strict && !held.every((line) => line === true)) process.exitCode = 1;

async function relay() {
  backend = await startBackend('./echo-backend.mjs');
  try {
    const isHeld = await messages();
    if (!flags['no-idle']) await idle();
    return isHeld;
  } finally {
    await backend.stop();
  }
}

/** Closed loop of small messages: processor time of the proxy per message relayed (there and back are two). */
async function messages() {
  const proxies = await startAll();
  const results = new Map(proxies.map(({ name }) => [name, []]));
  try {
    for (let round = 1; round <= plan.rounds; round += 1) {
      for (const proxy of proxies) {
        const result = await messageRound(proxy, plan);
        results.get(proxy.name).push(result);
        console.log(
          `round ${round} ${proxy.name}: ${result.microseconds.toFixed(2)} µs, ${Math.round(result.perSecond)} messages/s`,
        );
      }
    }
  } finally {
    for (const proxy of proxies) await proxy.stop();
  }
  return printMessages(results, plan, HELD_RATIO);
}

/** Memory that an idle connection costs, and how fast they come in. Fresh processes: a used heap hides its growth. */
async function idle() {
  const results = new Map();
  for (const start of starters()) {
    const proxy = await start();
    const load = new Load(4);
    try {
      // One of each kind first: what is loaded lazily is not the price of a connection.
      await load.open(proxy.port, 8, plan.addresses);
      await delay(plan.settleMs);
      const pids = proxy.pids();
      const [residentBefore, spentBefore] = [residentBytes(pids), processorMs(pids)];
      const perSecond = await load.open(proxy.port, plan.idle, plan.addresses);
      const connectMicroseconds = ((processorMs(pids) - spentBefore) * 1000) / plan.idle;
      await delay(plan.settleMs);
      const bytes = (residentBytes(pids) - residentBefore) / plan.idle;
      const { open } = await load.count();
      if (open !== plan.idle + 8) throw new Error(`bench: expected ${plan.idle + 8} open connections, got ${open}`);
      results.set(proxy.name, { bytes, perSecond, connectMicroseconds });
    } finally {
      await load.close();
      await load.stop();
      await proxy.stop();
    }
  }
  printIdle(results, plan);
}

async function startAll() {
  const proxies = [];
  for (const start of starters()) proxies.push(await start());
  return proxies;
}

function starters() {
  const options = {
    backendPort: backend.port,
    workers: plan.workers,
    maxConnections: Math.max(plan.idle, plan.connections) + 200,
  };
  const all = [() => startHoldfast(options)];
  if (haproxy !== undefined) all.push(() => startHaproxy(options));
  return all;
}
