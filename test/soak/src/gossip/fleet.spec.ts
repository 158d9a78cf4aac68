import { type Duration, seconds, toSeconds } from '@keepfleet/machine';
import type { SwimOutput } from '@keepfleet/swim';
import { describe, expect, it } from 'vitest';
import { Fleet, detectionBound, endpointOf } from './fleet.ts';

// Virtual time, but much of it: a busy machine takes more than the usual 5 s of the real one.
describe('a fleet', () => {
  it.each([3, 5, 32])('of %i members is complete within seconds of its start', (n) => {
    const fleet = new Fleet().grow(n);
    expect(fleet.settle(seconds(5))).toBe(true);
    expect(
      fleet.machines
        .get('n1')
        ?.snapshot()
        .members.find((member) => member.name === 'n0')?.tags,
    ).toEqual({
      role: 'agent',
    });
  });

  it.each([3, 5, 32])('of %i members sees one killed as failed, everywhere, within the bound', (n) => {
    for (const seed of [1, 2, 3]) {
      const fleet = new Fleet({ seed }).grow(n);
      expect(fleet.settle(seconds(5))).toBe(true);
      const killedAt = fleet.lan.now;
      fleet.kill('n1');
      const failed = () => fleet.names.every((name) => fleet.view(name)['n1'] === 'failed');
      expect(fleet.until(failed, detectionBound(n)), `seed ${seed}`).toBe(true);
      const last = fleet.changes('failed', 'n1').at(-1);
      expect(toSeconds(((last?.at ?? 0) - killedAt) as Duration)).toBeLessThan(toSeconds(detectionBound(n)));
      expect(fleet.seen.filter((one) => one.change === 'failed' && one.name !== 'n1')).toEqual([]);
    }
  });

  it('of 100 members sees a new tag everywhere within two seconds', () => {
    const fleet = new Fleet().grow(100);
    expect(fleet.settle(seconds(20))).toBe(true);
    for (let round = 0; round < 3; round++) {
      fleet.lan.run(seconds(2));
      fleet.seen.length = 0;
      fleet.lan.input(`n${round * 7}`, { kind: 'set-tags', tags: { role: 'agent', round: String(round) } });
      const told = () => fleet.changes('updated', `n${round * 7}`).length === 100;
      expect(fleet.until(told, seconds(2)), `round ${round}`).toBe(true);
    }
  });

  it('of two survivors waits for no confirmation that nobody can give', () => {
    const fleet = new Fleet().grow(8);
    expect(fleet.settle(seconds(5))).toBe(true);
    for (const name of ['n2', 'n3', 'n4', 'n5', 'n6']) fleet.lan.input(name, { kind: 'leave' });
    fleet.lan.run(seconds(10));
    for (const name of ['n2', 'n3', 'n4', 'n5', 'n6']) fleet.kill(name);
    const killedAt = fleet.lan.now;
    fleet.kill('n7');
    expect(fleet.until(() => fleet.changes('failed', 'n7').length === 2, seconds(9))).toBe(true);
    expect(fleet.lan.now - killedAt).toBeLessThan(seconds(9));
  });

  it('sees a member that leaves as left, and never as failed', () => {
    const fleet = new Fleet().grow(5);
    expect(fleet.settle(seconds(5))).toBe(true);
    fleet.lan.input('n3', { kind: 'leave' });
    expect(fleet.until(() => fleet.departed.includes('n3'), seconds(12))).toBe(true);
    fleet.kill('n3');
    fleet.lan.run(seconds(60));
    for (const name of fleet.names) expect(fleet.view(name)['n3']).toBe('left');
    expect(fleet.changes('failed', 'n3')).toEqual([]);
    expect(fleet.changes('suspected', 'n3')).toEqual([]);
  });

  it('takes back a member that left or was killed and starts again', () => {
    const fleet = new Fleet().grow(4);
    expect(fleet.settle(seconds(5))).toBe(true);
    fleet.lan.input('n3', { kind: 'leave' });
    fleet.lan.run(seconds(10));
    fleet.kill('n3');
    fleet.kill('n2');
    fleet.lan.run(seconds(3));
    fleet.add('n3', 3);
    fleet.add('n2', 2);
    expect(fleet.settle(seconds(20))).toBe(true);
    fleet.lan.run(seconds(90));
    expect(fleet.agree(fleet.names)).toBe(true);
  });

  it('comes together again after a partition, whichever side the seeds are on', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const fleet = new Fleet({ seed }).grow(5);
      expect(fleet.settle(seconds(5))).toBe(true);
      fleet.partition(['n0', 'n1'], ['n2', 'n3', 'n4']);
      fleet.lan.run(seconds(120));
      expect(fleet.view('n0')).toEqual({ n0: 'alive', n1: 'alive', n2: 'failed', n3: 'failed', n4: 'failed' });
      expect(fleet.view('n3')).toEqual({ n0: 'failed', n1: 'failed', n2: 'alive', n3: 'alive', n4: 'alive' });
      fleet.heal();
      expect(fleet.settle(seconds(60)), `seed ${seed}`).toBe(true);
    }
  });

  it('finds a seed that starts later', () => {
    const fleet = new Fleet();
    fleet.add('n1', 1);
    fleet.add('n2', 2);
    fleet.lan.run(seconds(20));
    fleet.add('n0', 0);
    expect(fleet.settle(seconds(31))).toBe(true);
  });

  it('asks an absent seed on though another member has found it meanwhile', () => {
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const fleet = new Fleet({ seed });
      fleet.add('n1', 1);
      fleet.add('n2', 2, { seeds: [endpointOf(1)] });
      fleet.lan.run(seconds(0.5));
      expect(fleet.agree(['n1', 'n2']), `seed ${seed}: n2 finds n1`).toBe(true);
      fleet.add('n0', 0);
      expect(fleet.settle(seconds(5)), `seed ${seed}: n1 finds n0`).toBe(true);
    }
  });

  it('declares nobody dead at 5 % loss', () => {
    for (let seed = 1; seed <= 8; seed++) {
      const fleet = new Fleet({ seed, loss: 0.05 }).grow(8);
      fleet.lan.run(seconds(300));
      expect(
        fleet.seen.filter((one) => one.change === 'failed'),
        `seed ${seed}`,
      ).toEqual([]);
      expect(fleet.settle(seconds(5)), `seed ${seed}`).toBe(true);
    }
  });

  it('keeps a member whose UDP is blocked, and says so', () => {
    const fleet = new Fleet().grow(3);
    expect(fleet.settle(seconds(5))).toBe(true);
    fleet.lan.lose(1);
    fleet.lan.run(seconds(60));
    expect(fleet.seen.filter((one) => one.change === 'failed')).toEqual([]);
    expect(fleet.problems.some(({ problem }) => problem.kind === 'udp-blocked')).toBe(true);
  });

  it('tells new tags, user events and nothing twice', () => {
    const fleet = new Fleet().grow(6);
    expect(fleet.settle(seconds(5))).toBe(true);
    const events: string[] = [];
    const heard = (name: string, output: SwimOutput) => {
      if (output.kind === 'user-event') events.push(`${name} ${output.name} ${output.payload}`);
    };
    for (const [name, machine] of fleet.machines) {
      const handle = machine.handle.bind(machine);
      machine.handle = (input, now) => {
        const outputs = handle(input, now);
        for (const output of outputs) heard(name, output);
        return outputs;
      };
    }
    fleet.lan.input('n2', { kind: 'set-tags', tags: { role: 'agent', drained: 'yes' } });
    fleet.lan.input('n4', { kind: 'raise', name: 'owner', payload: 'beef', coalesce: true });
    fleet.lan.run(seconds(40));
    expect(events.sort()).toEqual(fleet.names.map((name) => `${name} owner beef`));
    for (const name of fleet.names) {
      const member = fleet.machines
        .get(name)
        ?.snapshot()
        .members.find((one) => one.name === 'n2');
      expect(member?.tags).toEqual({ role: 'agent', drained: 'yes' });
    }
    expect(
      fleet
        .changes('updated', 'n2')
        .map((one) => one.observer)
        .sort(),
    ).toEqual(fleet.names);
  });
});
