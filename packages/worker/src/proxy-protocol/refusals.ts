/**
 * PROXY headers that were refused: counted each, logged at most once per second, since who sends them decides how many.
 */
import type { Logger } from 'pino';
import type { Traffic } from '../observe/traffic.js';

const LOG_EVERY_MS = 1_000;

export class HeaderRefusals {
  readonly #traffic: Traffic;
  readonly #log: Logger;
  #loggedAtMs = -Infinity;
  #unlogged = 0;

  constructor(traffic: Traffic, log: Logger) {
    this.#traffic = traffic;
    this.#log = log;
  }

  add(peer: string, detail: string): void {
    this.#traffic.boundHit('proxy_header');
    const nowMs = performance.now();
    if (nowMs - this.#loggedAtMs < LOG_EVERY_MS) {
      this.#unlogged += 1;
      return;
    }
    this.#log.warn({ peer, detail, unlogged: this.#unlogged }, 'PROXY header refused');
    this.#loggedAtMs = nowMs;
    this.#unlogged = 0;
  }
}
