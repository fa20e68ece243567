/**
 * What this worker knows about its link to Redis: one value and its transitions, without I/O (link.ts does that).
 *
 *            connected              answered
 *    lost ─────────────▶ verifying ──────────▶ ready
 *     ▲                      │                  │ ▲ answered
 *     │ failed, lost         ▼ timedOut/refused ▼ │
 *     └──────────────────── silent / refusing ────┘
 *
 * `ready` is the only healthy state. A connection alone is not: a server that is stopped, full, a replica, or without
 * permission for us accepts connections too, so the first probe of each connection, and the one after a refusal, is
 * a script that writes, and only its answer counts then.
 */
import type { StateHealth } from '../shared-state.js';

export type LinkState =
  | { readonly name: 'lost'; readonly reason: string }
  | { readonly name: 'verifying' }
  | { readonly name: 'ready' }
  /** Connected, but a command was not answered in time. */
  | { readonly name: 'silent'; readonly waitedMs: number }
  /** Connected and answering, with an error that is the server's and not the command's. */
  | { readonly name: 'refusing'; readonly reply: string }
  | { readonly name: 'closed' };

export type LinkEvent =
  /** An attempt to connect failed, or the connection broke with this error. */
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'lost' }
  | { readonly type: 'connected' }
  /** `isWrite`: it was a write that was answered; an answered ping does not refute a refused write. */
  | { readonly type: 'answered'; readonly isWrite: boolean }
  | { readonly type: 'timedOut'; readonly waitedMs: number }
  | { readonly type: 'refused'; readonly reply: string }
  | { readonly type: 'closed' };

export const INITIAL_LINK_STATE: LinkState = { name: 'lost', reason: 'not connected yet' };

export function nextLinkState(state: LinkState, event: LinkEvent): LinkState {
  if (state.name === 'closed') return state;
  switch (event.type) {
    case 'closed':
      return { name: 'closed' };
    case 'connected':
      return { name: 'verifying' };
    case 'failed':
      return { name: 'lost', reason: event.reason };
    case 'lost':
      return { name: 'lost', reason: reasonOfLoss(state) };
    case 'answered':
      return afterAnswer(state, event.isWrite);
    case 'timedOut':
      return state.name === 'lost' ? state : { name: 'silent', waitedMs: event.waitedMs };
    case 'refused':
      return state.name === 'lost' ? state : { name: 'refusing', reply: event.reply };
  }
}

/** A ping is cheaper, but proves too little where health has yet to be shown. */
export function needsWriteProbe(state: LinkState): boolean {
  return state.name !== 'ready';
}

export function healthOf(state: LinkState, who: string): StateHealth {
  return state.name === 'ready'
    ? { status: 'ok', detail: undefined }
    : { status: 'degraded', detail: detailOf(state, who) };
}

function afterAnswer(state: LinkState, isWrite: boolean): LinkState {
  // Answers of an earlier connection can still be under way when it is lost.
  if (state.name === 'lost' || state.name === 'ready') return state;
  return isWrite || state.name === 'silent' ? { name: 'ready' } : state;
}

function reasonOfLoss(state: LinkState): string {
  if (state.name === 'lost') return state.reason;
  if (state.name === 'silent') return `the connection was given up after ${state.waitedMs} ms without an answer`;
  if (state.name === 'refusing') return `the connection was given up because the server refused: ${state.reply}`;
  return 'the connection was closed';
}

function detailOf(state: LinkState, who: string): string {
  switch (state.name) {
    case 'lost':
      return `${who}: expected a working connection, got: ${state.reason}; retrying`;
    case 'verifying':
      return `${who}: connected, its first answer is awaited`;
    case 'silent':
      return `${who}: expected an answer within ${state.waitedMs} ms, got none`;
    case 'refusing':
      return `${who}: expected it to take commands, got: ${state.reply}`;
    case 'ready':
    case 'closed':
      return `${who}: closed`;
  }
}
