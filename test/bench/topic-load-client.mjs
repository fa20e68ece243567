/**
 * The subscribers of the topic benchmark, on bare sockets so that they cost little: each says what `greeting` has it say (nothing at
 * the bare server), and counts the messages of its topic. Orders as in load-client.mjs, and `recover`: what they missed is counted, too.
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const HANDSHAKES_AT_ONCE = 16;
/** A worker lets in 1,000 a second, and tells more to come back later. */
const MAX_PER_SECOND = 400;
const TIMEOUT_MS = 20_000;
const [D, P, S, W] = Buffer.from('dpsw');
/** Of Engine.IO (open, ping, message) and, after a message's, of Socket.IO (connect, event): the protocol `socket.io`. */
const [OPEN, PING, MESSAGE, CONNECT, EVENT] = Buffer.from('02402');

const connections = [];
let messages = 0;
let unexpected = 0;

const ORDERS = {
  /** `protocol`: holdfast.v1, socket.io, or none for the bare server; `since`: a position to come back with. */
  async open({ port, count, addresses, protocol, since }) {
    const startedAt = performance.now();
    let next = 0;
    const lane = async () => {
      while (next < count) {
        const localAddress = addresses[next % addresses.length];
        const mayStartAt = startedAt + (next * 1000) / MAX_PER_SECOND;
        next += 1;
        await delay(Math.max(0, mayStartAt - performance.now()));
        connections.push(await new Connection({ port, localAddress, protocol, since }).subscribed);
      }
    };
    await Promise.all(Array.from({ length: HANDSHAKES_AT_ONCE }, lane));
    return { tookMs: performance.now() - startedAt };
  },
  count: () => ({
    messages,
    unexpected,
    open: connections.filter(({ socket }) => !socket.destroyed).length,
    position: connections.at(-1)?.position,
  }),
  close() {
    for (const { socket } of connections) socket.resetAndDestroy();
    connections.length = 0;
    return {};
  },
};

class Connection {
  socket;
  subscribed;
  position;
  #protocol;
  #since;
  #resolve;
  #rest = Buffer.alloc(0);
  #isUpgraded = false;

  constructor({ port, localAddress, protocol, since }) {
    this.#protocol = protocol;
    this.#since = since;
    this.socket = connect({ port, host: '127.0.0.1', localAddress });
    this.socket.setNoDelay(true);
    this.subscribed = new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('bench: expected a subscription, got nothing')), TIMEOUT_MS);
      this.#resolve = () => {
        clearTimeout(timer);
        resolve(this);
      };
      this.socket.on('error', reject);
      this.socket.on('close', () => reject(new Error('bench: expected a subscription, got the end')));
    });
    this.socket.on('data', (chunk) => this.#onData(chunk));
    const isSocketIo = protocol === 'socket.io';
    const protocols = protocol === undefined || isSocketIo ? [] : [`Sec-WebSocket-Protocol: ${protocol}`];
    const head = [
      `GET ${isSocketIo ? '/socket.io/?EIO=4&transport=websocket' : '/bench'} HTTP/1.1`,
      'Host: bench.test',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      ...protocols,
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ];
    this.socket.write(`${head.join('\r\n')}\r\n\r\n`);
  }

  /** Masked with zeros, which is a mask. */
  #write(text) {
    const frame = Buffer.allocUnsafe(6 + text.length);
    if (text.length > 125) throw new Error(`bench: expected a short frame, got ${text.length} bytes`);
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
      this.#onFrame(this.#rest, this.#rest[at + 1] < 126 ? at + 2 : at + 4, end);
      at = end;
    }
    this.#rest = at === this.#rest.length ? Buffer.alloc(0) : this.#rest.subarray(at);
  }

  #takeHead() {
    const end = this.#rest.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const head = this.#rest.toString('latin1', 0, end);
    if (!head.startsWith('HTTP/1.1 101'))
      this.socket.destroy(new Error(`bench: expected 101, got ${head.slice(0, 200)}`));
    this.#isUpgraded = true;
    this.#rest = this.#rest.subarray(end + 4);
    if (this.#protocol === undefined) this.#resolve();
    else if (this.#protocol !== 'socket.io') this.#write('h{"v":1}');
    return true;
  }

  #onFrame(bytes, start, end) {
    if (this.#protocol === 'socket.io') this.#onSocketIoFrame(bytes[start], bytes[start + 1]);
    else this.#onHoldfastFrame(bytes, start, end);
  }

  #onSocketIoFrame(kind, packet) {
    if (kind === MESSAGE && packet === EVENT) messages += 1;
    else if (kind === OPEN) this.#write('40');
    else if (kind === PING) this.#write('3');
    else if (kind === MESSAGE && packet === CONNECT) this.#resolve();
    else unexpected += 1;
  }

  #onHoldfastFrame(bytes, start, end) {
    const kind = bytes[start];
    if (kind === D) messages += 1;
    else if (kind === P) this.#write('q{}');
    else if (kind === W) {
      this.#write(`s${JSON.stringify({ topic: 'bench', since: this.#since })}`);
    } else if (kind === S) {
      const { epoch, offset, error } = JSON.parse(bytes.latin1Slice(start + 1, end));
      if (error !== undefined) this.socket.destroy(new Error(`bench: expected a subscription, got ${error}`));
      this.position = { epoch, offset };
      this.#resolve();
    } else unexpected += 1;
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
