import { expect, it } from 'vitest';
import { largestBuffers } from './shed.js';

const connection = (kib: number, up = 0) => ({ bufferedBytes: { down: kib * 1024, up: up * 1024 } });

it('takes the largest, until half of it is gone', () => {
  const [small, medium, large, both] = [connection(20), connection(40), connection(90), connection(30, 30)];
  expect(largestBuffers([small, medium, large, both])).toEqual([large, both]);
});

it('leaves those alone who keep up', () => {
  expect(largestBuffers([connection(0), connection(15)])).toEqual([]);
});
