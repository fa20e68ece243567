/**
 * The commands of the binary: which one was meant, and what it gets. Each is one file and answers its exit code:
 * 0 clean, 1 a mistake in the call, the configuration or at the start, 70 an internal error.
 */
import { nearest } from '../config/nearest.js';
import { VERSION } from '../supervisor/version.js';
import { drain, maintenance, ready } from './backend-state.js';
import { check, type CommandIo } from './check.js';
import { run } from './run.js';
import { status } from './status.js';
import { upgrade } from './upgrade.js';

export type { CommandIo } from './check.js';

type Command = (args: readonly string[], io: CommandIo) => Promise<number>;

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['run', (args, io) => run(args, io)],
  ['check', check],
  ['status', status],
  ['drain', drain],
  ['ready', ready],
  ['maintenance', maintenance],
  ['upgrade', upgrade],
]);

const HELP = `holdfast ${VERSION}: a WebSocket load balancer that holds on to its clients

usage:
  holdfast run --config FILE       run the balancer in the foreground; logs are JSON lines on stdout
  holdfast check --config FILE     say whether the configuration is good, or every mistake in it
  holdfast status                  show workers and backends of a running balancer
  holdfast drain --self            let its clients go, then stop it, as SIGTERM does
  holdfast upgrade                 replace its workers one by one, by what is on disk now
  holdfast drain --backend ID      no new work for a backend; sessions move away, relayed connections may finish
  holdfast maintenance --backend ID
                                   take a backend out
  holdfast ready --backend ID      take it back in; --pool NAME where several pools have the id
  holdfast --help | --version

all that ask a running balancer take --admin URL (default http://127.0.0.1:8081) and the token from
HOLDFAST_ADMIN_TOKEN

signals of run:
  SIGTERM, SIGINT   drain, then stop; a second one: stop now
  SIGHUP            reload the configuration in place

exit codes: 0 clean, 1 configuration or start-up error, 70 internal error
`;

const INTERNAL_ERROR = 70;

/** Never rejects. */
export async function main(argv: readonly string[], io: CommandIo): Promise<number> {
  const [name, ...args] = argv;
  if (name === undefined) return misuse('a command', 'none', io);
  if (name === 'help' || isHelp(name)) return print(HELP, io);
  if (name === '--version' || name === '-v') return print(`${VERSION}\n`, io);
  const command = COMMANDS.get(name);
  if (command === undefined) return misuse(`one of ${[...COMMANDS.keys()].join(', ')}`, suggestion(name), io);
  if (args.some(isHelp)) return print(HELP, io);
  try {
    return await command(args, io);
  } catch (error) {
    io.stderr.write(`internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return INTERNAL_ERROR;
  }
}

function isHelp(argument: string): boolean {
  return argument === '--help' || argument === '-h';
}

function suggestion(name: string): string {
  const known = nearest(name, [...COMMANDS.keys()]);
  const shown = JSON.stringify(name.slice(0, 60));
  return known === undefined ? shown : `${shown} (did you mean ${JSON.stringify(known)}?)`;
}

function print(text: string, { stdout }: CommandIo): number {
  stdout.write(text);
  return 0;
}

function misuse(expected: string, got: string, { stderr }: CommandIo): number {
  stderr.write(`expected ${expected}, got ${got}; see holdfast --help\n`);
  return 1;
}
