/**
 * The kernel setting that has a listener which closes hand what waits in its queue to another one on its port
 * (net.ipv4.tcp_migrate_req). Set for a test, and put back. Only root may; without it a test can only say what is not its fault.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const SETTING = '/proc/sys/net/ipv4/tcp_migrate_req';

export interface Migration extends AsyncDisposable {
  readonly isOn: boolean;
}

export function migrateRequests(): Migration {
  const before = read();
  const isOn = before === '1' || (before === '0' && write('1'));
  return {
    isOn,
    [Symbol.asyncDispose]: () => {
      if (before === '0' && isOn) write('0');
      return Promise.resolve();
    },
  };
}

function read(): string | undefined {
  try {
    return readFileSync(SETTING, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function write(value: string): boolean {
  try {
    writeFileSync(SETTING, value);
    return true;
  } catch {
    return false;
  }
}
