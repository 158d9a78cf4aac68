import { seconds } from '@keepfleet/machine';
import { waitFor } from '@keepfleet/testkit';
import type { WeightEffect } from '@keepfleet/ipvs';
import { describe, expect, it } from 'vitest';
import type { SharedCheck } from './health-checks.ts';
import { Patient } from './patient.ts';

const none: WeightEffect = { replaced: null, added: 0, share: 1 };

/** A check that is what it is set to. */
class Check {
  up = true;
  effect = none;
  readonly shared: SharedCheck;

  constructor() {
    const driver = {
      status: { up: true, ran: true, lastResult: null, failures: 0, since: 0 },
      effect: this.effect,
      start() {},
      stop() {},
    };
    Object.defineProperty(driver.status, 'up', { get: () => this.up });
    Object.defineProperty(driver, 'effect', { get: () => this.effect });
    this.shared = { what: 'a check', driver: driver as unknown as SharedCheck['driver'], patients: new Set() };
  }
}

function stand(checks: readonly Check[], slowStart = seconds(0)) {
  const told: string[] = [];
  const patient = new Patient('vs', 'rs', {
    health: (_service, _server, up, reason) => told.push(`${up ? 'up' : 'down'}: ${reason}`),
    effect: (_service, _server, { replaced, added, share }) =>
      told.push(`${replaced ?? 'configured'} + ${added}, ${share}`),
    confirmedDown: () => told.push('confirmed down'),
    ran: () => undefined,
  });
  patient.slowStart = slowStart;
  checks.forEach((check, i) => patient.checks.set(`${i}`, check.shared));
  return { patient, told };
}

describe('a real server', () => {
  it('is up when all its checks are', () => {
    const [a, b] = [new Check(), new Check()];
    const { patient, told } = stand([a, b]);
    patient.settle('new');
    for (const [check, up] of [
      [a, false],
      [b, false],
      [a, true],
      [b, true],
    ] as const) {
      check.up = up;
      patient.judge('x');
    }
    expect(told).toEqual(['up: new', 'down: x', 'down: x', 'down: x', 'up: x']);
  });

  it('has the weight of the most careful script, all that is added, and the product of the shares', () => {
    const checks = [new Check(), new Check(), new Check()];
    const effects = [
      { replaced: 7, added: 0, share: 0.5 },
      { replaced: 3, added: 0, share: 0.5 },
      { replaced: null, added: 4, share: 1 },
    ];
    checks.forEach((check, i) => (check.effect = effects[i] ?? none));
    const { patient, told } = stand(checks);
    patient.settle('new');
    patient.weigh();
    expect(told).toEqual(['up: new', '3 + 4, 0.25']);
  });

  it('comes back with a tenth of its weight, told before it is up, and grows to the whole', async () => {
    const check = new Check();
    const { patient, told } = stand([check], seconds(0.5));
    patient.settle('new');
    for (const up of [false, true]) {
      check.up = up;
      patient.judge('x');
    }
    expect(told).toEqual(['up: new', 'down: x', 'configured + 0, 0.1', 'up: x']);
    await waitFor(() => told.at(-1) === 'configured + 0, 1', { deadline: 120_000, what: 'the whole weight' });
    patient.leave();
  });

  it('that went down on its way has its whole share again when it is looked at', () => {
    const check = new Check();
    const { patient, told } = stand([check], seconds(3_600));
    patient.settle('new');
    for (const up of [false, true, false]) {
      check.up = up;
      patient.judge('x');
    }
    expect(told.slice(2)).toEqual(['configured + 0, 0.1', 'up: x', 'down: x', 'configured + 0, 1']);
    patient.leave();
  });

  it('that was drained comes back in the same way, but not while it is down', () => {
    const check = new Check();
    const { patient, told } = stand([check], seconds(3_600));
    patient.settle('new');
    patient.comeBack(seconds(3_600));
    expect(told.splice(0)).toEqual(['up: new', 'configured + 0, 0.1']);
    check.up = false;
    patient.judge('x');
    patient.comeBack(seconds(3_600));
    expect(told).toEqual(['down: x', 'configured + 0, 1']);
    patient.leave();
  });

  it('without slow_start keeps no timer when it comes back', () => {
    const check = new Check();
    const { patient } = stand([check]);
    patient.settle('new');
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    for (const up of [false, true]) {
      check.up = up;
      patient.judge('x');
    }
    expect(timers()).toBe(before);
  });
});
