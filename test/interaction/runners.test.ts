import { expect } from 'chai';
import { abortOf, lastOutput } from './play.js';

describe('quorum runner', () => {
  const outputs: [command: string, output: string][] = [
    ['committed', '<empty majority quorum>∞\n'],
    ['committed cfgj=zero', '<empty majority quorum>∞\n'],
    ['vote', 'VoteWon\n'],
    ['committed cfg=(1) bar idx=(3)', '     idx\n>      3    (id=1)\n3\n'],
    ['committed cfg=(1) cfgj idx=(1)', '     idx\n>      1    (id=1)\n1\n'],
    ['committed cfg=(1,1) idx=(3)', '     idx\n>      3    (id=1)\n3\n'],
    ['committed cfg=(0) idx=(3)', '     idx\n>      3    (id=0)\n3\n'],
    ['committed cfg=(1) idx=(3) votes=(y,n)', '     idx\n>      3    (id=1)\n3\n'],
    ['committed cfg=(1) cfg=(2) idx=(3,4)', '      idx\n>       3    (id=1)\nx>      4    (id=2)\n3\n'],
    ['committed cfg=(10,11) cfgj=(10) idx=(3,_)', '      idx\nx>      3    (id=a)\n?       0    (id=b)\n0\n'],
    [
      'committed cfg=(1,2,3) idx=(100000000,2,3)\ninput',
      '       idx\nxx>  100000000    (id=1)\n>        2    (id=2)\nx>       3    (id=3)\n3\n',
    ],
    ['vote cfg=(1) votes=(y) idx=(3,4)', 'VoteWon\n'],
    ['vote cfg=(1,2,3) cfgj=(3,4) votes=(y,y,_,n)', 'VoteLost\n'],
    ['committed cfg=(1,2) idx=(1)', 'error: mismatched input (explicit or _) for voters map[1:{} 2:{}]: [1]\n'],
    ['committed cfg=(1) idx=(5,_)', 'error: mismatched input (explicit or _) for voters map[1:{}]: [5 0]\n'],
    ['committed cfg=(1) cfgj=(2) idx=(1)', 'error: mismatched input (explicit or _) for voters map[1:{} 2:{}]: [1]\n'],
    ['committed idx=(1,2)', 'error: mismatched input (explicit or _) for voters map[]: [1 2]\n'],
    ['vote cfg=(1) votes=(n,y,_)', 'error: mismatched input (explicit or _) for voters map[1:{}]: [1 2 0]\n'],
    ['vote cfg=(1) idx=(3)', 'error: mismatched input (explicit or _) for voters map[1:{}]: []\n'],
    ['foo cfg=(1) votes=(y)', 'error: mismatched input (explicit or _) for voters map[1:{}]: []\n'],
  ];
  for (const [command, output] of outputs) {
    it(`answers ${JSON.stringify(command)}`, () => {
      expect(lastOutput([command], 'quorum')).to.equal(output);
    });
  }

  const aborts: [command: string, reason: RegExp][] = [
    ['foo', /unknown command: foo/],
    ['foo cfg=(1) idx=(1)', /unknown command: foo/],
    ['committed cfg=(1) foo=(2) idx=(3)', /unknown arg foo/],
    ['committed cfg=(1) idx=(0)', /0 is not allowed/],
    ['committed cfg=(1) idx=(x)', /strconv\.ParseUint: parsing "x"/],
    ['committed cfg=() idx=(1)', /strconv\.ParseUint: parsing ""/],
    ['committed cfg=zero idx=()', /strconv\.ParseUint: parsing "zero"/],
    ['committed cfg=(1,2) cfgj=(2,zero) idx=(3,4)', /zero must be the only value/],
    ['committed cfg=(1) idx=(18446744073709551616)', /value out of range/],
    ['committed cfg=(1) idx=(18446744073709551615)', /above 2\^53 - 1/],
    ['vote cfg=(1) votes=(Y)', /unknown vote: Y/],
    ['vote cfg=(1) votes=()', /unknown vote: $/],
  ];
  for (const [command, reason] of aborts) {
    it(`ends the script at ${JSON.stringify(command)}`, () => {
      expect(abortOf([command], 'quorum')).to.match(reason);
    });
  }
});

describe('confchange runner', () => {
  const one = 'voters=(1)\n1: StateProbe match=0 next=1\n';
  const joint = 'voters=(1 2)&&(1)';
  const outputs: [commands: string[], output: string][] = [
    [['simple'], 'removed all voters\n'],
    [['foo'], 'unknown command\n'],
    [['foo\nq'], 'unknown token q\n'],
    [['simple\nxx'], 'unknown input: xx\n'],
    [['simple\nv1  v2'], 'unknown token \n'],
    [['simple\nv1\nv2'], 'strconv.ParseUint: parsing "1\\nv2": invalid syntax\n'],
    [['simple autoleave=true\nv1'], one],
    [['simple\n\nv1 '], one],
    [['leave-joint\nv1'], 'this command takes no input\n'],
    [['leave-joint foo=bar'], "can't leave a non-joint config\n"],
    [
      ['simple\nv1', 'enter-joint autoleave=1 autoleave=f\nv2'],
      `${joint} autoleave\n1: StateProbe match=0 next=1\n2: StateProbe match=0 next=1\n`,
    ],
    [['simple\nv1', 'enter-joint\nv2'], `${joint}\n1: StateProbe match=0 next=1\n2: StateProbe match=0 next=1\n`],
    [['simple\nv1', 'enter-joint autoleave=x\nzz'], 'unknown input: zz\n'],
    // Every command counts for where new members start, whether it worked or not.
    [
      ['foo\nv1', 'simple\nv1', 'simple\nv1\nv', 'leave-joint\nv3', 'leave-joint', 'simple\nv2'],
      'voters=(1 2)\n1: StateProbe match=0 next=1\n2: StateProbe match=0 next=5\n',
    ],
    [['simple\nl1', 'simple\nv1', 'simple\nr1', 'simple\nv1'], 'voters=(1)\n1: StateProbe match=0 next=1\n'],
  ];
  for (const [commands, output] of outputs) {
    it(`answers ${JSON.stringify(commands.join('; '))}`, () => {
      expect(lastOutput(commands, 'confchange')).to.equal(output);
    });
  }

  const aborts: [argument: string, reason: string][] = [
    ['autoleave', 'autoleave: got 1 destinations, but 0 values'],
    ['autoleave=(true,false)', 'autoleave: got 1 destinations, but 2 values'],
    ['autoleave=x', 'autoleave: failed to scan argument 0: strconv.ParseBool: parsing "x": invalid syntax'],
    ['foo', 'missing argument: autoleave'],
    ['foo=bar', 'missing argument: autoleave'],
  ];
  for (const [argument, reason] of aborts) {
    it(`ends the script at enter-joint ${argument}`, () => {
      expect(abortOf(['simple\nv1', `enter-joint ${argument}\nv2`], 'confchange')).to.equal(reason);
    });
  }
});
