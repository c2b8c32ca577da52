import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Only whoever sits at this machine is answered, and only under the names of this machine. */
const HOSTS = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/**
 * Serves the page on this machine alone. Resolves with its address once it listens.
 * @param port 0 for any that is free
 */
export function servePage(page: string, port: number): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer(({ method, url, headers }, response) => {
    if (!HOSTS.test(headers.host ?? '')) {
      // A page elsewhere may have given its own name this machine's address.
      response.writeHead(421).end('this host is not served here\n');
    } else if (method !== 'GET' && method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else if (url !== '/') {
      response.writeHead(404).end('the page is at /\n');
    } else {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
      response.end(method === 'HEAD' ? undefined : page);
    }
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      resolve({ server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
    });
  });
}
