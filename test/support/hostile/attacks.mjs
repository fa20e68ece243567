/**
 * Clients that mean harm, each kind by itself, in a process of its own: what they cost should be the balancer's, not that
 * of the event loop that measures honest ones. Run as `node attacks.mjs NAME JSON` with {port, tlsPort, seconds}; ends by itself.
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { deflateRawSync } from 'node:zlib';

const [name, given] = process.argv.slice(2);
const { port, tlsPort, seconds } = JSON.parse(given);
const CRLF = '\r\n';
const MASK = Buffer.alloc(4);
const OP = { continuation: 0x0, text: 0x1, binary: 0x2, ping: 0x9 };

const ATTACKS = {
  slowHeads() {
    many(150, () => {
      const socket = open(port);
      socket.write(`GET / HTTP/1.1${CRLF}Host: slow${CRLF}`);
      every(500, () => socket.write(`X-Slow: 1${CRLF}`));
    });
  },
  slowTls() {
    // A record that announces 512 bytes of ClientHello, and a byte now and then.
    many(150, () => {
      const socket = open(tlsPort);
      socket.write(Buffer.from('1603010200010001fc0303', 'hex'));
      every(500, () => socket.write(Buffer.alloc(1)));
    });
  },
  slowFrames() {
    many(100, () =>
      webSocket('/strict', (socket) => {
        socket.write(head({ op: OP.text, length: 60_000 }));
        every(200, () => socket.write('x'));
      }),
    );
  },
  pingFlood() {
    const pings = Buffer.concat(Array.from({ length: 20_000 }, () => frame({ op: OP.ping })));
    again(20, '/relay', (socket) => flood(socket, pings));
  },
  fragmentFlood() {
    const start = frame({ op: OP.text, payload: 'x', isLast: false });
    const more = frame({ op: OP.continuation, payload: 'x', isLast: false });
    const rest = Buffer.concat(Array.from({ length: 20_000 }, () => more));
    again(10, '/relay', (socket) => {
      socket.write(start);
      flood(socket, rest);
    });
  },
  emptyFragments() {
    const start = frame({ op: OP.text, payload: 'x', isLast: false });
    const more = frame({ op: OP.continuation, isLast: false });
    const rest = Buffer.concat(Array.from({ length: 4000 }, () => more));
    again(10, '/strict', (socket) => {
      socket.write(start);
      // As much as a link of 20 Mbit/s brings: there is nothing to count in it but bytes.
      every(10, () => socket.writableLength === 0 && socket.write(rest));
    });
  },
  zeroWindow() {
    // More than the kernel keeps for a client, within what its route lets it send.
    many(5, () =>
      webSocket('/relay', (socket) => {
        socket.pause();
        every(100, () => socket.write(Buffer.concat(Array(15).fill(frame({ op: OP.text, payload: '!size 60000' })))));
      }),
    );
  },
  bomb() {
    const packed = deflateRawSync(Buffer.alloc(64 * 1024 * 1024), { finishFlush: 2 }).subarray(0, -4);
    const bomb = frame({ op: OP.binary, payload: packed, rsv: 4 });
    again(5, '/compressed', (socket) => socket.write(bomb), 'Sec-WebSocket-Extensions: permessage-deflate');
  },
  oversizedFrames() {
    const announced = [
      head({ op: OP.binary, length: 2 ** 40 }),
      head({ op: OP.binary, length: 100 * 1024 * 1024 }),
      frame({ op: OP.binary, payload: Buffer.alloc(100_000) }),
    ];
    let next = 0;
    again(30, '/relay', (socket) => flood(socket, announced[next++ % announced.length]));
  },
  oversizedHeads() {
    const line = `X-Large: ${'x'.repeat(8000)}${CRLF}`;
    keep(30, (over) => {
      const socket = open(port, over);
      socket.write(`GET / HTTP/1.1${CRLF}Host: large${CRLF}`);
      flood(socket, line);
    });
  },
  randomBytes() {
    keep(10, (over) => open(port, over).write(randomBytes(2000)));
    keep(10, (over) => open(tlsPort, over).write(randomBytes(2000)));
    keep(10, (over) =>
      open(port, over).write(
        `GET /relay HTTP/1.1${CRLF}${randomBytes(500).toString('latin1')}${CRLF.repeat(2)}`,
        'latin1',
      ),
    );
    again(10, '/relay', (socket) => socket.write(randomBytes(2000)));
    again(
      10,
      '/session',
      (socket) => socket.write(frame({ op: OP.text, payload: 'random' })),
      'Sec-WebSocket-Protocol: holdfast.v1',
    );
    again(
      10,
      '/session',
      (socket) => socket.write(frame({ op: OP.binary, payload: randomBytes(200) })),
      'Sec-WebSocket-Protocol: holdfast.v1',
    );
  },
  crowd() {
    many(400, () => open(port));
  },
};

if (ATTACKS[name] === undefined) throw new Error(`attacks: expected one of ${Object.keys(ATTACKS)}, got ${name}`);
ATTACKS[name]();
setTimeout(() => process.exit(0), seconds * 1000);

function many(count, begin) {
  for (let i = 0; i < count; i += 1) begin();
}

/** So many at a time: who is thrown out comes again, a little later. */
function keep(count, begin) {
  const start = () => begin(() => setTimeout(start, 50));
  many(count, start);
}

function again(count, path, onOpen, ...headers) {
  keep(count, (over) => webSocket(path, onOpen, headers, over));
}

function every(ms, act) {
  setInterval(act, ms);
}

function open(to, over = () => undefined) {
  const socket = connect({ port: to, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  socket.on('close', over);
  socket.on('data', () => undefined);
  return socket;
}

function webSocket(path, onOpen, headers = [], over = undefined) {
  const socket = open(port, over);
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
  const fixed = ['Host: hostile', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', key];
  socket.write([`GET ${path} HTTP/1.1`, ...fixed, ...headers, '', ''].join(CRLF));
  socket.once('data', () => onOpen(socket));
}

/** Writes as fast as it is read. */
function flood(socket, bytes) {
  const go = () => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.on('drain', go);
  go();
}

function frame({ op, payload = '', isLast = true, rsv = 0 }) {
  const body = Buffer.from(payload);
  return Buffer.concat([head({ op, length: body.length, isLast, rsv }), body]);
}

/** Masked with zeros, so that the payload is itself. */
function head({ op, length, isLast = true, rsv = 0 }) {
  const first = Buffer.from([(isLast ? 0x80 : 0) | (rsv << 4) | op]);
  return Buffer.concat([first, encodedLength(length), MASK]);
}

function encodedLength(length) {
  if (length < 126) return Buffer.from([0x80 | length]);
  const bytes = Buffer.alloc(length < 65_536 ? 3 : 9);
  bytes[0] = 0x80 | (length < 65_536 ? 126 : 127);
  if (length < 65_536) bytes.writeUInt16BE(length, 1);
  else bytes.writeBigUInt64BE(BigInt(length), 1);
  return bytes;
}
