/**
 * Many session clients in one process. Each sends numbered messages at a steady rate and checks that every answer and
 * every push arrives once and in order; violations are kept, with what led to them. Orders come over IPC as `{id, order, …}`; each is
 * answered with `{id, …}`.
 */
import { connect } from '@holdfast/client';
import { WebSocket } from 'ws';

const TICK_MS = 20;
const MAX_KEPT = 50;
const clients = [];
const violations = [];
const events = {};
/** When sessions became open since the last mark: Date.now(). */
let opensAtMs = [];
/** How long they meant to wait before they tried again, since the last mark. */
let waitsMs = [];
let sending;

class Client {
  sent = 0;
  echoed = 0;
  refused = 0;
  /** Longest wait for an answer since the last mark, with an answer outstanding. */
  longestGapMs = 0;
  lastProgressAt = performance.now();
  #runs = new Map();

  constructor(name, urls, options) {
    this.name = name;
    this.session = connect(urls, { webSocket: WebSocket, ...options });
    this.session.addEventListener('message', ({ data }) => this.#onMessage(data));
    for (const type of ['resumed', 'reset', 'rehomed', 'backpressure', 'close', 'error']) {
      this.session.addEventListener(type, (event) => this.#onEvent(type, event));
    }
    this.session.addEventListener('statechange', ({ state, retryInMs }) => {
      count(`state ${state}`);
      if (state === 'open') opensAtMs.push(Date.now());
      if (retryInMs !== undefined) waitsMs.push(retryInMs);
    });
  }

  send() {
    if (this.sent === this.echoed) this.lastProgressAt = performance.now();
    if (this.session.send(`${this.name} ${this.sent + 1}`)) this.sent += 1;
    else this.refused += 1;
  }

  #onMessage(data) {
    const [kind, first, second] = data.split(' ');
    if (kind === 'e') this.#onEcho(Number(first));
    else if (kind === 'p') this.#onPush(first, Number(second));
    else violate(this, `expected an answer or a push, got ${data}`);
  }

  #onEcho(seq) {
    const now = performance.now();
    this.longestGapMs = Math.max(this.longestGapMs, now - this.lastProgressAt);
    this.lastProgressAt = now;
    if (seq !== this.echoed + 1)
      violate(this, `${seq <= this.echoed ? 'repeat' : 'gap'}: expected answer ${this.echoed + 1}, got ${seq}`);
    this.echoed = Math.max(this.echoed, seq);
  }

  #onPush(run, k) {
    const last = this.#runs.get(run) ?? 0;
    if (k !== last + 1) violate(this, `${k <= last ? 'repeat' : 'gap'}: expected push ${last + 1} of ${run}, got ${k}`);
    this.#runs.set(run, k);
  }

  #onEvent(type, event) {
    count(type);
    if (type === 'reset' || type === 'close') {
      const { lost, code, reason } = event;
      violate(this, `${type} ${JSON.stringify({ lost, code, reason })}`);
    }
  }

  get gapMs() {
    if (this.sent === this.echoed) return this.longestGapMs;
    return Math.max(this.longestGapMs, performance.now() - this.lastProgressAt);
  }
}

function count(name) {
  events[name] = (events[name] ?? 0) + 1;
}

function violate(client, what) {
  count('violations');
  if (violations.length < MAX_KEPT)
    violations.push(`${client.name} (sent ${client.sent}, answered ${client.echoed}): ${what}`);
}

const ORDERS = {
  async open({ prefix, count: wanted, urls, options }) {
    for (let i = 0; i < wanted; i += 1) clients.push(new Client(`${prefix}-${i}`, urls, options));
    await until(() => clients.every(({ session }) => session.state === 'open'), 150_000, 'all sessions open');
    return {};
  },
  /** Messages per second of all clients of this process together. */
  send({ perSecond }) {
    clearInterval(sending);
    let owed = 0;
    let next = 0;
    sending = setInterval(() => {
      owed += (perSecond * TICK_MS) / 1000;
      for (; owed >= 1; owed -= 1) {
        clients[next % clients.length].send();
        next += 1;
      }
    }, TICK_MS);
    return {};
  },
  async settle({ withinMs }) {
    clearInterval(sending);
    const done = () => clients.every(({ sent, echoed }) => sent === echoed);
    await until(done, withinMs, 'every message answered', () => {
      const behind = clients.filter(({ sent, echoed }) => sent !== echoed);
      const first = behind[0];
      return `${behind.length} clients behind; ${first?.name} sent ${first?.sent}, answered ${first?.echoed}, ${first?.session.state}`;
    });
    return {};
  },
  mark() {
    opensAtMs = [];
    waitsMs = [];
    for (const client of clients) {
      client.longestGapMs = 0;
      if (client.sent === client.echoed) client.lastProgressAt = performance.now();
    }
    return {};
  },
  report: () => ({
    clients: clients.length,
    open: clients.filter(({ session }) => session.state === 'open').length,
    sent: sum(({ sent }) => sent),
    echoed: sum(({ echoed }) => echoed),
    refused: sum(({ refused }) => refused),
    sentBy: Object.fromEntries(clients.map(({ name, sent }) => [name, sent])),
    gapsMs: clients.map(({ gapMs }) => Math.round(gapMs)),
    opensAtMs,
    waitsMs,
    events,
    violations,
  }),
  close() {
    clearInterval(sending);
    for (const { session } of clients) session.close();
    clients.length = 0;
    return {};
  },
};

function sum(of) {
  return clients.reduce((total, client) => total + of(client), 0);
}

async function until(isDone, withinMs, what, detail = () => '') {
  const deadline = performance.now() + withinMs;
  while (!isDone()) {
    if (performance.now() > deadline) throw new Error(`crowd: expected ${what} within ${withinMs} ms; ${detail()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

process.on('message', ({ id, order, ...args }) => {
  Promise.resolve()
    .then(() => ORDERS[order](args))
    .then(
      (answer) => process.send({ id, ...answer }),
      (error) => process.send({ id, error: error.message }),
    );
});
process.on('disconnect', () => process.exit(0));
