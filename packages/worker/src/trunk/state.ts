/**
 * The life of one trunk, pure: connecting → proving → ready → draining → closed. A trunk that is lost is not revived; its
 * successor is another one (trunks.ts).
 *
 *   connecting ──challenged──▶ proving ──proved──▶ ready ──drain──▶ draining
 *        └────────────┴───────── closed ◀────────────┴───────────────┘
 */
import type { Ready } from '@holdfast/protocol';
import type { Nonces } from './proof.js';

export type TrunkState =
  | { readonly name: 'connecting' }
  | { readonly name: 'proving'; readonly nonces: Nonces }
  | { readonly name: 'ready'; readonly backend: Ready }
  /** Either end will close it; sessions leave. */
  | { readonly name: 'draining'; readonly backend: Ready }
  | { readonly name: 'closed'; readonly reason: TrunkCloseReason };

export type TrunkEvent =
  | { readonly type: 'challenged'; readonly nonces: Nonces }
  | { readonly type: 'proved'; readonly backend: Ready }
  | { readonly type: 'drain' }
  | { readonly type: 'closed'; readonly reason: TrunkCloseReason };

export type TrunkCloseReason =
  /** Never connected. */
  | 'unreachable'
  /** One end did not believe the other, or there is no common version. */
  | 'rejected'
  /** The handshake took too long. */
  | 'handshakeTimeout'
  /** The connection ended without a close frame. */
  | 'lost'
  /** The backend closed it. */
  | 'closedByBackend'
  | 'stale'
  /** This process was paused for so long that the backend has given up on it. */
  | 'paused'
  /** The backend does not take what we send. */
  | 'tooSlow'
  | 'brokeProtocol'
  /** We closed it: the backend is no member any more, or the worker stops. */
  | 'left';

/** undefined: the event cannot happen in this state; whoever caused it broke the protocol. */
export function nextTrunkState(state: TrunkState, event: TrunkEvent): TrunkState | undefined {
  switch (event.type) {
    case 'challenged':
      return state.name === 'connecting' ? { name: 'proving', nonces: event.nonces } : undefined;
    case 'proved':
      return state.name === 'proving' ? { name: 'ready', backend: event.backend } : undefined;
    case 'drain':
      if (state.name === 'draining') return state;
      return state.name === 'ready' ? { name: 'draining', backend: state.backend } : undefined;
    case 'closed':
      return state.name === 'closed' ? state : { name: 'closed', reason: event.reason };
  }
}
