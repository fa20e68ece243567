/** What the topic part of the benchmark prints, and the line that it holds. */
import { median, spread } from './report.mjs';

const MAX_RATIO = 1.25;

/** Gives whether the line was held. */
export function printTopics(results, { subscribers, perSecond }, plan) {
  console.log(
    `\nProcessor time of a worker per delivered message (1 topic, ${subscribers} subscribers, ${perSecond} publishes/s of ${plan.payloadBytes} bytes)`,
  );
  const costs = new Map([...results].map(([name, rounds]) => [name, rounds.map(({ microseconds }) => microseconds)]));
  for (const [name, values] of costs) {
    const rate = Math.round(median(results.get(name).map((round) => round.perSecond)));
    console.log(
      `  ${name.padEnd(18)} ${median(values).toFixed(3).padStart(8)} µs   ${spread(values)}   ${rate} deliveries/s`,
    );
  }
  console.log(
    `  how: user + system time of the one worker over messages that arrived; published by a backend over a trunk, embedded state;\n` +
      `  bare: one uWebSockets.js process that publishes frames of the same length by a timer of its own; median of ${plan.rounds} rounds`,
  );
  const ratio = median(costs.get('Holdfast')) / median(costs.get('bare app.publish'));
  const isHeld = ratio <= MAX_RATIO;
  console.log(
    `  held line: Holdfast / bare app.publish = ${ratio.toFixed(2)}, at most ${MAX_RATIO}: ${isHeld ? 'PASS' : 'FAIL'}`,
  );
  return isHeld;
}

export function printRedisCosts({ idle, publishing, returning, published, clients }) {
  console.log(`\nCommands that a Redis runs for topics (1 worker, 10 subscribers)`);
  console.log(`  per publish: ${costOf(publishing, idle, published)}`);
  console.log(
    `  per client that comes back (${clients} at once, 20 missed messages each): ${costOf(returning, idle, clients)}`,
  );
  console.log(
    `  how: INFO commandstats before and after, ${published} publishes; commands that run without either taken off; those within a script count`,
  );
}

/** No line is held here: who wants Socket.IO wants more than delivery. */
export function printComparison(results, costs, { subscribers, perSecond, payloadBytes, rounds }) {
  console.log(
    `\nAgainst Socket.IO with its Redis adapter (1 room, ${subscribers} subscribers, ${perSecond} publishes/s of ${payloadBytes} bytes)`,
  );
  for (const [name, values] of results) {
    const times = values.map(({ microseconds }) => microseconds);
    const { publishing, idle, published } = costs.get(name);
    console.log(`  ${name.padEnd(10)} ${median(times).toFixed(3).padStart(8)} µs   ${spread(times)}`);
    console.log(`  ${' '.repeat(10)} Redis, per publish: ${costOf(publishing, idle, published)}`);
  }
  const [ours, theirs] = [...results.values()].map((values) => median(values.map(({ microseconds }) => microseconds)));
  console.log(
    `  Socket.IO / Holdfast = ${(theirs / ours).toFixed(2)}\n` +
      `  how: user + system time of the one process that has the clients, all of them on WebSockets; another one publishes, and one Redis\n` +
      `  is between them; median of ${rounds} rounds. Holdfast numbers and keeps each message (one script); the adapter keeps nothing, so\n` +
      `  that there is no price of a client that comes back to compare: it has missed what it missed`,
  );
}

/** `evalsha 1.00, xadd 1.00`: those of an idle server in as much time are not of it. */
function costOf({ counts, seconds }, idle, times) {
  return [...counts]
    .map(([name, count]) => [name, (count - ((idle.counts.get(name) ?? 0) / idle.seconds) * seconds) / times])
    .filter(([, cost]) => cost >= 0.005)
    .sort(([, a], [, b]) => b - a)
    .map(([name, cost]) => `${name} ${cost.toFixed(2)}`)
    .join(', ');
}
