import { setImmediate } from 'node:timers/promises';
import { vouched } from '@raft-ts/replica/internal';
import { expect } from 'chai';

const bytes = (...numbers: number[]): Uint8Array => Uint8Array.from(numbers);
const chunks = [bytes(1), bytes(2), bytes(3)];

/** Whatever can happen without the clock has happened. */
const settled = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await setImmediate();
};

class Source {
  read = 0;
  released = false;
  failure: Error | undefined;

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    try {
      for (const chunk of chunks) {
        this.read++;
        yield chunk;
      }
      if (this.failure !== undefined) throw this.failure;
    } finally {
      this.released = true;
    }
  }
}

describe('replica: chunks that are checked on their way', () => {
  it('are those of the source, and the check sees all of them', async () => {
    const seen: Uint8Array[] = [];
    const got = vouched(new Source(), async (read) => {
      for await (const chunk of read) seen.push(chunk);
    });
    const all: Uint8Array[] = [];
    for await (const chunk of got) all.push(chunk);
    expect(all).to.deep.equal(chunks);
    expect(seen).to.deep.equal(chunks);
  });

  it('come as soon as they are checked, but for the last, which waits for the verdict', async () => {
    let decide = (): void => {};
    const decided = new Promise<void>((resolve) => {
      decide = resolve;
    });
    const all: Uint8Array[] = [];
    const reading = (async () => {
      const got = vouched(new Source(), async (read) => {
        for await (const _ of read);
        await decided;
      });
      for await (const chunk of got) all.push(chunk);
    })();
    await settled();
    expect(all).to.deep.equal(chunks.slice(0, 2));
    decide();
    await reading;
    expect(all).to.deep.equal(chunks);
  });

  for (const at of [0, 1, 2, 3]) {
    it(`do not come to their end if the check throws after ${at} of them`, async () => {
      const source = new Source();
      const got = vouched(source, async (read) => {
        let count = 0;
        if (at === 0) throw new Error('damaged');
        for await (const _ of read) if (++count === at) throw new Error('damaged');
      });
      const all: Uint8Array[] = [];
      const error: unknown = await (async () => {
        for await (const chunk of got) all.push(chunk);
      })().catch((caught: unknown) => caught);
      expect(error).to.have.property('message', 'damaged');
      expect(all.length).to.be.below(chunks.length);
      expect(source.released).to.equal(true);
    });
  }

  it('wait for no check that has read enough', async () => {
    const got = vouched(new Source(), async (read) => {
      for await (const _ of read) break;
    });
    const all: Uint8Array[] = [];
    for await (const chunk of got) all.push(chunk);
    expect(all).to.deep.equal(chunks);
  });

  it('are not read ahead of the check by more than two', async () => {
    const source = new Source();
    const got = vouched(source, async (read) => {
      await read[Symbol.asyncIterator]().next();
      await new Promise<never>(() => {});
    });
    void got.next();
    await settled();
    expect(source.read).to.be.within(1, 2);
  });

  it('are let go of, and the check ends, when nobody reads on', async () => {
    const source = new Source();
    let ended = false;
    const got = vouched(source, async (read) => {
      for await (const _ of read);
      ended = true;
      throw new Error('cut short');
    });
    expect((await got.next()).value).to.deep.equal(chunks[0]);
    await got.return();
    await settled();
    expect(source.released).to.equal(true);
    expect(ended).to.equal(true);
  });

  it('fail with what the source throws, and the check ends', async () => {
    const source = new Source();
    source.failure = new Error('EIO');
    let ended = false;
    const got = vouched(source, async (read) => {
      for await (const _ of read);
      ended = true;
    });
    const error: unknown = await (async () => {
      for await (const _ of got);
    })().catch((caught: unknown) => caught);
    await settled();
    expect(error).to.equal(source.failure);
    expect(ended).to.equal(true);
  });
});
