import { expect, it } from 'vitest';
import type { Page } from '../control/operator-questions.js';
import { ConnectionReports, type ReportedLink } from './connection-reports.js';

const START = 1_795_277_978_655;

it('lists in pages that together are all, whatever ends meanwhile', () => {
  const links = new Set([1, 2, 3, 4, 5].map((number) => link(number)));
  const reports = new ConnectionReports({ workerId: 1, startedAtMs: START }, links);
  const first = reports.list({}, page(2));
  expect(first).toMatchObject({ count: 5, hasMore: true });
  const [, second] = [...links];
  links.delete(second!);
  const next = reports.list({}, page(3, first.reports.at(-1)?.id));
  expect(next).toMatchObject({ count: 4, hasMore: false });
  expect(next.reports.map(({ requestId }) => requestId)).toEqual(['r3', 'r4', 'r5']);
});

it('counts what the filter lets through', () => {
  const links = new Set([link(1), link(2, { backend: 'b2' }), link(3)]);
  const reports = new ConnectionReports({ workerId: 1, startedAtMs: START }, links);
  expect(reports.list({ backend: 'b2' }, page(5))).toMatchObject({ count: 1, reports: [{ requestId: 'r2' }] });
  expect(reports.list({ pool: 'app', route: 'app', address: '192.0.2.3' }, page(5))).toMatchObject({ count: 1 });
  expect(reports.list({ address: '192.0.2.9' }, page(5))).toMatchObject({ count: 0, reports: [] });
});

it('has ids in the order of workers, lives and numbers', () => {
  const lives = [
    { workerId: 2, startedAtMs: START },
    { workerId: 2, startedAtMs: START + 1 },
    { workerId: 10, startedAtMs: START },
  ].map((life) => new ConnectionReports(life, new Set([link(35), link(36)])));
  const ids = lives.flatMap((life) => life.list({}, page(9)).reports.map(({ id }) => id));
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids).size).toBe(6);
  const behind = lives.map((life) => life.list({}, page(9, ids[2])).reports.length);
  expect(behind).toEqual([0, 1, 2]);
});

it('finds and closes its own only', () => {
  const closed: unknown[] = [];
  const own = new ConnectionReports({ workerId: 1, startedAtMs: START }, new Set([link(7, {}, closed)]));
  const later = new ConnectionReports({ workerId: 1, startedAtMs: START + 5 }, new Set([link(7, {}, closed)]));
  const id = own.list({}, page(1)).reports[0]?.id ?? '';
  expect(later.find(id)).toBeUndefined();
  expect(later.close(id, 4000, 'x')).toBeUndefined();
  for (const odd of ['', id.slice(0, -1), `${id}0`, id.replace(/.$/, '!')]) expect(own.find(odd)).toBeUndefined();
  expect(own.find(id)).toMatchObject({ id, requestId: 'r7' });
  expect(own.close(id, 4000, 'x')).toMatchObject({ id });
  expect(closed).toEqual([[4000, 'x', 'closed by the operator']]);
});

function page(limit: number, after?: string): Page {
  return { limit, after };
}

function link(number: number, counts: object = {}, closed: unknown[] = []): ReportedLink {
  return {
    about: {
      number,
      counts: { route: 'app', pool: 'app', backend: 'b1', ...counts },
      client: { address: `192.0.2.${number}` },
      record: { id: `r${number}`, elapsedMs: 5 },
    },
    bufferedBytes: { down: 0, up: 0 },
    messagesUp: 0,
    messagesDown: 0,
    bytesUp: 0,
    bytesDown: 0,
    close: (...how: unknown[]) => void closed.push(how),
  } as unknown as ReportedLink;
}
