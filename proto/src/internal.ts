/** For tests and sibling packages: no promise of compatibility. */
export { LARGEST_PIECE, SLAB_SIZE } from './slab.js';
