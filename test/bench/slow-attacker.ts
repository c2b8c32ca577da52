/**
 * A program that holds connections open at a port and hardly uses them: slow-attacker.js PORT COUNT AGAIN_MS. A fifth
 * each: says nothing, sends a head byte by byte, sends a body byte by byte, opens a stream and never reads it, asks for
 * a snapshot to be taken and sends nothing of it. One that is closed comes back AGAIN_MS later as the next kind. Prints
 * a line when all were tried.
 */
import { createConnection, type Socket } from 'node:net';
import { requestHead } from '../rafthttp/members.js';

/** How long an attacker waits between two bytes. */
const DRIP_MS = 1000;

/** Connections that are opened in one turn. */
const BATCH = 100;

const [port, count, againMs] = process.argv.slice(2).map(Number) as [number, number, number];

const openings = [
  '',
  'POST /raft HTTP/1.1\r\nHost: x\r\nX-Slow: ',
  requestHead('POST', '/raft', 2n, { 'Content-Length': '1000000' }),
  requestHead('GET', '/raft/stream/message/9', 9n, { 'X-Raft-To': '1' }),
  requestHead('POST', '/raft/snapshot', 2n, { 'Content-Length': '1000000' }),
];

const open = new Set<Socket>();
let tried = 0;

function attack(kind: number): void {
  const socket = createConnection(port, '127.0.0.1');
  const opening = openings[kind % openings.length] as string;
  let first = true;
  const attempted = (): void => {
    if (first) tried++;
    first = false;
  };
  socket.pause();
  socket.on('connect', () => {
    attempted();
    open.add(socket);
    if (opening !== '') socket.write(opening);
  });
  socket.on('error', attempted);
  socket.on('close', () => {
    open.delete(socket);
    setTimeout(() => attack(kind + 1), againMs);
  });
}

setInterval(() => {
  for (const socket of open) if (!socket.destroyed) socket.write('x');
}, DRIP_MS);

for (let started = 0; started < count; started += BATCH) {
  for (let i = started; i < Math.min(count, started + BATCH); i++) attack(i);
  await new Promise((resolve) => setTimeout(resolve, 5));
}
while (tried < count) await new Promise((resolve) => setTimeout(resolve, 20));
console.log(`${open.size}`);
