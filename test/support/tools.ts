/**
 * Programs that tests need and npm cannot bring. Installing is left to Debian's own packages, and only done as root:
 * nobody wants a test run to ask for a password.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const INSTALL_TIMEOUT_MS = 300_000;

export function hasCommand(name: string): boolean {
  const asked = spawnSync(name, ['-v'], { stdio: 'ignore' });
  return (asked.error as NodeJS.ErrnoException | undefined)?.code !== 'ENOENT';
}

export function installCommand(command: string, debianPackage: string): void {
  const advice = `sudo apt-get install -y ${debianPackage} (Debian, Ubuntu) or brew install ${debianPackage.replace('-server', '')} (macOS)`;
  const isDebian = existsSync('/etc/debian_version');
  if (!isDebian || process.getuid?.() !== 0) {
    throw new Error(`tests: expected ${command} to be installed, got nothing of that name; run: ${advice}`);
  }
  console.log(`tests: installing ${debianPackage} with apt-get`);
  // A server that its package starts would sit on a port and on our cores.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', debianPackage]]) {
    execFileSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env, timeout: INSTALL_TIMEOUT_MS });
  }
  if (!hasCommand(command))
    throw new Error(`tests: expected ${command} after installing ${debianPackage}; run: ${advice}`);
}
