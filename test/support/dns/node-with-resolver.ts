/**
 * A stand-in for `node` whose processes ask a DNS server of the test's choosing, as the operating system would have it: a mount
 * namespace of their own in which /etc/resolv.conf names that server. Nothing else of the machine changes. Needs root.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface NodeWithResolver extends AsyncDisposable {
  /** To be run in place of `process.execPath`. */
  readonly path: string;
}

export function nodeWithResolver(nameserver: string): NodeWithResolver {
  if (process.getuid?.() !== 0) {
    throw new Error('dns: expected to be root, which a mount namespace and port 53 need, got another user');
  }
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-dns-'));
  const resolver = join(directory, 'resolv.conf');
  const path = join(directory, 'node');
  writeFileSync(resolver, `nameserver ${nameserver}\noptions timeout:1 attempts:2\n`);
  const inside = `mount --bind ${resolver} /etc/resolv.conf && exec ${process.execPath} "$@"`;
  writeFileSync(path, `#!/bin/sh\nexec unshare --mount sh -c '${inside}' node "$@"\n`);
  chmodSync(path, 0o755);
  return {
    path,
    [Symbol.asyncDispose]: () => Promise.resolve(rmSync(directory, { recursive: true })),
  };
}
