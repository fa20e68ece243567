/** What a backend asks of a worker over its trunk, and who answers it. */
import type { TopicResult } from '../topic/topic-requests.js';
import type { WorkerTopics } from '../topic/worker-topics.js';
import type { Link } from '../trunk/link.js';
import type { Trunk } from '../trunk/trunk.js';
import type { TrunkRequest } from '../trunk/trunk-request.js';
import { Parking, type ParkingOptions } from './parking.js';

export class BackendRequests {
  readonly #topics: WorkerTopics;
  readonly #parking: Parking;

  constructor(topics: WorkerTopics, parking: ParkingOptions) {
    this.#topics = topics;
    this.#parking = new Parking(parking);
  }

  onRequest(link: Link, trunk: Trunk, request: TrunkRequest): void {
    const { ref, body, tail } = request;
    if (body.op === 'publish' || body.op === 'history' || body.op === 'presence') {
      void this.#answer(trunk, ref, this.#topics.onBackendRequest(body, tail));
    } else this.#parking.onRequest(link, trunk, request);
  }

  async #answer(trunk: Trunk, ref: number, asked: Promise<TopicResult>): Promise<void> {
    const result = await asked;
    trunk.answer(ref, result.ok ? { ok: true, ...result.body } : result);
  }
}
