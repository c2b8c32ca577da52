/** For tests and sibling packages: no promise of compatibility. */
export { MESSAGE_SLAB_SIZE, SLAB_SIZE } from './slab.js';
