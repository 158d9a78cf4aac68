import { describe, expect, it } from 'vitest';
import { defaultOptions, parseArguments } from './arguments.ts';

function parsed(text: string) {
  return parseArguments(text === '' ? [] : text.split(' '));
}

describe('parseArguments', () => {
  it('takes no words as up in the foreground', () => {
    expect(parsed('')).toEqual({ ok: true, value: { verb: 'up', options: defaultOptions } });
  });

  it('reads the options of up', () => {
    expect(parsed('up --detach --delay-loop 2 --agents L1,L3 --kernel guests --port 9000')).toEqual({
      ok: true,
      value: {
        verb: 'up',
        options: { detach: true, delayLoop: 2, agents: ['L1', 'L3'], kernel: 'guests', port: 9000 },
      },
    });
    expect(parsed('--detach')).toMatchObject({ ok: true, value: { verb: 'up', options: { detach: true } } });
    expect(parsed('up --agents none')).toMatchObject({ ok: true, value: { options: { agents: [] } } });
  });

  it('leaves the options of a command to the command', () => {
    expect(parsed('exec L1 ls -f --json')).toEqual({
      ok: true,
      value: { verb: 'exec', host: 'L1', argv: ['ls', '-f', '--json'] },
    });
    expect(parsed('exec --timeout 3 L1 sleep 9')).toMatchObject({
      ok: true,
      value: { timeout: 3, argv: ['sleep', '9'] },
    });
  });

  it('reads every fault, with and without the word', () => {
    expect(parsed('fault link-down L1 eth1')).toEqual({
      ok: true,
      value: { verb: 'fault', fault: { kind: 'link-down', host: 'L1', interface: 'eth1' } },
    });
    expect(parsed('kill L1 vrrp')).toMatchObject({ ok: true, value: { fault: { kind: 'kill', target: 'vrrp' } } });
    expect(parsed('partition L1 L2')).toEqual({
      ok: true,
      value: { verb: 'fault', fault: { kind: 'partition', hosts: ['L1', 'L2'] } },
    });
    expect(parsed('fault partition L1 controller mgmt')).toMatchObject({
      ok: true,
      value: { fault: { network: 'mgmt' } },
    });
    for (const text of ['fault heal', 'boot W1', 'pause L2', 'resume L2', 'link-up L1 eth0']) {
      expect(parsed(text)).toMatchObject({ ok: true, value: { verb: 'fault' } });
    }
  });

  it.each([
    ['bogus', 'unknown verb "bogus"'],
    ['up --fast yes', 'up knows no option "--fast"'],
    ['up --port http', '--port wants a port number'],
    ['up --delay-loop', '--delay-loop wants seconds, not nothing'],
    ['up --kernel qemu', '--kernel wants guests or namespaces'],
    ['status now', 'status knows no "now"'],
    ['exec L1', 'exec needs a host and a command'],
    ['exec --timeout soon L1 true', '--timeout wants seconds, not "soon"'],
    ['logs', 'logs needs a host'],
    ['service L1 agent pause', 'service can start, stop or restart'],
    ['fault', 'fault needs one of'],
    ['fault kill L1 init', 'fault kill needs a host and one of vrrp, lvs, control, host'],
    ['fault link-down L1', 'fault link-down needs a host and an interface'],
    ['fault partition L1 L2 dmz', 'no network "dmz"'],
    ['fault heal L1', 'fault heal takes no argument'],
    ['down now', 'down takes no argument'],
  ])('refuses "%s"', (text, message) => {
    const result = parsed(text);
    expect(result.ok ? '' : result.message).toContain(message);
  });
});
