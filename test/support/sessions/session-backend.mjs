/**
 * An application server of a chaos test, as a process that can be killed. It answers each message with its number, pushes
 * numbered messages of its own, and writes down everything that its handler sees at once, so that what a killed
 * process saw is known too.
 *
 * A client's message is `<client> <seq>`; the answer is `e <seq>`; a push is `p <run> <k>`, where a run is one session
 * object of one process. Log lines: `s <run> <session> <cause>`, `m <run> <client> <seq> <redelivered 0|1>`.
 */
import { openSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createBackend } from '@holdfast/backend';

const { values: flags } = parseArgs({
  options: {
    port: { type: 'string' },
    secret: { type: 'string' },
    log: { type: 'string' },
    name: { type: 'string' },
    'push-every-ms': { type: 'string', default: '0' },
    'commit-every': { type: 'string', default: '0' },
  },
});

const log = openSync(flags.log, 'a');
const write = (line) => writeSync(log, `${line}\n`);
const commitEvery = Number(flags['commit-every']);
const backend = createBackend({ secret: flags.secret });
let runs = 0;

backend.on('error', (error) => write(`! ${error.code ?? ''} ${error.message}`));
backend.on('session', (session, { cause }) => {
  runs += 1;
  const run = `${flags.name}.${process.pid}.${runs}`;
  let pushed = 0;
  let handled = 0;
  // Answers to all that a client wrote while it was away may be more than is kept for it at one time.
  const owed = [];
  const answer = (text) => {
    if (owed.length > 0 || !session.send(text)) owed.push(text);
  };
  session.on('writable', () => {
    while (owed.length > 0 && session.send(owed[0])) owed.shift();
  });
  write(`s ${run} ${session.id} ${cause}`);
  session.on('message', (data, { redelivered }) => {
    const [client, seq] = String(data).split(' ');
    write(`m ${run} ${client} ${seq} ${redelivered ? 1 : 0}`);
    answer(`e ${seq}`);
    handled += 1;
    if (commitEvery > 0 && handled % commitEvery === 0) {
      void session.commit(seq).then((outcome) => write(`c ${run} ${seq} ${outcome}`));
    }
  });
  const push = () => {
    if (session.send(`p ${run} ${pushed + 1}`)) pushed += 1;
  };
  const everyMs = Number(flags['push-every-ms']);
  const timer = everyMs > 0 ? setInterval(push, everyMs) : undefined;
  session.on('close', (event) => {
    clearInterval(timer);
    write(`x ${run} ${event?.code ?? ''}`);
  });
});

await backend.listen(Number(flags.port), '127.0.0.1');
process.send?.({ type: 'listening' });
// Its parent is gone: nobody is left to end it.
process.on('disconnect', () => process.exit(0));
