/**
 * New WebSocket connections at a steady rate, in a process of its own: connects, asks for the upgrade, waits for the 101, closes.
 * Raw TCP rather than a library, so that a thousand per second leave the machine something to be measured with. Whatever does
 * not end in a 101 is a failed connect, and is told with its reason. Speaks over IPC: `stop` ends it and has it report.
 */
import { connect } from 'node:net';

const [port, perSecond] = process.argv.slice(2).map(Number);
const TICK_MS = 5;
const MAX_IN_FLIGHT = 1000;
const WITHIN_MS = 15_000;
/** Several, for the kernel keeps the ports of closed connections for a while. */
const SOURCES = 8;
const REQUEST = [
  'GET / HTTP/1.1',
  `Host: 127.0.0.1:${port}`,
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '',
  '',
].join('\r\n');
/** 1000, masked with zeros. */
const CLOSE_FRAME = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);

const report = { asked: 0, opened: 0, failures: {}, skipped: 0, tookMs: 0 };
let inFlight = 0;
let owed = 0;
let last = performance.now();
const startedAt = last;

const timer = setInterval(() => {
  const now = performance.now();
  owed = Math.min(owed + ((now - last) / 1000) * perSecond, perSecond / 10);
  last = now;
  for (; owed >= 1; owed -= 1) {
    if (inFlight < MAX_IN_FLIGHT) open();
    else report.skipped += 1;
  }
}, TICK_MS);

process.on('message', () => {
  clearInterval(timer);
  report.tookMs = performance.now() - startedAt;
  finish();
});
process.on('disconnect', () => process.exit(0));
process.send('ready');

function finish() {
  if (inFlight > 0) setTimeout(finish, 20);
  else process.send(report, () => process.exit(0));
}

function open() {
  report.asked += 1;
  inFlight += 1;
  const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.1.${1 + (report.asked % SOURCES)}` });
  let head = '';
  let isDone = false;
  const end = (failure) => {
    if (isDone) return;
    isDone = true;
    inFlight -= 1;
    if (failure === undefined) report.opened += 1;
    else report.failures[failure] = (report.failures[failure] ?? 0) + 1;
  };
  socket.setTimeout(WITHIN_MS, () => {
    end('no answer in time');
    socket.destroy();
  });
  socket.on('connect', () => socket.write(REQUEST));
  socket.on('data', (data) => {
    if (isDone) return;
    head += data.toString('latin1');
    if (!head.includes('\r\n\r\n')) return;
    end(head.startsWith('HTTP/1.1 101') ? undefined : head.slice(0, 12));
    socket.end(CLOSE_FRAME);
  });
  socket.on('error', (error) => end(error.code ?? error.message));
  socket.on('close', () => end('closed before its answer'));
}
