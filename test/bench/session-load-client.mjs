/**
 * The load client of the session benchmark: what load-client.mjs is for plain WebSockets, with the least of
 * `holdfast.v1` that keeps a session alive: hello, numbers, acknowledgements on data frames, pongs. Every answer is checked for its number.
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const PAYLOAD = 'abcdefghijklmnopqrstuvwxyz'.repeat(3).slice(0, 64);
const HANDSHAKES_AT_ONCE = 64;
const TIMEOUT_MS = 20_000;
const HELLO = 'h{"v":1}';
const PONG = 'q{}';

const connections = [];
let messages = 0;
let unexpected = 0;
let isTalking = false;

const ORDERS = {
  async open({ port, count, addresses }) {
    const startedAt = performance.now();
    let next = 0;
    const lane = async () => {
      while (next < count) {
        const localAddress = addresses[next % addresses.length];
        next += 1;
        connections.push(await new Connection(port, localAddress).welcomed);
      }
    };
    await Promise.all(Array.from({ length: HANDSHAKES_AT_ONCE }, lane));
    return { tookMs: performance.now() - startedAt };
  },
  talk() {
    isTalking = true;
    for (const connection of connections) connection.talk();
    return {};
  },
  count: () => ({ messages, unexpected, open: connections.filter(({ socket }) => !socket.destroyed).length }),
  close() {
    isTalking = false;
    for (const { socket } of connections) socket.resetAndDestroy();
    connections.length = 0;
    return {};
  },
};

class Connection {
  socket;
  welcomed;
  #resolve;
  #rest = Buffer.alloc(0);
  #isUpgraded = false;
  #sent = 0;
  #received = 0;

  constructor(port, localAddress) {
    this.socket = connect({ port, host: '127.0.0.1', localAddress });
    this.socket.setNoDelay(true);
    this.welcomed = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      const timer = setTimeout(() => reject(new Error('bench: expected a welcome, got nothing')), TIMEOUT_MS);
      this.socket.on('error', reject);
      this.socket.on('close', () => reject(new Error('bench: expected a welcome, got the end of the connection')));
      this.socket.once('welcome', () => clearTimeout(timer));
    });
    this.socket.on('data', (chunk) => this.#onData(chunk));
    this.socket.write(
      [
        'GET /bench HTTP/1.1',
        'Host: bench.test',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Protocol: holdfast.v1',
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
        '',
        '',
      ].join('\r\n'),
    );
  }

  talk() {
    this.#sent += 1;
    this.#write(`m${this.#sent.toString(36)}.${this.#received.toString(36)}:${PAYLOAD}`);
  }

  /** Masked with zeros, which is a mask. */
  #write(text) {
    const frame = Buffer.allocUnsafe(6 + text.length);
    frame[0] = 0x81;
    frame[1] = 0x80 | text.length;
    frame.writeUInt32BE(0, 2);
    frame.latin1Write(text, 6);
    this.socket.write(frame);
  }

  #onData(chunk) {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (!this.#isUpgraded && !this.#takeHead()) return;
    let at = 0;
    for (let end = frameEnd(this.#rest, at); end > 0; end = frameEnd(this.#rest, at)) {
      this.#onFrame(this.#rest, this.#rest[at + 1] < 126 ? at + 2 : at + 4);
      at = end;
    }
    this.#rest = this.#rest.subarray(at);
  }

  #takeHead() {
    const end = this.#rest.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const head = this.#rest.toString('latin1', 0, end);
    if (!head.startsWith('HTTP/1.1 101'))
      this.socket.destroy(new Error(`bench: expected 101, got ${head.slice(0, 200)}`));
    this.#isUpgraded = true;
    this.#rest = this.#rest.subarray(end + 4);
    this.#write(HELLO);
    return true;
  }

  #onFrame(bytes, start) {
    const kind = String.fromCharCode(bytes[start]);
    if (kind === 'm') this.#onMessage(bytes.latin1Slice(start + 1, bytes.indexOf('.', start)));
    else if (kind === 'p') this.#write(PONG);
    else if (kind === 'w') {
      this.socket.emit('welcome');
      this.#resolve(this);
    } else if (kind !== 'a' && kind !== 'q') unexpected += 1;
  }

  #onMessage(number) {
    const n = Number.parseInt(number, 36);
    if (n !== this.#received + 1) unexpected += 1;
    this.#received = n;
    messages += 1;
    if (isTalking) this.talk();
  }
}

/** Where the server's frame at `at` ends; 0 while it is not whole. */
function frameEnd(bytes, at) {
  if (bytes.length < at + 4) return 0;
  const short = bytes[at + 1];
  const end = short < 126 ? at + 2 + short : at + 4 + bytes.readUInt16BE(at + 2);
  return end <= bytes.length ? end : 0;
}

process.on('message', ({ id, order, ...args }) => {
  Promise.resolve(ORDERS[order](args)).then(
    (answer) => process.send({ id, ...answer }),
    (error) => process.send({ id, error: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
