/**
 * One process of the load generator: many WebSocket connections on bare sockets, each with one message in flight. It
 * is kept cheaper than what it measures: one precomputed masked frame, and answers are counted by their bytes.
 * Orders come over IPC as `{id, order, …}`; each is answered with `{id, …}`.
 */
import { connect } from 'node:net';

const PAYLOAD_BYTES = 64;
/** A server's frame of that length: two bytes of head, no mask. */
const ANSWER_BYTES = PAYLOAD_BYTES + 2;
const HANDSHAKES_AT_ONCE = 64;
const HANDSHAKE_TIMEOUT_MS = 20_000;

const FRAME = maskedTextFrame(PAYLOAD_BYTES);
const HANDSHAKE = [
  'GET /bench HTTP/1.1',
  'Host: bench.test',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '',
  '',
].join('\r\n');

const connections = [];
let messages = 0;
let unexpected = 0;
let isTalking = false;

const ORDERS = {
  /** Opens `count` connections to `port`, spread over `addresses` as their source. */
  async open({ port, count, addresses }) {
    const startedAt = performance.now();
    let next = 0;
    const lane = async () => {
      while (next < count) {
        const index = next;
        next += 1;
        connections.push(await openConnection(port, addresses[index % addresses.length]));
      }
    };
    await Promise.all(Array.from({ length: HANDSHAKES_AT_ONCE }, lane));
    return { tookMs: performance.now() - startedAt };
  },
  talk() {
    isTalking = true;
    for (const connection of connections) connection.socket.write(FRAME);
    return {};
  },
  count: () => ({ messages, unexpected, open: connections.filter(({ socket }) => !socket.destroyed).length }),
  close() {
    isTalking = false;
    // RST: a thousand sockets in TIME_WAIT would be the next round's problem.
    for (const { socket } of connections) socket.resetAndDestroy();
    connections.length = 0;
    return {};
  },
};

process.on('message', ({ id, order, ...args }) => {
  Promise.resolve(ORDERS[order](args)).then(
    (answer) => process.send({ id, ...answer }),
    (error) => process.send({ id, error: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));

function openConnection(port, localAddress) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    const connection = { socket, pending: 0 };
    const timer = setTimeout(() => socket.destroy(new Error('bench: expected 101, got nothing')), HANDSHAKE_TIMEOUT_MS);
    socket.setNoDelay(true);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('bench: expected 101, got the end of the connection')));
    socket.write(HANDSHAKE);
    let head = '';
    socket.on('data', function onHead(chunk) {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      clearTimeout(timer);
      socket.off('data', onHead);
      if (!head.startsWith('HTTP/1.1 101') || !head.endsWith('\r\n\r\n')) {
        socket.destroy(new Error(`bench: expected 101, got ${head.slice(0, 200)}`));
        return;
      }
      socket.on('data', (answer) => onAnswer(connection, answer));
      resolve(connection);
    });
  });
}

function onAnswer(connection, chunk) {
  // Anything but the echo (a ping, a close) would be counted as messages that nobody relayed.
  if (connection.pending === 0 && chunk[0] !== 0x81) {
    unexpected += 1;
    return;
  }
  connection.pending += chunk.length;
  while (connection.pending >= ANSWER_BYTES) {
    connection.pending -= ANSWER_BYTES;
    messages += 1;
    if (isTalking) connection.socket.write(FRAME);
  }
}

function maskedTextFrame(bytes) {
  const mask = [0x12, 0x34, 0x56, 0x78];
  const payload = Buffer.alloc(bytes, 'abcdefghijklmnopqrstuvwxyz');
  for (let i = 0; i < bytes; i += 1) payload[i] ^= mask[i & 3];
  return Buffer.concat([Buffer.from([0x81, 0x80 | bytes, ...mask]), payload]);
}
