/** One attack as a child process, ended with the test whatever happens. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface AttackTarget {
  readonly port: number;
  readonly tlsPort?: number;
  readonly seconds: number;
}

export class Attack implements AsyncDisposable {
  /** Resolves when the attacker has ended; rejects when it failed, for then nobody was attacked. */
  readonly over: Promise<void>;
  readonly #process: ChildProcess;

  constructor(name: string, target: AttackTarget) {
    const script = fileURLToPath(new URL('./attacks.mjs', import.meta.url));
    const stdio = ['ignore', 'inherit', 'inherit'] as const;
    this.#process = spawn(process.execPath, [script, name, JSON.stringify(target)], { stdio: [...stdio] });
    this.over = endOf(name, this.#process);
    this.over.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.over.catch(() => undefined);
  }
}

async function endOf(name: string, child: ChildProcess): Promise<void> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  if (code !== 0) throw new Error(`attack ${name}: expected it to end by itself, got ${code ?? signal}`);
}
