/**
 * Runs once before the tests on real processes: the binary must be built and redis-server installed. What is missing is
 * installed where that is ours to do (Debian, as root) and otherwise named with the command to run. Nothing is
 * skipped: a suite that passes without having run says nothing.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { BINARY } from './holdfast.js';
import { hasCommand, installCommand } from './tools.js';

export function setup(): void {
  if (!existsSync(BINARY)) {
    throw new Error(
      `integration tests: expected the built binary at ${BINARY}, got nothing; run "npm run build" first`,
    );
  }
  if (!hasCommand('redis-server')) installCommand('redis-server', 'redis-server');
  execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
}
