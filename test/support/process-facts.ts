/**
 * What the kernel says about a process: children, descriptors, memory. Read from /proc, because
 * that is the view of an operator, and a leak that the process itself does not count still shows there. Linux only.
 */
import { readdirSync, readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;
/** USER_HZ, which Linux shows to programs as 100 on every machine. */
const CLOCK_TICKS = 100;

/** Living direct children, in the order of their pids. */
export function childrenOf(pid: number): readonly number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => isLivingChild(name, pid));
  return children.map(Number).sort((a, b) => a - b);
}

/** Open descriptors; 0 for a process that is gone. */
export function countDescriptors(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

export function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
}

/** Time on a core so far, in user and kernel mode together. */
export function cpuMs(pid: number): number {
  const fields = statFields(String(pid));
  return (Number(fields[11]) + Number(fields[12])) * (1000 / CLOCK_TICKS);
}

export function isRunning(pid: number): boolean {
  try {
    return statFields(String(pid))[0] !== 'Z';
  } catch {
    return false;
  }
}

function isLivingChild(pid: string, parent: number): boolean {
  try {
    const [state, ppid] = statFields(pid);
    return Number(ppid) === parent && state !== 'Z';
  } catch {
    return false;
  }
}

/** From `state` on: the name before it is in parentheses and may hold spaces. */
function statFields(pid: string): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
