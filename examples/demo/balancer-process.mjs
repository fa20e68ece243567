/**
 * The real `holdfast` binary as a child process. It gets a process group of its own, so that Ctrl-C does not
 * reach it twice (a second signal means "stop now"), and a channel whose end tells it that the demo is gone.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const READY_WITHIN_MS = 30_000;
const LAUNCHER = fileURLToPath(new URL('./balancer-launcher.mjs', import.meta.url));

/** Answers once the balancer's workers listen: `{ pid, exited, stop }`. `onLog` gets each of its log lines, parsed. */
export async function startBalancer({ configFile, env, onLog }) {
  const child = spawn(process.execPath, [LAUNCHER, 'run', '--config', configFile], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    detached: true,
  });
  const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  await ready(child, exited, onLog);
  return {
    pid: child.pid,
    exited,
    // The first call drains, a second one stops at once: what the binary makes of its signals.
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

async function ready(child, exited, onLog) {
  let timer;
  const sawReady = new Promise((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = parse(line);
      onLog(entry);
      if (entry.msg === 'ready') resolve('ready');
    });
  });
  const tooLate = new Promise((resolve) => {
    timer = setTimeout(() => resolve('late'), READY_WITHIN_MS);
  });
  const outcome = await Promise.race([sawReady, exited, tooLate]);
  clearTimeout(timer);
  if (outcome === 'ready') return;
  child.kill('SIGTERM');
  const got = outcome === 'late' ? `nothing within ${READY_WITHIN_MS / 1000} s` : `its end (${outcome})`;
  throw new Error(`expected the balancer to become ready, got ${got}; its log lines above say why`);
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return { level: 'info', msg: line };
  }
}
