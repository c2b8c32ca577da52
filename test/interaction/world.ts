import type { Message } from '@raft-ts/raft';
import { assertInvariants, validateIncoming } from '@raft-ts/raft/internal';
import { type Directive, ScriptAbort } from '../datadriven/directive.js';
import { firstId, listedIds } from './arguments.js';
import { hasCode, isPrintable } from './errors.js';
import { OutputBuffer } from './output.js';
import type { ScriptNode } from './script-node.js';

/** What a script's commands act on: nodes, the messages under way between them, and what commands print. */
export class World {
  readonly nodes: ScriptNode[] = [];
  /** Messages under way, oldest first. */
  messages: Message[] = [];
  readonly output: OutputBuffer = new OutputBuffer();

  /** The node with this id, which is its number in the order of creation. */
  node(id: number): ScriptNode {
    const node = this.nodes[id - 1];
    if (node === undefined) {
      throw new ScriptAbort(`there is no node ${id} among the ${this.nodes.length} nodes (index out of range)`);
    }
    return node;
  }

  /** The node that the first argument names. */
  firstNode(directive: Directive): ScriptNode {
    return this.node(firstId(directive));
  }

  /** The nodes that the arguments without a value name. */
  listedNodes(directive: Directive): ScriptNode[] {
    return listedIds(directive).map((id) => this.node(id));
  }

  /** Hands a message to a node as etcd's harness does; an error that it prints is printed. */
  step({ rawNode, config }: ScriptNode, message: Message): void {
    const refused = validateIncoming(rawNode.raft, message, config.asyncStorageWrites ?? false) !== undefined;
    try {
      rawNode.step(message);
    } catch (error) {
      if (isPrintable(error)) {
        this.output.write(`${error.message}\n`);
        return;
      }
      if (!hasCode(error, 'ERR_RAFT_MESSAGE_INVALID') && !hasCode(error, 'ERR_RAFT_CONF_CHANGE_REFUSED')) {
        throw error;
      }
    }
    if (refused) {
      // etcd has no gate before its core, which takes the message, and ignores it or panics.
      rawNode.raft.step(message);
    }
    assertInvariants(rawNode.raft);
  }
}
