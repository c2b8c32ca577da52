import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { KEY_METHODS, KEY_ROUTE, KvMachine, MAX_LEASE_KEYS, routes } from '@raft-ts/raftexample/internal';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import { parse } from 'yaml';
import { type Answer, type Asked, ask, type KvCluster, kvCluster } from './kv-cluster.js';

interface Header {
  readonly required?: boolean;
  readonly schema?: object;
}

interface Described {
  readonly headers?: Readonly<Record<string, Header>>;
  readonly content: Readonly<Record<string, { readonly schema: object }>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses?: Record<string, object> }>>>>;
}

const METHODS = ['get', 'put', 'post', 'delete'];

describe('the store: openapi.yaml', () => {
  const document = parse(
    readFileSync(new URL('../../../raftexample/openapi.yaml', import.meta.url), 'utf8'),
  ) as Document;
  const ajv = new Ajv2020({ strict: false });
  ajv.addSchema(document, 'openapi');

  /** What a reference points to. */
  const resolved = (value: object): object => {
    const { $ref } = value as { readonly $ref?: string };
    if ($ref === undefined) return value;
    const path = $ref.slice(2).split('/');
    return resolved(path.reduce<object>((at, name) => (at as Record<string, object>)[name] as object, document));
  };
  const conforms = (schema: object, value: unknown, what: string): void => {
    const text = JSON.stringify(schema).replaceAll('"$ref":"#', '"$ref":"openapi#');
    const validate = ajv.compile(JSON.parse(text) as object);
    expect(validate(value), `${what}: ${JSON.stringify(validate.errors)} ${JSON.stringify(value)}`).to.equal(true);
  };

  /** Holds an answer against what the document says of it. */
  const check = (what: string, described: Described, { headers, text }: Answer): void => {
    const media = String(headers['content-type']).split(';')[0] as string;
    expect(Object.keys(described.content), what).to.include(media);
    const { schema } = described.content[media] as { schema: object };
    conforms(schema, media.endsWith('json') ? JSON.parse(text) : text, what);
    for (const [name, header] of Object.entries(described.headers ?? {})) {
      const { required, schema: form } = resolved(header) as Header;
      const value = headers[name.toLowerCase()];
      if (required === true) expect(value, `${what}: ${name}`).to.be.a('string');
      if (form !== undefined) conforms(form, value, `${what}: ${name}`);
    }
  };

  it('describes every route of the face, and no other', () => {
    const described = Object.entries(document.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => method in item).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const real = routes.flatMap(({ path, methods }) => Object.keys(methods).map((method) => `${method} ${path}`));
    expect(described.sort()).to.deep.equal([...real, ...KEY_METHODS.map((method) => `${method} ${KEY_ROUTE}`)].sort());
    for (const { path, open = false } of routes) {
      for (const operation of Object.values(document.paths[path] ?? {})) {
        if (operation.responses === undefined) continue;
        expect('401' in operation.responses, path).to.equal(!open);
      }
    }
  });

  describe('each answer that it describes is given', function answers() {
    const token = 'a-token-of-clients';
    const headers = { Authorization: `Bearer ${token}` };
    let store: KvCluster;
    /** Of a member that others hear, of a leader that is cut off, and of a follower that is. */
    const at = { fine: 0, leader: 0, follower: 0, ended: 0 };
    let lease = 0;

    /** On a busy machine another member may lead by and by. */
    const choose = async (): Promise<void> => {
      const leader = await store.group.leader();
      const others = store.group.replicas.filter(({ id }) => id !== leader.id).map(({ id }) => id);
      const portOf = (id: bigint | undefined): number => store.ports[Number(id) - 1] as number;
      at.leader = portOf(leader.id);
      at.follower = portOf(others[0]);
      at.fine = portOf(others[1]);
      at.ended = portOf(others[2]);
    };

    before(async () => {
      store = await kvCluster(5, {
        token,
        maxValue: 100,
        replica: { checkQuorum: false, timeoutMs: 500 },
        createMachine: () => new KvMachine({}, { maxReads: 0 }),
      });
      await choose();
    });

    after(() => store.stop());

    const one = (method: string, path: string, asked: Asked = {}, port = at.fine): Promise<Answer> =>
      ask(port, method, path, { ...asked, headers: { ...headers, ...asked.headers } });
    const stream = async (path: string): Promise<Answer> => {
      const sent = get({ host: '127.0.0.1', port: at.fine, path, headers, agent: false });
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      response.destroy();
      return { status: response.statusCode as number, headers: response.headers, text: '' };
    };
    const anonymous = (method: string, path: string): Promise<Answer> => ask(at.fine, method, path);
    const away = (method: string, path: string, asked?: Asked): Promise<Answer> =>
      one(method, path, asked, at.follower);
    const deposed = (method: string, path: string, asked?: Asked): Promise<Answer> =>
      one(method, path, asked, at.leader);
    const member = (id: number, url = `http://h${id}:1`): Asked => ({
      body: JSON.stringify({ id, url, learner: true }),
    });

    const keyed = (key: string): Asked => ({ headers: { 'Idempotency-Key': `"${key}"` } });
    const reading = '{"do":[{"op":"get","key":"a/b"},{"op":"get","key":"none"}]}';
    const writing = '{"if":[{"key":"a/b","index":1}],"do":[{"op":"put","key":"c","value":"VALUE"}]}';

    /** How each answer is provoked, with all members there, in this order. */
    const whole: Readonly<Record<string, () => Promise<Answer>>> = {
      'PUT /kv/{key} 200': () => one('PUT', '/kv/a%2Fb', { body: 'v' }),
      'PUT /kv/{key} 400': () => one('PUT', '/kv/%ff', { body: 'v' }),
      'PUT /kv/{key} 401': () => anonymous('PUT', '/kv/k'),
      'PUT /kv/{key} 412': () => one('PUT', '/kv/a%2Fb', { body: 'v', headers: { 'If-None-Match': '*' } }),
      'PUT /kv/{key} 413': () => one('PUT', '/kv/k', { body: 'v'.repeat(101) }),
      'GET /kv/{key} 200': () => one('GET', '/kv/a%2Fb?consistency=lease'),
      'GET /kv/{key} 400': () => one('GET', '/kv/k?consistency=no'),
      'GET /kv/{key} 401': () => anonymous('GET', '/kv/k'),
      'GET /kv/{key} 404': () => one('GET', '/kv/none'),
      'DELETE /kv/{key} 412': () => one('DELETE', '/kv/a%2Fb', { headers: { 'If-Match': '"1"' } }),
      'DELETE /kv/{key} 400': () => one('DELETE', '/kv/k', { headers: { 'If-Match': 'x' } }),
      'DELETE /kv/{key} 401': () => anonymous('DELETE', '/kv/k'),
      'DELETE /kv/{key} 200': () => one('DELETE', '/kv/none'),
      'PUT /kv/{key} 422': async () => {
        await one('PUT', '/kv/once', { body: 'v', ...keyed('put') });
        return one('PUT', '/kv/once', { body: 'w', ...keyed('put') });
      },
      'DELETE /kv/{key} 422': () => one('DELETE', '/kv/once', keyed('put')),
      'POST /kv 200': () => one('POST', '/kv', { body: reading, ...keyed('post') }),
      'POST /kv 410': () => one('POST', '/kv', { body: reading, ...keyed('post') }),
      'POST /kv 422': () => one('POST', '/kv', { body: writing, ...keyed('post') }),
      'POST /kv 400': () => one('POST', '/kv', { body: '{}' }),
      'POST /kv 401': () => anonymous('POST', '/kv'),
      'POST /kv 412': () => one('POST', '/kv', { body: writing }),
      'POST /kv 413': () => one('POST', '/kv', { body: writing.replace('VALUE', 'v'.repeat(101)) }),
      'GET /kv 200': () => one('GET', '/kv?prefix=a&limit=1'),
      'GET /kv 400': () => one('GET', '/kv?limit=0'),
      'GET /kv 401': () => anonymous('GET', '/kv'),
      'POST /leases 200': async () => {
        const granted = await one('POST', '/leases', { body: '{"ttlMs":60000}' });
        ({ id: lease } = JSON.parse(granted.text) as { id: number });
        return granted;
      },
      'POST /leases 400': () => one('POST', '/leases', { body: '{"ttlMs":1}' }),
      'POST /leases 401': () => anonymous('POST', '/leases'),
      'POST /leases 413': () => one('POST', '/leases', { body: ' '.repeat(5000) }),
      'POST /leases 422': async () => {
        const once = { 'Idempotency-Key': '"a-lease"' };
        await one('POST', '/leases', { body: '{"ttlMs":60000}', headers: once });
        return one('POST', '/leases', { body: '{"ttlMs":60001}', headers: once });
      },
      'POST /leases/{id}/keepalive 200': () => one('POST', `/leases/${lease}/keepalive`),
      'POST /leases/{id}/keepalive 400': () => one('POST', '/leases/x/keepalive'),
      'POST /leases/{id}/keepalive 401': () => anonymous('POST', '/leases/1/keepalive'),
      'POST /leases/{id}/keepalive 404': () => one('POST', '/leases/999999/keepalive'),
      'PUT /kv/{key} 404': () => one('PUT', '/kv/k?lease=999999', { body: 'v' }),
      'PUT /kv/{key} 409': () => {
        for (const { leases } of store.machines.values()) {
          for (let i = 0; i < MAX_LEASE_KEYS; i++) leases.attach(lease, `of-a-lease-${i}`);
        }
        return one('PUT', `/kv/one-more?lease=${lease}`, { body: 'v' });
      },
      'GET /leases/{id} 200': () => one('GET', `/leases/${lease}`),
      'GET /leases/{id} 400': () => one('GET', '/leases/x'),
      'GET /leases/{id} 401': () => anonymous('GET', '/leases/1'),
      'GET /leases/{id} 404': () => one('GET', '/leases/999999'),
      'POST /locks/{name} 200': () => one('POST', '/locks/a%2Fb', { body: `{"lease":${lease}}` }),
      'POST /locks/{name} 400': () => one('POST', '/locks/l', { body: '{"lease":"x"}' }),
      'POST /locks/{name} 401': () => anonymous('POST', '/locks/l'),
      'POST /locks/{name} 404': () => one('POST', '/locks/l', { body: '{"lease":999999}' }),
      'POST /locks/{name} 409': async () => {
        const { id } = JSON.parse((await one('POST', '/leases', { body: '{"ttlMs":60000}' })).text) as { id: number };
        return one('POST', '/locks/a%2Fb', { body: `{"lease":${id},"waitMs":10}` });
      },
      'POST /locks/{name} 413': () => one('POST', '/locks/l', { body: ' '.repeat(5000) }),
      'GET /locks/{name} 200': () => one('GET', '/locks/a%2Fb'),
      'GET /locks/{name} 400': () => one('GET', `/locks/${'x'.repeat(257)}`),
      'GET /locks/{name} 401': () => anonymous('GET', '/locks/l'),
      'GET /locks/{name} 404': () => one('GET', '/locks/none'),
      'DELETE /locks/{name} 200': () => one('DELETE', '/locks/a%2Fb?fence=1'),
      'DELETE /locks/{name} 400': () => one('DELETE', '/locks/l'),
      'DELETE /locks/{name} 401': () => anonymous('DELETE', '/locks/l?fence=1'),
      'DELETE /leases/{id} 200': () => one('DELETE', `/leases/${lease}`),
      'DELETE /leases/{id} 400': () => one('DELETE', '/leases/x'),
      'DELETE /leases/{id} 401': () => anonymous('DELETE', '/leases/1'),
      'DELETE /leases/{id} 404': () => one('DELETE', '/leases/999999'),
      'GET /watch 200': () => stream('/watch?prefix=a'),
      'GET /watch 400': () => one('GET', '/watch?from=x'),
      'GET /watch 401': () => anonymous('GET', '/watch'),
      'GET /watch 410': () => {
        for (const machine of store.machines.values()) machine.history.restart(5);
        return one('GET', '/watch?from=1');
      },
      'GET /snapshot 200': () => one('GET', '/snapshot'),
      'GET /snapshot 401': () => anonymous('GET', '/snapshot'),
      'GET /status 200': () => one('GET', '/status'),
      'GET /status 401': () => anonymous('GET', '/status'),
      'GET /digest 200': () => one('GET', '/digest'),
      'GET /digest 401': () => anonymous('GET', '/digest'),
      'GET /members 200': () => one('GET', '/members'),
      'GET /members 401': () => anonymous('GET', '/members'),
      'POST /members 200': () => one('POST', '/members', member(9)),
      'POST /members 400': () => one('POST', '/members', { body: '{}' }),
      'POST /members 401': () => anonymous('POST', '/members'),
      'POST /members 409': () => one('POST', '/members', member(1)),
      'POST /members 413': () => one('POST', '/members', { body: ' '.repeat(5000) }),
      'DELETE /members/{id} 200': () => one('DELETE', '/members/9'),
      'DELETE /members/{id} 400': () => one('DELETE', '/members/x'),
      'DELETE /members/{id} 401': () => anonymous('DELETE', '/members/9'),
      'DELETE /members/{id} 404': () => one('DELETE', '/members/77'),
      'DELETE /members/{id} 409': async () => {
        const alone = await kvCluster(1);
        const answer = await ask(alone.ports[0] as number, 'DELETE', '/members/1');
        await alone.stop();
        return answer;
      },
      'POST /leader 200': async () => one('POST', '/leader', { body: `{"id":${(await store.group.leader()).id}}` }),
      'POST /leader 400': () => one('POST', '/leader', { body: '{}' }),
      'POST /leader 401': () => anonymous('POST', '/leader'),
      'POST /leader 404': () => one('POST', '/leader', { body: '{"id":77}' }),
      'POST /leader 413': () => one('POST', '/leader', { body: ' '.repeat(5000) }),
      'GET /explain 200': () => one('GET', '/explain?index=1'),
      'GET /explain 400': () => one('GET', '/explain?index=x'),
      'GET /explain 401': () => anonymous('GET', '/explain'),
      'GET /metrics 200': () => one('GET', '/metrics'),
      'GET /metrics 401': () => anonymous('GET', '/metrics'),
      'GET /healthz 200': () => anonymous('GET', '/healthz'),
      'GET /readyz 200': () => anonymous('GET', '/readyz'),
    };
    /** With the leader, and a follower, each cut off from all others. */
    const parted: Readonly<Record<string, () => Promise<Answer>>> = {
      'PUT /kv/{key} 503': () => away('PUT', '/kv/k', { body: 'v' }),
      'PUT /kv/{key} 504': () => deposed('PUT', '/kv/k', { body: 'v' }),
      'POST /leases 503': () => away('POST', '/leases', { body: '{"ttlMs":1000}' }),
      'POST /leases 504': () => deposed('POST', '/leases', { body: '{"ttlMs":1000}' }),
      'GET /leases/{id} 503': () => away('GET', '/leases/1'),
      'GET /leases/{id} 504': () => deposed('GET', '/leases/1'),
      'DELETE /leases/{id} 503': () => away('DELETE', '/leases/1'),
      'DELETE /leases/{id} 504': () => deposed('DELETE', '/leases/1'),
      'POST /leases/{id}/keepalive 503': () => away('POST', '/leases/1/keepalive'),
      'POST /leases/{id}/keepalive 504': () => deposed('POST', '/leases/1/keepalive'),
      'GET /locks/{name} 503': () => away('GET', '/locks/l'),
      'GET /locks/{name} 504': () => deposed('GET', '/locks/l'),
      'POST /locks/{name} 503': () => away('POST', '/locks/l', { body: '{"lease":1}' }),
      'POST /locks/{name} 504': () => deposed('POST', '/locks/l', { body: '{"lease":1}' }),
      'DELETE /locks/{name} 503': () => away('DELETE', '/locks/l?fence=1'),
      'DELETE /locks/{name} 504': () => deposed('DELETE', '/locks/l?fence=1'),
      'GET /kv/{key} 503': () => away('GET', '/kv/k'),
      'GET /kv/{key} 504': () => deposed('GET', '/kv/k'),
      'DELETE /kv/{key} 503': () => away('DELETE', '/kv/k'),
      'DELETE /kv/{key} 504': () => deposed('DELETE', '/kv/k'),
      'POST /kv 503': () => away('POST', '/kv', { body: writing }),
      'POST /kv 504': () => deposed('POST', '/kv', { body: writing, ...keyed('lost') }),
      'GET /kv 503': () => away('GET', '/kv'),
      'GET /kv 504': () => deposed('GET', '/kv'),
      'GET /watch 503': () => away('GET', '/watch'),
      'GET /watch 504': () => deposed('GET', '/watch'),
      'GET /snapshot 503': () => away('GET', '/snapshot'),
      'GET /snapshot 504': () => deposed('GET', '/snapshot'),
      'POST /members 503': () => away('POST', '/members', member(8)),
      'DELETE /members/{id} 503': () => away('DELETE', '/members/2'),
      'POST /leader 503': () => away('POST', '/leader', { body: '{"id":2}' }),
      'GET /readyz 503': () => ask(at.follower, 'GET', '/readyz'),
      'GET /healthz 503': async () => {
        await store.group.kill(BigInt(store.ports.indexOf(at.ended) + 1));
        return ask(at.ended, 'GET', '/healthz');
      },
    };
    /** What cannot be provoked at will: the change is in the leader's log, and is not applied in time. */
    const unprovoked = ['POST /members 504', 'DELETE /members/{id} 504'];

    const described = new Map<string, Described>();
    for (const [path, item] of Object.entries(document.paths)) {
      for (const method of METHODS) {
        for (const [status, response] of Object.entries(item[method]?.responses ?? {})) {
          if (status !== 'default')
            described.set(`${method.toUpperCase()} ${path} ${status}`, resolved(response) as Described);
        }
      }
    }

    const provoke = async (what: string, ask: () => Promise<Answer>): Promise<void> => {
      const answer = await ask();
      expect(answer.status, `${what}: ${answer.text}`).to.equal(Number(what.split(' ')[2]));
      check(what, described.get(what) as Described, answer);
    };

    it('every one is tried', () => {
      expect([...Object.keys(whole), ...Object.keys(parted), ...unprovoked].sort()).to.deep.equal(
        [...described.keys()].sort(),
      );
    });

    it('while all members are there', async () => {
      for (const [what, ask] of Object.entries(whole)) await provoke(what, ask);
    });

    it('while some are cut off', async () => {
      const idOf = (port: number): bigint => BigInt(store.ports.indexOf(port) + 1);
      const leads = (port: number): boolean => store.group.replica(idOf(port)).leadership.leading;
      do {
        store.group.mend();
        await choose();
        store.group.isolate(idOf(at.leader));
        store.group.isolate(idOf(at.follower));
        const lost = store.group.replica(idOf(at.follower));
        while (lost.leadership.leader !== 0n) await new Promise(setImmediate);
        // A vote that was on its way may have deposed it.
      } while (!leads(at.leader));
      await Promise.all(Object.entries(parted).map(([what, ask]) => provoke(what, ask)));
    });
  });
});
