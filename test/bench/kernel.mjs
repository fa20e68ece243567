/** The kernel's own account of processes: processor time and memory from /proc, summed over a list of pids. */
import { readdirSync, readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;
const MS_PER_TICK = 10;

/** User and system time of all of them so far, in ms. */
export function processorMs(pids) {
  return sum(pids, (pid) => {
    const fields = statFields(pid);
    return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
  });
}

export function residentBytes(pids) {
  return sum(pids, (pid) => Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES);
}

export function descendantsOf(pid) {
  const parents = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), parentOf(name)]),
  );
  const below = (ancestor) =>
    [...parents].filter(([, parent]) => parent === ancestor).flatMap(([child]) => [child, ...below(child)]);
  return below(pid);
}

/** Soft limit of open descriptors of this process, which children inherit. */
export function descriptorLimit() {
  const line = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  return line?.[1] === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(line?.[1] ?? 1024);
}

function parentOf(pid) {
  try {
    return Number(statFields(pid)[1]);
  } catch {
    return undefined;
  }
}

/** From `state` on: the name before it is in parentheses and may hold spaces. */
function statFields(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function sum(items, value) {
  return items.reduce((total, item) => total + value(item), 0);
}
