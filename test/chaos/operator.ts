/** Who changes the cluster while it is under load and faults: adds, removes and replaces members, moves leadership. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, ask } from './ask.js';
import type { Cluster, Member } from './cluster.js';
import type { Random } from './faults.js';

interface Configuration {
  readonly members: Readonly<Record<string, string>>;
  readonly voters: readonly number[];
}

export class Operator {
  /** Changes that were carried out. */
  added = 0;
  removed = 0;
  transfers = 0;
  /** What it is about, for who waits for it. */
  doing = '';
  private readonly cluster: Cluster;
  private readonly random: Random;
  private readonly tell: (text: string) => void;

  constructor(cluster: Cluster, random: Random, tell: (text: string) => void) {
    this.cluster = cluster;
    this.random = random;
    this.tell = tell;
  }

  /** Moves leadership in some of the pauses between faults, while it can succeed. */
  transferPerhaps(): void {
    if (this.random(3) === 0) void this.transfer();
  }

  /** Asks for it once, whatever comes of it. */
  async transfer(): Promise<void> {
    const { present } = this.cluster;
    const to = this.pick(present);
    const answer = await ask(this.pick(present), 'POST', '/leader', {
      body: JSON.stringify({ id: to.id }),
    });
    if (typeof answer === 'object' && answer.status === 200) this.transfers++;
  }

  /** Adds a member, and removes one, in either order. Goes on until both are done. */
  async replace(): Promise<void> {
    const spare = this.cluster.members.find(({ phase }) => phase === 'spare');
    if (spare === undefined) return;
    const leaves = this.pick(this.cluster.present);
    const steps = [() => this.add(spare), () => this.remove(leaves)];
    if (this.random(2) === 0) steps.reverse();
    for (const step of steps) await step();
    this.doing = '';
  }

  private pick(members: readonly Member[]): Member {
    return members[this.random(members.length)] as Member;
  }

  private async add(member: Member): Promise<void> {
    const { cluster } = this;
    this.doing = `add ${member.id}`;
    const body = JSON.stringify({ id: member.id, url: cluster.urlOf(member) });
    // Asked for again until it votes: whoever was asked may have been killed while it waited for the new member.
    for (;;) {
      await this.askAny('POST', '/members', body);
      const found = await this.configuration();
      if (found?.members[String(member.id)] === undefined) continue;
      if (member.phase === 'spare') {
        member.phase = 'member';
        await cluster.launch(member);
      }
      if (await this.votesSoon(member)) break;
    }
    this.added++;
    this.tell(`member ${member.id} was added`);
  }

  private async votesSoon({ id }: Member): Promise<boolean> {
    for (let i = 0; i < 10; i++) {
      if ((await this.configuration())?.voters.includes(id) === true) return true;
      await sleep(300);
    }
    return false;
  }

  private async remove(member: Member): Promise<void> {
    this.doing = `remove ${member.id}`;
    member.phase = 'leaving';
    for (;;) {
      const answer = await this.askAny('DELETE', `/members/${member.id}`);
      if (answer?.status !== 200 && answer?.status !== 404) continue;
      // One that lags does not know a member that was just added.
      const found = await this.configuration();
      if (found !== undefined && found.members[String(member.id)] === undefined) break;
    }
    this.removed++;
    this.tell(`member ${member.id} was removed`);
    await this.retire(member);
  }

  /** It ends by itself once it hears of its removal; one that is dead, frozen or cut off is not waited for. */
  private async retire(member: Member): Promise<void> {
    for (let i = 0; i < 20 && this.cluster.runs(member); i++) await sleep(250);
    if (this.cluster.runs(member)) await this.cluster.kill(member, 'SIGKILL');
    member.phase = 'gone';
  }

  /** Asks one member; waits a little if that was of no use. */
  private async askAny(method: string, path: string, body?: string): Promise<Answer | undefined> {
    const answer = await ask(this.pick(this.cluster.present), method, path, { body });
    if (typeof answer === 'object' && answer.status < 500) return answer;
    await sleep(200);
    return undefined;
  }

  /** As one member sees it, which may lag. */
  private async configuration(): Promise<Configuration | undefined> {
    const answer = await this.askAny('GET', '/members');
    return answer?.status === 200 ? (JSON.parse(answer.body) as Configuration) : undefined;
  }
}
