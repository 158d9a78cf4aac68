import { describe, expect, it } from 'vitest';
import { parseKeepalivedConfig } from '../index.ts';
import { checkHost } from './check-host.ts';
import type { HostFacts } from './host-facts.ts';

const text = (globals: string, inner: string) =>
  `global_defs {\n ${globals}\n}\nvrrp_instance V {\n interface eth0\n virtual_router_id 7\n virtual_ipaddress {\n 192.0.2.1 dev eth1\n }\n ${inner}\n}\n`;
const facts: HostFacts = {
  interfaces: ['eth0', 'eth1'].map((name) => ({ name, loopback: false })),
  users: { bob: true, eve: false },
  groups: { staff: true, none: false },
  programs: {
    '/bin/x': { state: 'executable', path: '/bin/x' },
    '/tmp/x': { state: 'executable', path: '/tmp/x', writableByOthers: '/tmp' },
    '/bin/gone': { state: 'missing' },
    '/bin/data': { state: 'not-executable', path: '/bin/data' },
  },
};

function check(globals: string, inner: string, known = facts) {
  const { config } = parseKeepalivedConfig({ file: 't', text: text(globals, inner) });
  return checkHost(config, known);
}

describe('the rules that need the node', () => {
  const secure = 'enable_script_security';
  it.each([
    ['', '', []],
    ['', 'interface eth9', ['host-interface']],
    ['', 'track_interface {\n eth9\n }', ['host-interface']],
    [secure, 'notify_master /bin/x', []],
    ['', 'notify_master /bin/x', ['host-security']],
    ['', 'notify_master /bin/x bob', []],
    ['script_user bob', 'notify_master /bin/x', []],
    [secure, 'notify_master /tmp/x', ['host-security']],
    [secure, 'notify_master /bin/gone', ['host-program']],
    [secure, 'notify_master /bin/data', ['host-program']],
    [secure, 'notify_master /bin/x eve', ['host-user']],
    [secure, 'notify_master /bin/x bob none', ['host-user']],
    [secure, 'notify_master /bin/unheard-of', ['host-unknown']],
    [secure, 'notify_master /bin/x ann', ['host-unknown']],
  ])('with %j, %j', (globals, inner, kinds) => {
    expect(check(globals, inner).map(({ kind }) => kind)).toEqual(kinds);
  });

  it('say nothing of what is not known, and are never errors', () => {
    expect(check('', 'interface eth9\n notify_master /bin/gone', {})).toEqual([]);
    const [found] = check('', 'interface eth9');
    expect(found).toMatchObject({ severity: 'warning', line: 10, message: expect.stringContaining('eth9') });
  });

  it('say once of each kind what was not looked up, and how many', () => {
    const scripts = 'notify_master /a ann\n notify_backup /b bea\n notify_fault /c cy';
    const found = check(secure, scripts);
    expect(found.map(({ kind, line }) => `${kind} ${line}`)).toEqual(['host-unknown 10', 'host-unknown 10']);
    expect(found[0]?.message).toContain('of the user ann whether this node has it, nor of 2 more');
    expect(found[1]?.message).toContain('of the program /a whether this node has it, nor of 2 more');
  });

  it('know the loopback interface for one', () => {
    const loopback = {
      interfaces: [
        { name: 'eth0', loopback: true },
        { name: 'eth1', loopback: false },
      ],
    };
    expect(check('', '', loopback)).toMatchObject(
      [{ kind: 'host-interface', message: /loopback/ }].map(() => ({ kind: 'host-interface' })),
    );
  });
});
