/** The subscribers seen from the benchmark: Load, with orders that say more than how many. */
import { Load } from './load.mjs';

export class TopicLoad {
  #load;
  #processes;

  constructor(processes, script) {
    this.#processes = processes;
    this.#load = new Load(processes, script);
  }

  /** `order`: what the order `open` of topic-load-client.mjs takes; `count` of all processes together. */
  async openAll({ count, ...order }) {
    const share = Math.ceil(count / this.#processes);
    await this.#load.all((_, i) => ({ order: 'open', ...order, count: Math.min(share, count - share * i) }));
  }

  async count() {
    const answers = await this.#load.all(() => ({ order: 'count' }));
    const total = (key) => answers.reduce((sum, answer) => sum + answer[key], 0);
    const { position } = answers[0];
    return { messages: total('messages'), unexpected: total('unexpected'), open: total('open'), position };
  }

  close() {
    return this.#load.close();
  }

  stop() {
    return this.#load.stop();
  }
}
