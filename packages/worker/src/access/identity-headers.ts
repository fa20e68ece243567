/** Headers that tell a backend who the client is: by us alone, whatever a client writes under their names. Pure. */
import type { AuthConfig } from '../config.js';
import { forUpstream } from '../listener/header-bytes.js';
import type { IdentityHeaders } from '../routing/upstream-headers.js';
import type { Known } from './verifier.js';

/** @param known undefined: nothing is told yet, and nothing of the client's own passes. */
export function identityHeaders(
  { principalHeader, forward }: AuthConfig,
  known: Pick<Known, 'principal' | 'copied'> | undefined,
): IdentityHeaders | undefined {
  const names = new Set(forward?.copy);
  if (principalHeader !== undefined) names.add(principalHeader);
  if (names.size === 0) return undefined;
  const headers = (known?.copied ?? []).map((text, index) => (index % 2 === 0 ? text : forUpstream(text)));
  if (principalHeader !== undefined && known !== undefined && known.principal !== '') {
    headers.push(principalHeader, forUpstream(headerSafe(known.principal)));
  }
  return { names, headers };
}

/** A `sub` may hold anything, halves of characters too; a header may not. Text that is not plain comes percent-encoded. */
function headerSafe(principal: string): string {
  const isPlain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(principal);
  return isPlain ? principal : encodeURIComponent(Buffer.from(principal).toString());
}
