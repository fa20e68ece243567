/** A command of the binary that asks a running balancer: how it ended, and what it said. */
import { execFile } from 'node:child_process';
import { BINARY, type Holdfast } from '../holdfast.js';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function command(holdfast: Holdfast, ...args: readonly string[]): Promise<CommandResult> {
  const all = [BINARY, ...args, '--admin', holdfast.adminUrl('')];
  return new Promise((resolve) => {
    execFile(process.execPath, all, { timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}
