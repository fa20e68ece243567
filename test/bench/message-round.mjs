/** One round of a closed loop of small messages: processor time of what is measured per message, there and back being two. */
import { setTimeout as delay } from 'node:timers/promises';
import { processorMs } from './kernel.mjs';
import { Load } from './load.mjs';

/** @param measured {port, pids(), script?} */
export async function messageRound(measured, plan) {
  const load = new Load(plan.loadProcesses, measured.script);
  try {
    await load.open(measured.port, plan.connections, plan.addresses);
    await load.talk();
    await delay(plan.warmUpMs);
    const before = await load.count();
    const startedAt = performance.now();
    const spentBefore = processorMs(measured.pids());
    await delay(plan.measureMs);
    const spent = processorMs(measured.pids()) - spentBefore;
    const after = await load.count();
    const tookMs = performance.now() - startedAt;
    if (after.open !== plan.connections || after.unexpected > 0) {
      throw new Error(
        `bench: expected ${plan.connections} open connections and only echoes, got ${JSON.stringify(after)}`,
      );
    }
    const relayed = 2 * (after.messages - before.messages);
    return { microseconds: (spent * 1000) / relayed, perSecond: (relayed * 1000) / tookMs };
  } finally {
    await load.close();
    await load.stop();
  }
}
