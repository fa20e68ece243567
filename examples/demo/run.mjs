/**
 * The demo from start to end: two backends, the stage, the balancer; then it waits for Ctrl-C (or for the
 * balancer's end) and takes them down in the opposite order, so that no client sees a backend vanish first.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { startBalancer } from './balancer-process.mjs';
import { DemoBackend } from './demo-backend.mjs';
import { onLostNpm } from './lost-npm.mjs';
import { readAdminJson, startStage } from './stage.mjs';
import { farewell, logLine, say, welcome } from './words.mjs';

const CONFIG_FILE = fileURLToPath(new URL('./holdfast.yaml', import.meta.url));
// Ctrl-C arrives twice in quick succession when npm passes on what the terminal has already sent.
const SAME_SIGNAL_WITHIN_MS = 500;

/** Answers the exit code: 0 after an orderly stop, 1 when something could not start or the balancer ended by itself. */
export async function runDemo(env = process.env) {
  const ports = { http: Number(env.DEMO_PORT ?? 8080), admin: Number(env.DEMO_ADMIN_PORT ?? 8081) };
  const taken = await firstTaken([ports.http, ports.admin]);
  if (taken !== undefined) {
    say(`Port ${taken} on 127.0.0.1 is taken: stop what listens there, or choose others:`);
    say(`  DEMO_PORT=9080 DEMO_ADMIN_PORT=9081 npm start`);
    return 1;
  }
  const parts = [];
  const asked = askedToStop();
  try {
    return await play(ports, { parts, asked });
  } catch (error) {
    say(error.message);
    return 1;
  } finally {
    for (const stop of parts.toReversed()) await stop();
  }
}

async function play(ports, { parts, asked }) {
  const secret = randomBytes(32).toString('base64url');
  const backends = makeBackends(secret);
  for (const backend of backends) {
    parts.push(() => backend.stop());
    await backend.start();
  }
  const adminUrl = `http://127.0.0.1:${ports.admin}`;
  const stage = await startStage({ backends, readAdmin: (path) => readAdminJson(adminUrl, path) });
  parts.push(() => stage.close());
  const balancer = await startBalancer({
    configFile: CONFIG_FILE,
    env: environment(ports, { backends, stage, secret }),
    onLog: logLine,
  });
  parts.push(() => balancer.stop());
  asked.again(() => void balancer.stop());
  welcome({ ports, backends, balancerPid: balancer.pid });

  const ended = await Promise.race([asked.once.then(() => undefined), balancer.exited.then((code) => ({ code }))]);
  if (ended === undefined) return farewell();
  say(`The balancer ended by itself (${ended.code}); stopping the rest.`);
  return 1;
}

function makeBackends(secret) {
  const events = {
    onSaid: (from, said) => {
      for (const other of backends) if (other !== from) other.hear(said);
    },
    onDied: (backend, restartInMs) =>
      say(
        `Backend ${backend.id} is gone. Its sessions go on at the other one, its plain clients come back there; it starts again in ${restartInMs / 1000} s.`,
      ),
    onBack: (backend) => say(`Backend ${backend.id} is back, pid ${backend.pid}.`),
  };
  const backends = [
    new DemoBackend('a', { port: 3001, secret }, events),
    new DemoBackend('b', { port: 3002, secret }, events),
  ];
  return backends;
}

function environment(ports, { backends: [a, b], stage, secret }) {
  return {
    DEMO_PORT: String(ports.http),
    DEMO_ADMIN_PORT: String(ports.admin),
    DEMO_BACKEND_A: a.url,
    DEMO_BACKEND_B: b.url,
    DEMO_STAGE: stage.url,
    HOLDFAST_SECRET: secret,
  };
}

/** `once` settles with the first request to stop; the function given to `again` runs at a later, separate one. */
function askedToStop() {
  let onAgain = () => {};
  let firstAt;
  const first = new Promise((resolve) => {
    const onAsked = () => {
      if (firstAt === undefined) {
        firstAt = Date.now();
        resolve();
      } else if (Date.now() - firstAt > SAME_SIGNAL_WITHIN_MS) onAgain();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onAsked);
    onLostNpm(onAsked);
  });
  return { once: first, again: (run) => (onAgain = run) };
}

async function firstTaken(ports) {
  for (const port of ports) if (!(await isFree(port))) return port;
  return undefined;
}

async function isFree(port) {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
