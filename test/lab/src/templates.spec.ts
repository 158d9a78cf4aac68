import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { client, directors, webServers } from './plan.ts';
import { agentYaml, directorNetwork, fill, hostNetwork, keepalivedConf } from './templates.ts';

const template = readFileSync(join(import.meta.dirname, '../etc/keepalived.conf'), 'utf8');
const [l1, , l3] = directors;
const [w1] = webServers;
if (l1 === undefined || l3 === undefined || w1 === undefined) throw new Error('the plan has them');

describe('fill', () => {
  it('fills every place of a name', () => {
    expect(fill('{{a}} {{b}} {{a}}', { a: '1', b: '2' })).toBe('1 2 1');
  });

  it('throws on a name without value and a value without name', () => {
    expect(() => fill('{{a}}', {})).toThrow('{{a}}');
    expect(() => fill('', { a: '1' })).toThrow('does not use a');
  });
});

describe('keepalivedConf', () => {
  it('differs between the directors in name and priority only', () => {
    const [first, third] = [l1, l3].map((director) => keepalivedConf(template, director, 10).split('\n'));
    const differing = first?.filter((line, index) => line !== third?.[index]).map((line) => line.trim());
    expect(differing).toEqual(['router_id L1', 'priority 150']);
  });

  it('checks every web server in both families, as often as told', () => {
    const text = keepalivedConf(template, l1, 2);
    expect(text.match(/delay_loop 2$/gm)).toHaveLength(2);
    for (const host of webServers) {
      for (const address of host.interfaces[0]?.addresses ?? []) {
        expect(text).toContain(`real_server ${address.split('/')[0]} 80 {`);
      }
    }
  });
});

describe('agentYaml', () => {
  it('joins the other directors and reports to the controller', () => {
    const text = agentYaml('{{name}} {{controller}} {{gossip}} [{{seeds}}]', l1, '172.31.0.100:7443');
    expect(text).toBe('L1 172.31.0.100:7443 172.31.0.1 [172.31.0.2, 172.31.0.3]');
  });
});

describe('network lines', () => {
  it('renames the interfaces of a guest before it brings them up', () => {
    const lines = directorNetwork(l1, true).split('\n');
    expect(lines.slice(0, 5)).toEqual([
      'link set lo up',
      'link set vec0 name eth0',
      'link set eth0 up',
      'address replace 198.51.100.11/24 dev eth0',
      'address replace 2001:db8::11/64 dev eth0 nodad',
    ]);
    expect(directorNetwork(l1, false)).not.toContain('vec');
  });

  it('gives the web servers default routes by the virtual addresses, and the client none', () => {
    expect(hostNetwork(w1)).toContain('route add default via 192.168.1.1\nroute add default via fd00::1\n');
    expect(hostNetwork(client)).not.toContain('route');
  });
});
