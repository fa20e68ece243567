/**
 * A worker that speaks the protocol of the channel and does what its test says, in a process of its own: the supervisor
 * cannot tell it from a real one. The script is a word in SCRIPT; SIGUSR2 blocks the event loop for good. Of those that have to do
 * with topics, `hear` counts what it is told of `room`, and `shout` publishes 96 MiB to it with SIGHUP, waiting for each answer.
 */
const script = process.env.SCRIPT ?? 'serve';
const SHOUTED = 1536;
let workerId = 0;
let toShout = 0;
const heard = { lives: 0, messages: 0, last: 0 };

const answers = {
  start: (message) => {
    workerId = message.workerId;
    if (script === 'fail') fail();
    else if (script === 'die') process.exit(3);
    else if (script === 'hang') return;
    else listen();
  },
  reload: ({ configVersion }) => process.send({ type: 'reloaded', configVersion }),
  ping: ({ id }) => process.send({ type: 'pong', id, eventLoopLagMs: 1.5, stateHealth: stateHealth() }),
  push: ({ push }) => hear(push),
  reply: ({ ok }) => ok && toShout > 0 && shout(),
  collectMetrics: ({ id }) => process.send({ type: 'metrics', id, metrics: metrics() }),
  drain: () => {
    if (script === 'ignore-drain') return;
    process.send({ type: 'drained', closed: 0, cut: 0 }, () => process.exit(0));
  },
};

process.on('message', (message) => answers[message.type]?.(message));
process.on('disconnect', () => process.exit(0));
process.on('SIGUSR2', () => {
  for (;;);
});
process.on('SIGHUP', () => {
  const isShouting = toShout > 0;
  toShout += SHOUTED;
  if (!isShouting) shout();
});
if (script !== 'mute') process.send({ type: 'hello' });

function listen() {
  if (script === 'babble') babble();
  if (script === 'hear') process.send({ type: 'call', id: 1, method: 'topic.subscribe', args: [['room']] });
  process.send({ type: 'listening', ports: [4000 + workerId] });
  process.send({ type: 'loads', loads: { web: { a: workerId } } });
}

function shout() {
  toShout -= 1;
  const message = {
    topic: 'room',
    isBinary: true,
    data: new Uint8Array(65_536),
    retention: { messages: 10, ageMs: 60_000 },
  };
  process.send({ type: 'call', id: 1, method: 'topic.publish', args: [message] });
}

function hear({ live, messages }) {
  heard.lives += live.length;
  heard.messages += messages.length / 6;
  if (messages.length > 0) heard.last = messages.at(-4);
}

function fail() {
  process.send({ type: 'failed', error: 'expected a free port, got 8080 in use' }, () => process.exit(1));
}

function babble() {
  for (const message of [null, 7, 'text', {}, { type: 'nonsense' }, { type: 'loads', loads: 3 }, { type: 'pong' }]) {
    process.send(message);
  }
  process.send({ type: 'call', id: 1, method: 'no.such', args: [] });
  process.send({ type: 'call', id: 2, method: 'limits.enter', args: [[['slot', 'connections', '10.0.0.1', 1]]] });
}

function stateHealth() {
  if (script === 'degraded') return { status: 'degraded', detail: 'redis does not answer' };
  return { status: 'ok', detail: undefined };
}

function metrics() {
  if (script === 'hear') return [{ ...heard }];
  const value = { value: 5, labels: { route: 'web' } };
  return [{ name: 'holdfast_test_total', help: 'A count.', type: 'counter', aggregator: 'sum', values: [value] }];
}
