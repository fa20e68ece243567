/**
 * A backend of the demo as a child process that is started again when it dies. Its state is one value:
 * starting → running → (it died) waiting → starting …, and stopped at the end. The port of the first start is
 * kept for all later ones, because the balancer's configuration names it.
 */
import { fork } from 'node:child_process';

const RESTART_AFTER_MS = 5_000;
const PROGRAM = new URL('./backend.mjs', import.meta.url);

export class DemoBackend {
  #state = { name: 'stopped' };
  #port;
  #secret;
  #restarts = 0;
  #events;

  /** `port`: preferred. `secret`: shared with the balancer. `events`: onSaid(backend, { room, said }) for a chat line, onDied(backend, restartInMs), onBack(backend). */
  constructor(id, { port, secret }, events) {
    this.id = id;
    this.#port = port;
    this.#secret = secret;
    this.#events = events;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  get pid() {
    return this.#state.child?.pid;
  }

  /** Resolves once the backend listens; a preferred port that is taken gives way to a free one. */
  async start() {
    if (await this.#launch()) return;
    this.#port = 0;
    if (!(await this.#launch())) throw new Error(`backend ${this.id} does not start: see its message above`);
  }

  describe() {
    return { id: this.id, state: this.#state.name, pid: this.pid ?? null, url: this.url, restarts: this.#restarts };
  }

  hear({ room, said }) {
    if (this.#state.name === 'running') this.#state.child.send({ room, said });
  }

  /** SIGKILL: a crash. SIGTERM: an orderly end, as a deploy makes it. */
  end(signal) {
    if (this.#state.name !== 'running') return false;
    return this.#state.child.kill(signal);
  }

  stop() {
    const state = this.#state;
    this.#state = { name: 'stopped' };
    clearTimeout(state.timer);
    if (state.child === undefined || state.child.exitCode !== null || state.child.signalCode !== null) return undefined;
    return new Promise((resolve) => {
      state.child.once('exit', resolve);
      state.child.kill('SIGTERM');
    });
  }

  #launch() {
    const child = fork(PROGRAM, {
      env: { ...process.env, BACKEND_NAME: this.id, PORT: String(this.#port), HOLDFAST_SECRET: this.#secret },
      // A group of its own: Ctrl-C reaches the demo alone, which then stops its processes in order.
      detached: true,
    });
    this.#state = { name: 'starting', child };
    return new Promise((resolve) => {
      child.on('message', (message) => {
        if (message.type === 'said') this.#events.onSaid(this, message);
        if (message.type === 'listening') resolve(this.#onListening(child, message.port));
      });
      // A message to a child that has just died fails here; its exit is what we act on.
      child.on('error', () => resolve(false));
      child.once('exit', () => {
        resolve(false);
        this.#onExit(child);
      });
    });
  }

  #onListening(child, port) {
    this.#port = port;
    if (this.#state.child === child) this.#state = { name: 'running', child };
    return true;
  }

  #onExit(child) {
    if (this.#state.child !== child || this.#state.name !== 'running') return;
    this.#events.onDied(this, RESTART_AFTER_MS);
    this.#wait();
  }

  #wait() {
    this.#state = { name: 'waiting', timer: setTimeout(() => void this.#restart(), RESTART_AFTER_MS) };
  }

  async #restart() {
    this.#restarts += 1;
    const isRunning = await this.#launch();
    if (isRunning) this.#events.onBack(this);
    else if (this.#state.name !== 'stopped') this.#wait();
  }
}
