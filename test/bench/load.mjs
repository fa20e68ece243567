/** The load generator seen from the benchmark: several processes that get the same orders and answer together. */
import { fork } from 'node:child_process';
import { once } from 'node:events';

export class Load {
  #children;
  #nextId = 1;

  /** @param script load-client.mjs for plain WebSockets, session-load-client.mjs for sessions */
  constructor(processes, script = './load-client.mjs') {
    this.#children = Array.from({ length: processes }, () => fork(new URL(script, import.meta.url)));
    for (const child of this.#children) child.setMaxListeners(100);
  }

  /** Connections per second while all were opened. */
  async open(port, count, addresses) {
    const share = Math.ceil(count / this.#children.length);
    const startedAt = performance.now();
    await this.all((_, i) => ({ order: 'open', port, addresses, count: Math.min(share, count - share * i) }));
    return (count * 1000) / (performance.now() - startedAt);
  }

  async talk() {
    await this.all(() => ({ order: 'talk' }));
  }

  async count() {
    const answers = await this.all(() => ({ order: 'count' }));
    const total = (key) => answers.reduce((sum, answer) => sum + answer[key], 0);
    return { messages: total('messages'), unexpected: total('unexpected'), open: total('open') };
  }

  async close() {
    await this.all(() => ({ order: 'close' }));
  }

  async stop() {
    await Promise.all(
      this.#children.map(async (child) => {
        const exited = once(child, 'exit');
        child.disconnect();
        await exited;
      }),
    );
  }

  /** The same order, or one for each process; their answers. */
  all(orderFor) {
    return Promise.all(this.#children.map((child, i) => this.#ask(child, orderFor(child, i))));
  }

  #ask(child, order) {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const onMessage = (answer) => {
        if (answer.id !== id) return;
        child.off('message', onMessage);
        child.off('exit', onExit);
        if (answer.error === undefined) resolve(answer);
        else reject(new Error(answer.error));
      };
      const onExit = (code) => reject(new Error(`bench: expected a load process to answer, got its exit with ${code}`));
      child.on('message', onMessage);
      child.once('exit', onExit);
      child.send({ id, ...order });
    });
  }
}
