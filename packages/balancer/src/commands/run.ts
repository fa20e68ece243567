/**
 * `holdfast run --config FILE`: the balancer, in the foreground. Reads the configuration, starts supervisor and admin
 * server, and waits for the end. Logs JSON lines on stdout; a configuration with mistakes is told on stderr like `check` does.
 */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type Logger, pino, stdTimeFunctions } from 'pino';
import { formatMistake, loadConfig } from '../config/load.js';
import type { BalancerConfig, LoadResult } from '../config/types.js';
import { warnOfResets } from '../supervisor/accept-queue.js';
import { Balancer } from '../supervisor/balancer.js';
import { warnOfFewDescriptors } from '../supervisor/descriptors.js';
import { listenToSignals, type SignalSource } from '../supervisor/signals.js';
import type { CommandIo } from './check.js';

export interface RunDeps {
  /** Where signals and uncaught errors come from. */
  readonly signals: SignalSource;
  /** Entry of the worker process. @default the worker package's */
  readonly workerEntry?: string;
}

const USAGE = 'holdfast run --config FILE';

export async function run(
  args: readonly string[],
  io: CommandIo,
  deps: RunDeps = { signals: process },
): Promise<number> {
  const file = readFileArg(args);
  if (file === undefined) {
    io.stderr.write(`expected ${USAGE}, got ${JSON.stringify(args.join(' '))}\n`);
    return 1;
  }
  // Made up once: a reload must not invalidate the cookies of before.
  const madeUpSecret = randomBytes(32).toString('base64url');
  const load = (): Promise<LoadResult> => loadConfig(file, io.env, { madeUpSecret });
  const loaded = await load();
  if (!loaded.ok) {
    for (const mistake of loaded.mistakes) io.stderr.write(`${formatMistake(mistake)}\n`);
    return 1;
  }
  const { config, warnings } = loaded;
  const log = createLog(config, io);
  for (const warning of warnings) log.warn({ warning }, 'config warning');
  await warnOfFewDescriptors(config.worker, config.workers, log);
  await warnOfResets(log);
  const { workerEntry } = deps;
  const balancer = new Balancer({ config, file, load, log, env: io.env, random: Math.random, workerEntry });
  return serve(balancer, log, deps.signals);
}

async function serve(balancer: Balancer, log: Logger, signals: SignalSource): Promise<number> {
  const stopListening = listenToSignals(signals, {
    onStop: (signal) => balancer.stop(signal),
    onReload: () => balancer.reload(),
    onFatal: (error) => balancer.fail(error),
  });
  const exit = await balancer.run();
  stopListening();
  log.info({ code: exit.code, reason: exit.reason }, 'stopped');
  return exit.code;
}

function createLog({ worker }: BalancerConfig, { stdout }: CommandIo): Logger {
  return pino(
    {
      level: worker.logs.level,
      base: { role: 'supervisor', pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Synchronous for files and pipes on Linux: the last lines before an exit are not lost.
    { write: (line: string) => void stdout.write(line) },
  );
}

function readFileArg(args: readonly string[]): string | undefined {
  try {
    const options = { config: { type: 'string', short: 'c' } } as const;
    const { values } = parseArgs({ args: [...args], options, strict: true });
    return values.config === '' ? undefined : values.config;
  } catch {
    return undefined;
  }
}
