/**
 * Many subscribers of topics in one process, and the account of each: what a message's number was, what its offset was, and what
 * the SDK told of losses. The rule is the product's promise: after `subscribed` every number follows the one before, but where
 * a `subscribed` with `recovered: false` came between. Orders come over IPC as `{id, order, …}`, as in session-crowd.mjs.
 *
 * A message is `<publisher> <number> <time, ms> <padding>`; one publisher per topic.
 */
import { connect } from '@holdfast/client';
import { WebSocket } from 'ws';

const MAX_KEPT = 50;
const MAX_LAGS = 50_000;
/** All at once is a test of its own, of how clients come back; here it would take this process longer than they wait. */
const MAX_OPENING = 200;
const OPEN_WITHIN_MS = 120_000;
const clients = [];
const subscribers = [];
const violations = [];
const events = {};
/** Of the last messages, from publish to listener, ms. */
let lags = [];
let lagsSeen = 0;
let live = 0;
/** Every open socket, so that it can be made to stop reading. */
const sockets = new Set();

class TrackedWebSocket extends WebSocket {
  constructor(...args) {
    super(...args);
    sockets.add(this);
    this.on('close', () => sockets.delete(this));
  }
}

class Subscriber {
  received = 0;
  repeated = 0;
  lost = 0;
  /** Numbers that were missed, and said so. */
  toldLost = 0;
  told = 0;
  /** Came again, after the word that what was before is forgotten. */
  toldRepeated = 0;
  recovered = 0;
  last;
  position;
  mayJump = true;

  constructor(client, topic, options) {
    this.client = client;
    this.topic = topic;
    this.subscription = client.session.subscribe(topic, options);
    this.subscription.addEventListener('message', (event) => this.#onMessage(event));
    this.subscription.addEventListener('subscribed', (event) => this.#onSubscribed(event));
    this.subscription.addEventListener('error', (event) => violate(this, `error ${JSON.stringify(event)}`));
  }

  /** Its account ends here. */
  close(top) {
    if (top === undefined || this.last === undefined || this.last >= top.number) return;
    const missed = top.number - this.last;
    if (this.mayJump) this.toldLost += missed;
    else {
      this.lost += missed;
      violate(this, `ends at ${this.last} of ${top.number}, and nobody said so`);
    }
  }

  #onMessage({ data, offset }) {
    const [, number, sentAtMs] = data.split(' ', 3).map(Number);
    this.received += 1;
    noteLag(Date.now() - sentAtMs);
    const { last } = this;
    // Whoever took it has forgotten that, and it was published again: after the word that everything was forgotten.
    if (last !== undefined && number <= last && this.mayJump) this.toldRepeated += 1;
    else if (last !== undefined && number <= last) {
      this.repeated += 1;
      violate(this, `repeat or out of order: ${number} after ${last}`);
      return;
    }
    if (last !== undefined && number > last + 1) {
      const missed = number - last - 1;
      if (this.mayJump) this.toldLost += missed;
      else {
        this.lost += missed;
        violate(this, `gap: ${number} after ${last}, and nobody said so`);
      }
    }
    if (this.position !== undefined && offset !== this.position.offset + 1) {
      violate(this, `offset ${offset} after ${this.position.offset}`);
    }
    this.mayJump = false;
    this.last = number;
    if (this.position !== undefined) this.position.offset = offset;
  }

  #onSubscribed({ recovered, epoch, offset }) {
    if (this.position === undefined) live += 1;
    if (recovered) {
      this.recovered += 1;
      if (this.position !== undefined && this.position.epoch !== epoch) violate(this, 'recovered in another epoch');
    } else if (this.position !== undefined) {
      this.told += 1;
      this.mayJump = true;
    }
    this.position = recovered && this.position !== undefined ? this.position : { epoch, offset };
  }
}

function openClient(urls, options) {
  const session = connect(urls, { webSocket: TrackedWebSocket, ...options });
  for (const type of ['resumed', 'reset', 'close', 'error']) {
    session.addEventListener(type, () => (events[type] = (events[type] ?? 0) + 1));
  }
  return { session };
}

function violate({ topic, received, client }, what) {
  events.violations = (events.violations ?? 0) + 1;
  if (violations.length < MAX_KEPT)
    violations.push(`${topic} at ${client.session.id ?? '?'} (${received} received): ${what}`);
}

const ORDERS = {
  /** `plan`: for each client, its topics. */
  async open({ urls, plan, options = {}, subscription = {} }) {
    const deadline = performance.now() + OPEN_WITHIN_MS;
    const atMostOpening = (count) =>
      until(() => subscribers.length - live <= count, deadline - performance.now(), 'every subscription live', missing);
    for (const topics of plan) {
      const client = openClient(urls, options);
      clients.push(client);
      for (const topic of topics) subscribers.push(new Subscriber(client, topic, subscription));
      if (subscribers.length - live > MAX_OPENING) await atMostOpening(MAX_OPENING / 2);
    }
    await atMostOpening(0);
    return {};
  },
  /** `tops`: topic → number and offset of its last message: every subscriber has it by then, or has been told of a loss. */
  async settle({ tops, withinMs }) {
    const isAtTop = ({ topic, last, position }) => {
      const top = tops[topic];
      return top === undefined || top.number === 0 || last === top.number || position?.offset === top.offset;
    };
    const since = performance.now();
    await until(
      () => subscribers.every(isAtTop),
      withinMs,
      'the last message at every subscriber',
      () => {
        const behind = subscribers.filter((one) => !isAtTop(one));
        const [first] = behind;
        return `${behind.length} of ${subscribers.length} behind; ${first.topic}: last ${first.last}, top ${tops[first.topic].number}, told ${first.told}, session ${first.client.session.state}`;
      },
    );
    for (const subscriber of subscribers) subscriber.close(tops[subscriber.topic]);
    return { tookMs: Math.round(performance.now() - since) };
  },
  mark() {
    lags = [];
    lagsSeen = 0;
    return {};
  },
  stall() {
    for (const socket of sockets) socket.pause();
    return {};
  },
  unstall() {
    for (const socket of sockets) socket.resume();
    return {};
  },
  report: () => ({
    lags,
    clients: clients.length,
    open: clients.filter(({ session }) => session.state === 'open').length,
    subscribers: subscribers.length,
    received: sum(({ received }) => received),
    lost: sum(({ lost }) => lost),
    repeated: sum(({ repeated }) => repeated),
    told: sum(({ told }) => told),
    toldLost: sum(({ toldLost }) => toldLost),
    toldRepeated: sum(({ toldRepeated }) => toldRepeated),
    recovered: sum(({ recovered }) => recovered),
    events,
    violations,
  }),
};

function missing() {
  const { topic, client } = subscribers.find(({ position }) => position === undefined);
  const { length } = subscribers;
  return `${length - live} of ${length} are not, ${topic} at a session that is ${client.session.state}; ${JSON.stringify(events)}`;
}

function noteLag(ms) {
  lags[lagsSeen % MAX_LAGS] = ms;
  lagsSeen += 1;
}

function sum(of) {
  return subscribers.reduce((total, subscriber) => total + of(subscriber), 0);
}

async function until(isDone, withinMs, what, detail) {
  const deadline = performance.now() + withinMs;
  while (!isDone()) {
    if (performance.now() > deadline)
      throw new Error(`topic crowd: expected ${what} within ${withinMs} ms; ${detail()}`);
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
