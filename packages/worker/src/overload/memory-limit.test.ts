import { expect, it } from 'vitest';
import { controlGroupLimit } from './memory-limit.js';

const MIB = 1024 * 1024;

it.each<[string, Readonly<Record<string, string>>, number | undefined]>([
  ['there are no control groups', {}, undefined],
  ['there is no limit', { '/proc/self/cgroup': '0::/a\n', '/sys/fs/cgroup/a/memory.max': 'max\n' }, undefined],
  [
    'a container sees its own as the root',
    { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': `${512 * MIB}\n` },
    512 * MIB,
  ],
  [
    'the one above is narrower',
    {
      '/proc/self/cgroup': '0::/pod/app\n',
      '/sys/fs/cgroup/pod/app/memory.max': `${512 * MIB}\n`,
      '/sys/fs/cgroup/pod/memory.max': `${256 * MIB}\n`,
    },
    256 * MIB,
  ],
  [
    'it is of version 1',
    {
      '/proc/self/cgroup': '5:cpu,cpuacct:/x\n4:memory:/docker/1\n',
      '/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes': `${128 * MIB}\n`,
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
    },
    128 * MIB,
  ],
])('reads the limit where %s', (_what, files, limit) => {
  expect(controlGroupLimit((path) => files[path])).toBe(limit);
});
