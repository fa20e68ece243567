/**
 * A backend process that publishes numbered messages to many topics at a steady rate. The next message of a topic waits for the
 * answer to the one before, so that numbers and offsets stay in step: where each number ended up is what the test compares with
 * what subscribers saw. Orders come over IPC as `{id, order, …}`, as in session-crowd.mjs.
 *
 * A message is `<publisher> <number> <time, ms> <padding>`; the time is that of the first try, whichever process made it.
 *
 * Every begin, answer and failed try is written to a file before anything else happens, so that its successor goes on where it
 * was killed: what was under way is published again with the same idempotency key, and the account is that of all processes. SIGTERM is what a deployment sends: nothing new is
 * begun, what is under way gets its answer, the sessions go elsewhere.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createBackend } from '@holdfast/backend';

const { values: flags } = parseArgs({
  options: {
    port: { type: 'string' },
    secret: { type: 'string' },
    name: { type: 'string' },
    ledger: { type: 'string' },
  },
});

const TICK_MS = 10;
const MAX_KEPT = 20;
const DRAIN_MS = 3000;
const ledger = openSync(flags.ledger, 'a');
const backend = createBackend({ secret: flags.secret, signals: false });
const topics = [];
const failures = [];
let failed = 0;
let timer;

backend.authorize(() => true);
backend.on('error', (error) => keepFailure(`backend: ${error.code ?? ''} ${error.message}`));
backend.on('session', (session) => {
  session.on('message', (data) => {
    const [order, topic] = String(data).split(' ');
    if (order === 'join') session.join(topic);
  });
});

class Publishing {
  constructor(name, padding) {
    this.name = name;
    this.padding = padding;
    this.number = 0;
    /** Of the last one, by the clock of the machine. */
    this.begunAtMs = 0;
    this.published = 0;
    this.epochs = new Set();
    this.top = 0;
    this.isBusy = false;
    this.longestMs = 0;
  }

  /** Answers false while the one before is under way. */
  next() {
    if (this.isBusy) return false;
    this.number += 1;
    this.begunAtMs = Date.now();
    writeSync(ledger, `begun ${this.name} ${this.number} ${this.begunAtMs}\n`);
    this.finish();
    return true;
  }

  /** The last one that was begun. */
  finish() {
    this.isBusy = true;
    void this.#publish(this.number).finally(() => (this.isBusy = false));
  }

  accepted({ epoch, offset }, atMs) {
    this.epochs.add(epoch);
    this.published += 1;
    this.top = offset;
    this.longestMs = Math.max(this.longestMs, atMs - this.begunAtMs);
  }

  /** Until it is accepted: with one idempotency key, it cannot come twice. */
  async #publish(number) {
    const idempotencyKey = `${flags.name}:${this.name}:${number}`;
    const data = `${flags.name} ${number} ${this.begunAtMs} ${this.padding}`;
    for (let isDone = false; !isDone;) {
      try {
        const position = await backend.publish(this.name, data, { idempotencyKey });
        const nowMs = Date.now();
        writeSync(ledger, `done ${this.name} ${position.epoch} ${position.offset} ${nowMs}\n`);
        this.accepted(position, nowMs);
        isDone = true;
      } catch (error) {
        keepFailure(`${this.name} ${number}: ${error.code ?? ''} ${error.message}`);
        if (error.retryable === false) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}

/** What the processes before this one did. */
function takeOver() {
  const byName = new Map(topics.map((topic) => [topic.name, topic]));
  for (const line of readFileSync(flags.ledger, 'utf8').split('\n')) {
    const [kind, name, first, second, atMs] = line.split(' ');
    const topic = byName.get(name);
    if (kind === 'begun') Object.assign(topic, { number: Number(first), begunAtMs: Number(second) });
    else if (kind === 'done') topic.accepted({ epoch: first, offset: Number(second) }, Number(atMs));
    else if (kind === 'failed') keep(line);
  }
  for (const topic of topics) if (topic.published < topic.number) topic.finish();
}

async function untilAnswered() {
  clearInterval(timer);
  while (topics.some(({ isBusy }) => isBusy)) await new Promise((resolve) => setTimeout(resolve, 10));
}

function keepFailure(what) {
  writeSync(ledger, `failed ${what.replaceAll('\n', ' ')}\n`);
  keep(what);
}

function keep(what) {
  failed += 1;
  if (failures.length < MAX_KEPT) failures.push(what);
}

const ORDERS = {
  async listen() {
    const { port } = await backend.listen(Number(flags.port), '127.0.0.1');
    return { port };
  },
  topics({ names, bytes }) {
    topics.length = 0;
    for (const name of names) topics.push(new Publishing(name, 'x'.repeat(Math.max(0, bytes - 26))));
    takeOver();
    return {};
  },
  /** Of all topics together. */
  publish({ perSecond }) {
    clearInterval(timer);
    let owed = 0;
    let turn = 0;
    let lastAt = performance.now();
    timer = setInterval(() => {
      const now = performance.now();
      // What a stall left undone is not made up for: publishers wait, they do not burst.
      owed = Math.min(owed + ((now - lastAt) * perSecond) / 1000, perSecond / 10 + 1);
      lastAt = now;
      for (let tries = 0; owed >= 1 && tries < topics.length; tries += 1) {
        if (topics[turn % topics.length].next()) owed -= 1;
        turn += 1;
      }
    }, TICK_MS);
    return {};
  },
  async stop() {
    await untilAnswered();
    return {};
  },
  report: () => ({
    topics: topics.map(({ name, number, published, top, epochs }) => ({
      name,
      number,
      published,
      top,
      epochs: epochs.size,
    })),
    longestMs: Math.round(Math.max(0, ...topics.map(({ longestMs }) => longestMs))),
    failed,
    failures,
  }),
};

process.on('message', ({ id, order, ...args }) => {
  Promise.resolve()
    .then(() => ORDERS[order](args))
    .then(
      (answer) => process.send({ id, ...answer }),
      (error) => process.send({ id, error: error.message }),
    );
});
process.once('SIGTERM', async () => {
  await untilAnswered();
  await backend.drain({ timeoutMs: DRAIN_MS });
  closeSync(ledger);
  process.exit(0);
});
process.on('disconnect', () => process.exit(0));
