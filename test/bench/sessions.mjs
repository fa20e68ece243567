/**
 * The session part of the benchmark: the whole system (balancer and application) against what it replaces, the
 * same application on `ws`, behind HAProxy and with nothing in front. Rounds are interleaved. Then the memory of idle sessions.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { processorMs, residentBytes } from './kernel.mjs';
import { Load } from './load.mjs';
import { messageRound } from './message-round.mjs';
import { haproxyVersion, startBackend, startHaproxy, startHoldfast } from './processes.mjs';
import { printIdleSessions, printSessions } from './report.mjs';

const SESSION_CLIENT = './session-load-client.mjs';
const IDLE_LOAD_PROCESSES = 4;

/** Gives for each held line whether it was held; undefined without anything to compare with. */
export async function sessions(plan) {
  const systems = [await holdfastSystem(plan), ...(await rivals(plan))];
  const results = new Map(systems.map(({ name }) => [name, []]));
  try {
    for (let round = 1; round <= plan.rounds; round += 1) {
      for (const system of systems) {
        const result = await messageRound(system, plan);
        results.get(system.name).push(result);
        const { microseconds, perSecond } = result;
        console.log(
          `round ${round} ${system.name}: ${microseconds.toFixed(2)} µs, ${Math.round(perSecond)} messages/s`,
        );
      }
    }
  } finally {
    for (const system of systems) await system.stop();
  }
  const held = printSessions(results, plan);
  if (plan.isIdleWanted) held.push(await idleSessions(plan));
  return held;
}

async function holdfastSystem(plan) {
  const backend = await startBackend('./session-backend.mjs');
  const proxy = await startHoldfast({ backendPort: backend.port, workers: plan.workers, kind: 'session' });
  return { ...system('Holdfast + SDK', proxy, backend), script: SESSION_CLIENT, workerPids: proxy.workerPids };
}

async function rivals(plan) {
  const alone = await startBackend('./ws-backend.mjs');
  const all = [{ name: 'ws alone', ...alone }];
  if (haproxyVersion() === undefined) return all;
  const backend = await startBackend('./ws-backend.mjs');
  const options = { backendPort: backend.port, workers: plan.workers, maxConnections: plan.connections + 200 };
  return [system('HAProxy + ws', await startHaproxy(options), backend), ...all];
}

function system(name, proxy, backend) {
  return {
    name,
    port: proxy.port,
    pids: () => [...proxy.pids(), ...backend.pids()],
    stop: async () => {
      await proxy.stop();
      await backend.stop();
    },
  };
}

/** New sessions are let in at two thirds of each worker's 1,000 hellos a second; the kernel does not share them out evenly. */
async function openSlowly(load, port, { idleSessions, addresses, workers }) {
  const perSecond = 400 * workers;
  for (let opened = 0; opened < idleSessions; opened += perSecond) {
    const second = delay(1000);
    await load.open(port, Math.min(perSecond, idleSessions - opened), addresses);
    await second;
  }
}

async function idleSessions(plan) {
  const measured = await holdfastSystem(plan);
  const load = new Load(IDLE_LOAD_PROCESSES, SESSION_CLIENT);
  try {
    await load.open(measured.port, 8, plan.addresses);
    await delay(plan.settleMs);
    const pids = measured.workerPids();
    const [residentBefore, spentBefore] = [residentBytes(pids), processorMs(measured.pids())];
    await openSlowly(load, measured.port, plan);
    const connectMicroseconds = ((processorMs(measured.pids()) - spentBefore) * 1000) / plan.idleSessions;
    await delay(plan.settleMs);
    const bytes = (residentBytes(pids) - residentBefore) / plan.idleSessions;
    const { open } = await load.count();
    if (open !== plan.idleSessions + 8)
      throw new Error(`bench: expected ${plan.idleSessions + 8} open sessions, got ${open}`);
    return printIdleSessions({ bytes, connectMicroseconds }, plan);
  } finally {
    await load.close();
    await load.stop();
    await measured.stop();
  }
}
