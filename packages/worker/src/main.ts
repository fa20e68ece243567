/**
 * Entry of a worker process, forked by the supervisor: wires the IPC channel to a Worker. A worker without its
 * supervisor has nobody to tell it who is healthy or to replace it, so it ends with it.
 */
import { hostname } from 'node:os';
import { pino, type Logger } from 'pino';
import type { ToWorker } from './control/messages.js';
import type { DrainOrders } from './drain/orders.js';
import { SupervisorChannel } from './control/supervisor-channel.js';
import { Worker } from './worker.js';

/** EX_SOFTWARE of sysexits: a fault of ours. */
const EXIT_INTERNAL = 70;

const channel = new SupervisorChannel(process);
let worker: Worker | undefined;
let log: Logger | undefined;

channel.onDisconnect = () => process.exit(EXIT_INTERNAL);
channel.onMessage = (message) => {
  handle(message).catch((error: unknown) => fail(error));
};
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
// The supervisor decides when to stop; a terminal sends its Ctrl-C to the whole process group.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('SIGHUP', () => undefined);
channel.send({ type: 'hello' });

async function handle(message: Exclude<ToWorker, { type: 'reply' }>): Promise<void> {
  switch (message.type) {
    case 'start':
      return start(message);
    case 'reload':
      await worker?.reload(message.config, message.pools);
      return channel.send({ type: 'reloaded', configVersion: message.configVersion });
    case 'pools':
      return worker?.updatePools(message.pools);
    case 'loads':
      return worker?.setOtherLoads(message);
    case 'ping':
      return worker?.reports.sayPong(message.id);
    case 'collectMetrics':
      return worker?.reports.sendMetrics(message);
    case 'ask':
      return void worker?.reports.answerOperator(message);
    case 'askTopics':
      return void worker?.reports.answerAboutTopics(message);
    case 'drain':
      return stop(message);
  }
}

async function start(message: Extract<ToWorker, { type: 'start' }>): Promise<void> {
  log = createLog(message.config.logs.level, message.workerId);
  try {
    const balancer = `${hostname()}:${process.ppid}`;
    worker = new Worker(message, { channel, log, balancer, random: Math.random, sharedSockets: inheritedSockets() });
    channel.send({ type: 'listening', ports: await worker.listen() });
  } catch (error) {
    channel.send({ type: 'failed', error: error instanceof Error ? error.message : String(error) });
    setImmediate(() => process.exit(1));
  }
}

/** Behind stdin, stdout, stderr and the channel, as many as the supervisor says. */
function inheritedSockets(): number[] {
  const count = Number(process.env['HOLDFAST_SHARED_SOCKETS'] ?? 0);
  return Array.from({ length: count }, (_, index) => 4 + index);
}

async function stop(orders: DrainOrders): Promise<void> {
  const report = (await worker?.stop(orders)) ?? { closed: 0, cut: 0 };
  channel.onDisconnect = undefined;
  channel.send({ type: 'drained', ...report });
  // Lets the message and the last log lines out.
  setTimeout(() => process.exit(0), 20);
}

function createLog(level: string, workerId: number): Logger {
  // Asynchronous, and bounded: a log reader that stalls must not stall clients.
  const destination = pino.destination({ dest: logDescriptor(), sync: false, maxLength: 8 * 1024 * 1024 });
  destination.on('error', () => undefined);
  return pino(
    {
      level,
      base: { role: 'worker', workerId, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}

/** The supervisor's stdout, as the supervisor says; our own is silenced. */
function logDescriptor(): number {
  return Number(process.env['HOLDFAST_LOG_FD'] ?? 1);
}

function fail(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  // Synchronously, past the logger: the process ends here.
  process.stderr.write(
    `${JSON.stringify({ level: 'fatal', role: 'worker', pid: process.pid, msg: 'worker failed', err: text })}\n`,
  );
  process.exit(EXIT_INTERNAL);
}
