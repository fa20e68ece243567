/**
 * A worker that speaks the protocol of the channel and does what its test says, in a process of its own: the supervisor
 * cannot tell it from a real one. The script is a word in SCRIPT; SIGUSR2 blocks the event loop for good.
 */
const script = process.env.SCRIPT ?? 'serve';
let workerId = 0;

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
if (script !== 'mute') process.send({ type: 'hello' });

function listen() {
  if (script === 'babble') babble();
  process.send({ type: 'listening', ports: [4000 + workerId] });
  process.send({ type: 'loads', loads: { web: { a: workerId } } });
}

function fail() {
  process.send({ type: 'failed', error: 'expected a free port, got 8080 in use' }, () => process.exit(1));
}

function babble() {
  for (const message of [null, 7, 'text', {}, { type: 'nonsense' }, { type: 'loads', loads: 3 }, { type: 'pong' }]) {
    process.send(message);
  }
  process.send({ type: 'call', id: 1, method: 'no.such', args: [] });
  process.send({ type: 'call', id: 2, method: 'slots.acquire', args: ['connections', '10.0.0.1', 1] });
}

function stateHealth() {
  if (script === 'degraded') return { status: 'degraded', detail: 'redis does not answer' };
  return { status: 'ok', detail: undefined };
}

function metrics() {
  const value = { value: 5, labels: { route: 'web' } };
  return [{ name: 'holdfast_test_total', help: 'A count.', type: 'counter', aggregator: 'sum', values: [value] }];
}
