/** Commands that a Redis runs while something is done: those of the server itself are what it is asked anyway, and taken off. */
import { connect } from 'node:net';

/** Command → how often it ran meanwhile. */
export async function commandsDuring(port, run) {
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
