#!/usr/bin/env node
/** The binary: hands the process to the commands and ends it with their exit code. */
import { main } from '../commands/index.js';

// A reader of the log that went away must not take the balancer along.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const { stdout, stderr, env } = process;
process.exit(await main(process.argv.slice(2), { stdout, stderr, env }));
