import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that systems draw by themselves, for servers that ask for any and for those who dial, and beside
 * those that the programs take if they are told none.
 */
const FIRST = 24_000;
const END = 32_000;

/**
 * Ports of 127.0.0.1 for programs that will listen there some time later. Nobody else gets them meanwhile: no server
 * that asks for any port, and no other process of tests, since each holds the UDP ports of the same numbers until it
 * ends.
 */
export async function reservePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await reserveRange(1));
  return ports;
}

/** The first of so many ports in a row, as `reservePorts` gives them. */
export async function reserveRange(count: number): Promise<number> {
  for (;;) {
    const first = randomInt(FIRST, END - count);
    const free = await Promise.all(Array.from({ length: count }, (_, i) => reserve(first + i)));
    if (free.every((each) => each)) return first;
  }
}

/** Takes this port, if it is free. What was taken in vain for a range stays so. */
async function reserve(port: number): Promise<boolean> {
  const socket = createSocket('udp4').unref();
  try {
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
  } catch {
    socket.close();
    return false;
  }
  return isFree(port);
}

/** Could a program listen there now? */
async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
