/**
 * Topics of two balancers that share a Redis Cluster: topics lie on all of its nodes, and one of them dies. Those of the others
 * go on; its own are heard again from the replica that takes over, and nobody is left with a hole that it does not know of.
 */
import { startRedisCluster } from '@holdfast/state/testing';
import { expect, it } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import type { RawTopicClient } from '../support/topics/raw-topic-client.js';
import { startTopicStage } from '../support/topics/topic-stage.js';

const TOPICS = Array.from({ length: 30 }, (_, i) => `news:${i}`);

it('on a Cluster reach every worker, and outlive a node of it', async () => {
  await using cleanup = new Cleanup();
  const cluster = cleanup.use(await startRedisCluster({ replicasPerMaster: 1, nodeTimeoutMs: 2000 }));
  const stage = cleanup.use(await startTopicStage({ engine: 'redis', stateUrl: cluster.url }));
  const clients = (await stage.spread()).map(({ client }) => client);
  for (const client of clients) await Promise.all(TOPICS.map((topic) => client.subscribe(topic)));
  const publish = (i: number, topic: string, data: string): Promise<{ status: number }> =>
    stage.balancers[i % 2]!.admin('/v1/publish', { method: 'POST', body: JSON.stringify({ topic, data }) });

  for (const [i, topic] of TOPICS.entries()) expect(await publish(i, topic, 'before')).toMatchObject({ status: 200 });
  for (const client of clients) for (const topic of TOPICS) await client.untilMessages(topic, 1);

  await cluster.masters[0]!.kill9();
  for (const [i, topic] of TOPICS.entries()) {
    await eventually(async () => expect(await publish(i, topic, 'after')).toMatchObject({ status: 200 }), {
      withinMs: 30_000,
      everyMs: 200,
    });
  }
  for (const client of clients) await eventually(() => expectCaughtUp(client), { withinMs: 20_000, everyMs: 100 });
});

/** Heard the last message; and where that does not follow what came before, it was told so in between. */
function expectCaughtUp(client: RawTopicClient): void {
  const wrong = TOPICS.filter((topic) => {
    const told = client.controls('s', topic).slice(1);
    const isTold = told.length > 0 && told.every((body) => body['recovered'] === false);
    const [first, second, ...later] = client.messages(topic);
    // A worker that was back late is told where the topic is by then, which may be behind the last message.
    const isWhole = second === '2 after' || isTold;
    return first !== '1 before' || !isWhole || later.length > 0;
  });
  expect(wrong).toEqual([]);
  expect(client.closed).toBeUndefined();
}
