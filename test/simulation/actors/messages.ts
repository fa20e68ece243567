/** What the applications of a run say to each other: up a number, down which message of which owner it is, and what it answers. */
import type { Random } from '../random.js';

export interface Down {
  readonly ownerId: number;
  /** The owner's j-th message. */
  readonly j: number;
  /** The client's message that it answers; 0: none. */
  readonly k: number;
}

/** Now and then large, now and then binary. */
export function upMessage(k: number, random: Random): string | Uint8Array {
  return dressed(`${k} `, random);
}

export function readUp(data: string | Uint8Array): number {
  return Number.parseInt(textOf(data), 10);
}

export function downMessage({ ownerId, j, k }: Down, random: Random): string | Uint8Array {
  return dressed(`${ownerId} ${j} ${k} `, random);
}

export function readDown(data: string | ArrayBuffer | Uint8Array): Down {
  const [ownerId = 0, j = 0, k = 0] = textOf(data).split(' ', 3).map(Number);
  return { ownerId, j, k };
}

function dressed(text: string, random: Random): string | Uint8Array {
  const size = random.chance(0.03) ? random.between(1000, 40_000) : random.between(0, 20);
  const message = text + 'é'.repeat(size / 2);
  return random.chance(0.2) ? new Uint8Array(Buffer.from(message)) : message;
}

function textOf(data: string | ArrayBuffer | Uint8Array): string {
  if (typeof data === 'string') return data;
  return Buffer.from(data instanceof ArrayBuffer ? new Uint8Array(data) : data).toString();
}
