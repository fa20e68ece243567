/**
 * `npm start`: the demo. `npm start -- --config FILE`: your own configuration, run by the holdfast binary in
 * this very process, so that signals and exit codes are the binary's own and nothing stands between.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { onLostNpm } from '../examples/demo/lost-npm.mjs';
import { runDemo } from '../examples/demo/run.mjs';

const USAGE = `usage: npm start                     the demo
       npm start -- --config FILE    holdfast run with your file
`;

const { config } = readArguments();
if (config === undefined) {
  process.exitCode = await runDemo();
} else {
  onLostNpm(() => process.kill(process.pid, 'SIGTERM'));
  process.argv.splice(2, process.argv.length, 'run', '--config', resolve(config));
  await import('../packages/balancer/dist/bin/holdfast.js');
}

function readArguments() {
  try {
    return parseArgs({ options: { config: { type: 'string', short: 'c' } } }).values;
  } catch (error) {
    process.stderr.write(`${error.message}\n${USAGE}`);
    return process.exit(1);
  }
}
