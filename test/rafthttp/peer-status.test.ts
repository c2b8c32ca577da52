import { setTimeout } from 'node:timers/promises';
import { PeerStatus } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import {
  eventually,
  exchangeRaw,
  introduce,
  openStreams,
  quick,
  Recorder,
  requestHead,
  startMember,
  stopAll,
} from './members.js';
import { contextOf, warnings } from './recorded-context.js';

describe('PeerStatus', () => {
  it('tells changes alone', () => {
    const receiver = new Recorder();
    const counts = { active: 0 };
    const metrics = { peerActive: () => counts.active++, peerInactive: () => counts.active-- };
    const status = new PeerStatus(2n, contextOf(receiver).logger, metrics as never);
    const failure = { action: 'write', source: 'pipeline', error: 'why' } as const;
    for (let round = 1; round <= 2; round++) {
      status.activate();
      const { activeSince } = status;
      status.activate();
      expect(status.activeSince).to.equal(activeSince).and.be.instanceOf(Date);
      expect(counts.active).to.equal(1);
      status.deactivate(failure);
      status.deactivate(failure);
      expect(status.activeSince).to.equal(undefined);
      expect(counts.active).to.equal(0);
      expect(warnings(receiver)).to.have.length(round);
    }
  });

  it('warns of another reason once it has stayed for a while, each once, and again after it has answered', () => {
    const receiver = new Recorder();
    let now = 0;
    const warn = (text: string, fields: unknown) => receiver.log.push(`warn ${text} ${JSON.stringify(fields)}`);
    const status = new PeerStatus(2n, { ...contextOf(receiver).logger, warn }, undefined, () => now);
    const fail = (error: string): number => {
      status.deactivate({ action: 'dial', source: 'stream Message', error });
      return warnings(receiver).length;
    };
    for (const first of [0, 4]) {
      status.activate();
      expect(fail('refused'), 'the loss').to.equal(first + 1);
      now += 60_000;
      expect(fail('refused'), 'the reason that was told').to.equal(first + 1);
      expect(fail('reset'), 'passes').to.equal(first + 1);
      now += 1_999;
      expect(fail('reset'), 'has not stayed yet').to.equal(first + 1);
      now += 1;
      expect(fail('reset'), 'has stayed').to.equal(first + 2);
      expect(fail('its certificate has another name'), 'passes').to.equal(first + 2);
      now += 2_000;
      expect(fail('expired'), 'another one in between').to.equal(first + 2);
      expect(fail('its certificate has another name'), 'begins anew').to.equal(first + 2);
      now += 2_000;
      expect(fail('its certificate has another name'), 'has stayed').to.equal(first + 3);
      now += 60_000;
      expect(fail('reset') + fail('refused'), 'told before').to.equal(2 * (first + 3));
      fail('expired');
      now += 2_000;
      fail('expired');
    }
    expect(warnings(receiver)[2]).to.equal(
      'warn peer is still inactive, now for another reason {"peer-id":"2","error":"failed to dial 2 on stream Message (its certificate has another name)"}',
    );
  });

  it('tells eight reasons of one loss', () => {
    const receiver = new Recorder();
    let now = 0;
    const status = new PeerStatus(2n, contextOf(receiver).logger, undefined, () => now);
    status.activate();
    for (let n = 0; n < 100; n++) {
      status.deactivate({ action: 'dial', source: 'pipeline', error: `why ${n}` });
      now += 2_000;
      status.deactivate({ action: 'dial', source: 'pipeline', error: `why ${n}` });
    }
    expect(warnings(receiver)).to.have.length(8);
  });

  it('warns of no loss while a peer settles, and then of one that does not answer', async () => {
    const failure = { action: 'dial', source: 'pipeline', error: 'refused' } as const;
    for (const answers of [true, false]) {
      const receiver = new Recorder();
      const status = new PeerStatus(2n, contextOf(receiver).logger, undefined);
      status.settleFor(20);
      status.activate();
      status.deactivate(failure);
      status.lost('lost a stream', {});
      expect(warnings(receiver)).to.deep.equal([]);
      if (answers) status.activate();
      await setTimeout(40);
      status.lost('lost a stream', {});
      const late = 'peer has not become active 20 ms after it was added';
      const said = warnings(receiver).map((line) => line.split(' {', 1)[0]);
      expect(said).to.deep.equal([...(answers ? [] : [`warn ${late}`]), 'warn lost a stream']);
    }
  });
});

describe('a start', () => {
  afterEach(stopAll);

  it('of members that do not find each other at once warns of nothing, unless it lasts', async () => {
    // For as long as it takes them to find each other.
    const a = await startMember(1n, { timings: { ...quick, settleMs: 60_000 } });
    const b = await startMember(2n);
    // One does not know the other yet, and streams come and go.
    await exchangeRaw(a.listener.address.port, requestHead('GET', '/raft/stream/message/2', 2n, { 'X-Raft-To': '1' }));
    introduce(a, [b]);
    introduce(b, [a]);
    await eventually('they talk', () => openStreams(a) === 2 && openStreams(b) === 2);
    await b.transport.stop();
    await eventually('it is lost', () => a.receiver.log.some((line) => line.includes('lost TCP')));
    expect(warnings(a.receiver)).to.deep.equal([]);
    const unknown = a.receiver.log.filter((line) => line.startsWith('info failed to find remote peer'));
    expect(unknown).to.have.length(1);

    const alone = await startMember(1n, { timings: { ...quick, settleMs: 30 } });
    alone.transport.addPeer(2n, ['http://127.0.0.1:1']);
    await eventually('it lasts', () =>
      warnings(alone.receiver).some((line) => line.includes('not become active 30 ms')),
    );
  });
});
