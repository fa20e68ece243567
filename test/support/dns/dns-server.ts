/**
 * A DNS server for one name: over UDP, A records only, turned by one place with each answer as round robin does it, TTL 1 s. The
 * address of a name that is not its own, and every other type, is answered with nothing, so that resolvers do not wait.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const TYPE_A = 1;
const HEADER_BYTES = 12;
const TTL_SECONDS = 1;

export class DnsServer implements AsyncDisposable {
  /** What the name stands for from now on. */
  addresses: readonly string[];
  queries = 0;
  readonly #name: string;
  readonly #socket: Socket;

  private constructor(name: string, addresses: readonly string[], socket: Socket) {
    this.#name = name;
    this.addresses = addresses;
    this.#socket = socket;
    socket.on('message', (query, from) => {
      const answer = this.#answer(query);
      if (answer !== undefined) socket.send(answer, from.port, from.address);
    });
  }

  /** On port 53, where resolvers ask: for root only. */
  static async start(name: string, addresses: readonly string[], listenOn: string): Promise<DnsServer> {
    const socket = createSocket('udp4');
    const server = new DnsServer(name, addresses, socket);
    socket.bind(53, listenOn);
    await once(socket, 'listening');
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }

  #answer(query: Buffer): Buffer | undefined {
    const question = readQuestion(query);
    if (question === undefined) return undefined;
    const isAsked = question.type === TYPE_A && question.name === this.#name;
    const records = isAsked ? this.#turned().map(aRecord) : [];
    const header = Buffer.from(query.subarray(0, HEADER_BYTES));
    // An answer, authoritative, recursion available: what a stub resolver expects of its server.
    header.writeUInt16BE(0x8580, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    header.writeUInt32BE(0, 8);
    return Buffer.concat([header, query.subarray(HEADER_BYTES, question.end), ...records]);
  }

  #turned(): readonly string[] {
    const at = this.queries % Math.max(1, this.addresses.length);
    this.queries += 1;
    return [...this.addresses.slice(at), ...this.addresses.slice(0, at)];
  }
}

interface Question {
  readonly name: string;
  readonly type: number;
  /** Where it ends in the query. */
  readonly end: number;
}

function readQuestion(query: Buffer): Question | undefined {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at]; length !== 0; length = query[at]) {
    if (length === undefined || length > 63) return undefined;
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  if (query.length < at + 5) return undefined;
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

/** The name is a pointer to the one in the question. */
function aRecord(address: string): Buffer {
  const record = Buffer.from([0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, TTL_SECONDS, 0, 4, 0, 0, 0, 0]);
  record.set(address.split('.').map(Number), 12);
  return record;
}
