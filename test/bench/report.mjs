/** What the benchmark prints: medians, spread, ratios, the held line, and how each number was made. */

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Gives whether the line was held; undefined without anything to compare with. */
export function printMessages(results, plan, heldRatio) {
  const costs = new Map([...results].map(([name, rounds]) => [name, rounds.map(({ microseconds }) => microseconds)]));
  console.log(`\nProcessor time per relayed message (${plan.connections} connections, 64-byte text, echo)`);
  for (const [name, values] of costs) {
    const rate = Math.round(median(results.get(name).map(({ perSecond }) => perSecond)));
    console.log(
      `  ${name.padEnd(10)} ${median(values).toFixed(2).padStart(8)} µs   ${spread(values)}   ${rate} messages/s`,
    );
  }
  console.log(
    `  how: closed loop, one message in flight per connection; user + system time of all processes of the proxy from\n` +
      `  /proc/PID/stat, divided by messages relayed in either direction; ${plan.workers} workers or threads; median of ${plan.rounds}\n` +
      `  interleaved rounds of ${plan.measureMs / 1000} s after ${plan.warmUpMs / 1000} s of warm-up; backend: bare uWebSockets.js echo`,
  );
  const [ours, theirs] = [costs.get('Holdfast'), costs.get('HAProxy')];
  if (theirs === undefined) return undefined;
  const ratio = median(ours) / median(theirs);
  const isHeld = ratio <= heldRatio;
  console.log(
    `  held line: Holdfast / HAProxy = ${ratio.toFixed(2)}, at most ${heldRatio}: ${isHeld ? 'PASS' : 'FAIL'}`,
  );
  return isHeld;
}

/** The whole system against what it replaces; gives whether each line was held. */
export function printSessions(results, plan) {
  const costs = new Map([...results].map(([name, rounds]) => [name, rounds.map(({ microseconds }) => microseconds)]));
  console.log(
    `\nProcessor time per message, balancer and application together (${plan.connections} sessions, 64-byte text, echo)`,
  );
  for (const [name, values] of costs) {
    const rate = Math.round(median(results.get(name).map(({ perSecond }) => perSecond)));
    console.log(
      `  ${name.padEnd(14)} ${median(values).toFixed(2).padStart(8)} µs   ${spread(values)}   ${rate} messages/s`,
    );
  }
  console.log(
    `  how: as above, over all processes of balancer and application; the application is Node with the SDK, or with ws`,
  );
  const ours = median(costs.get('Holdfast + SDK'));
  const lines = [
    ['HAProxy + ws', 0.6],
    ['ws alone', 1.1],
  ];
  return lines.map(([rival, most]) => {
    const theirs = costs.get(rival);
    if (theirs === undefined) return undefined;
    const ratio = ours / median(theirs);
    const isHeld = ratio <= most;
    console.log(
      `  held line: Holdfast + SDK / ${rival} = ${ratio.toFixed(2)}, at most ${most}: ${isHeld ? 'PASS' : 'FAIL'}`,
    );
    return isHeld;
  });
}

const MAX_IDLE_SESSION_BYTES = 4096;

export function printIdleSessions({ bytes, connectMicroseconds }, plan) {
  const isHeld = bytes <= MAX_IDLE_SESSION_BYTES;
  console.log(`\n${plan.idleSessions} idle resumable sessions`);
  console.log(
    `  ${Math.round(bytes)} bytes of worker memory each; ${Math.round(connectMicroseconds)} µs of processor time per connect, application included`,
  );
  console.log(
    `  how: growth of the resident memory of the workers over the number of sessions, ${plan.settleMs / 1000} s after the last connect`,
  );
  console.log(`  held line: at most ${MAX_IDLE_SESSION_BYTES} bytes: ${isHeld ? 'PASS' : 'FAIL'}`);
  return isHeld;
}

export function printIdle(results, plan) {
  console.log(`\n${plan.idle} idle relayed connections`);
  for (const [name, { bytes, perSecond, connectMicroseconds }] of results) {
    const memory = `${(bytes / 1024).toFixed(1)} KiB per connection`;
    const rate = `${Math.round(perSecond)} connects/s, ${Math.round(connectMicroseconds)} µs of processor time each`;
    console.log(`  ${name.padEnd(10)} ${memory.padStart(26)}   ${rate}`);
  }
  console.log(
    `  how: growth of the resident memory of all processes of the proxy, ${plan.settleMs / 1000} s after the last connect, over the\n` +
      `  number of connections; handshakes from four processes, 64 at once in each; the rate is bounded by the load generator too`,
  );
  const [ours, theirs] = [results.get('Holdfast'), results.get('HAProxy')];
  if (theirs === undefined) return;
  console.log(
    `  Holdfast / HAProxy: memory ${(ours.bytes / theirs.bytes).toFixed(2)}, connects/s ${(ours.perSecond / theirs.perSecond).toFixed(2)}`,
  );
}

export function spread(values) {
  return `(${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)})`;
}
