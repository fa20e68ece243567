/** What the demo says in the terminal: plain words instead of the balancer's JSON lines. */
const LEVELS = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' };
const NOT_WORTH_SHOWING = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'name', 'v']);

export function say(text) {
  process.stdout.write(`${text}\n`);
}

/** One log entry of the balancer on one line: level, message, fields. */
export function logLine(entry) {
  const level = LEVELS[entry.level] ?? entry.level ?? 'info';
  const fields = Object.entries(entry)
    .filter(([key]) => !NOT_WORTH_SHOWING.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`);
  say(`  holdfast ${level.padEnd(5)} ${entry.msg ?? ''} ${fields.join(' ')}`.trimEnd());
}

export function welcome({ ports, backends, balancerPid }) {
  const [a, b] = backends;
  const admin = `http://127.0.0.1:${ports.admin}`;
  const statusFlag = ports.admin === 8081 ? '' : ` --admin ${admin}`;
  say(`
Holdfast is running: one balancer (pid ${balancerPid}), two workers, two backends.

  The page        http://127.0.0.1:${ports.http}/
  Backend a       pid ${a.pid}, ${a.url}
  Backend b       pid ${b.pid}, ${b.url}

What to try next, in another terminal:

  kill -9 ${a.pid}${pad(a.pid)}  backend a dies; its sessions stay connected, the other clients move to b
  kill ${b.pid}${pad(b.pid)}     backend b hands its sessions over and ends; both are started again after 5 s
  npx holdfast status${statusFlag}
  curl -s ${admin}/metrics | grep holdfast_
  curl -s ${admin}/v1/backends
  kill -HUP ${balancerPid}${pad(balancerPid)}reloads examples/demo/holdfast.yaml: change something in it first

Ctrl-C stops everything.
`);
}

export function farewell() {
  say('\nStopping: first the balancer, then the backends.');
  return 0;
}

function pad(pid) {
  return ' '.repeat(Math.max(0, 8 - String(pid).length));
}
