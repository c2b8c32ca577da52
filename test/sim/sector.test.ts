import { SECTOR_SIZE } from '@raft-ts/raftwal/internal';
import { type Sector, ZERO_SECTOR } from '@raft-ts/sim/disk';
import { expect } from 'chai';
import fc from 'fast-check';

interface Write {
  readonly bytes: Uint8Array;
  readonly offset: number;
}

/** Often zeros, often a few bytes at an end: where a comparison that stops too early does harm. */
const write: fc.Arbitrary<Write> = fc
  .tuple(fc.constantFrom(0, 1, 8, SECTOR_SIZE - 1), fc.constantFrom(1, 4, 100, SECTOR_SIZE), fc.constantFrom(0, 0, 7))
  .map(([offset, length, byte]) => ({
    offset,
    bytes: new Uint8Array(Math.min(length, SECTOR_SIZE - offset)).fill(byte),
  }));
const writes = fc.array(write, { maxLength: 4 });

function made(by: readonly Write[]): { sector: Sector; plain: Buffer } {
  let sector = ZERO_SECTOR;
  const plain = Buffer.alloc(SECTOR_SIZE);
  for (const { bytes, offset } of by) {
    sector = sector.with(bytes, offset);
    plain.set(bytes, offset);
  }
  return { sector, plain };
}

describe('a sector of a simulated disk', () => {
  it('holds what was written to it, and the one before is as it was', () => {
    fc.assert(
      fc.property(writes, write, (before, { bytes, offset }) => {
        const { sector, plain } = made(before);
        const next = sector.with(bytes, offset);
        expect(Buffer.from(sector.bytes).equals(plain)).to.equal(true);
        plain.set(bytes, offset);
        expect(Buffer.from(next.bytes).equals(plain)).to.equal(true);
      }),
    );
  });

  it('equals another one that has the same bytes, and only that; then their hashes are the same too', () => {
    fc.assert(
      fc.property(writes, writes, (first, second) => {
        const [one, other] = [made(first), made(second)];
        expect(one.sector.equals(other.sector)).to.equal(one.plain.equals(other.plain));
        expect(one.sector.hash === other.sector.hash).to.equal(one.plain.equals(other.plain));
      }),
    );
  });

  it('has a head, with zeros in the place of the rest', () => {
    fc.assert(
      fc.property(writes, fc.constantFrom(0, 1, 2, 8, 104, SECTOR_SIZE - 1), (by, length) => {
        const { sector, plain } = made(by);
        expect(Buffer.from(sector.head(length).bytes).equals(plain.fill(0, length))).to.equal(true);
      }),
    );
  });
});
