import { seededRandom } from '@keepfleet/testkit';
import { describe, expect, it } from 'vitest';
import { parseKeepalivedConfig } from '../parse.ts';
import { ReadingMemory } from './reading-memory.ts';

const SERVERS = [
  ' real_server 10.0.0.1 80 {\n  weight 2\n  TCP_CHECK { }\n }',
  ' real_server 10.0.0.2 80 {\n  TCP_CHECK {\n   connect_timeout 2\n  }\n }',
  ' real_server 10.0.0.3 80 {\n  FILE_CHECK {\n   track_file F\n  }\n }',
  ' real_server 10.0.0.4 80 {\n  BFD_CHECK {\n   name B\n  }\n }',
  ' real_server 10.0.0.5 80 {\n  notify_up "/bin/true"\n }',
  ' real_server 10.0.0.6 8080 {\n }',
  ' real_server 10.0.0.7 80 {\n  wieght 3\n }',
  ' include more.conf',
  ' quorum 7',
  ' {\n  quorum 2\n }',
  ' real_server 10.0.0.8 80 {\n  {\n   weight 2\n  }\n }',
  ' delay_loop 5',
  ' protocol UDP',
  ` virtualhost ${'x'.repeat(1_100)}`,
];
const HEADS = [
  'virtual_server 192.0.2.1 80 {',
  ' virtual_server 192.0.2.1 80 {',
  'virtual_server 192.0.2.1 81 {',
  'virtual_server 192.0.2.2 80 {',
  'virtual_server 192.0.2.999 80 {',
  'virtual_server fwmark 7 {',
  'virtual_server group G {',
  'virtual_server 192.0.2.3 80\n{',
  'vrrp_instance V {',
  'virtual_server 192.0.2.4 80 { # four',
];
const OTHERS = [
  'global_defs {\n smtp_server 192.0.2.9\n}',
  'global_defs {\n smtp_alert\n}',
  'global_defs {\n checker_log_all_failures\n}',
  'track_file F {\n file /tmp/f\n}',
  'track_file F {\n file /tmp/g\n}',
  'bfd_instance B {\n neighbor_ip 192.0.2.8\n}',
  'virtual_server_group G {\n 192.0.2.5 80\n}',
  'virtual_server_group G {\n 2001:db8::5 80\n}',
  '$W=4',
  'include services.conf',
  '',
];

describe('a memory of readings', () => {
  it('changes nothing of what a reading says, whatever was changed since the one before', () => {
    const random = seededRandom(23);
    const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
    const service = () => {
      const inside = Array.from({ length: Math.floor(random() * 4) }, () => pick(SERVERS));
      return [pick(HEADS), pick([' protocol TCP', ' protocol TCP', '']), ...inside, '}'].join('\n');
    };
    const part = () => (random() < 0.7 ? service() : pick(OTHERS));
    for (let file = 0; file < 30; file++) {
      const memory = new ReadingMemory();
      const parts = Array.from({ length: 8 }, part);
      let included = service();
      for (let reading = 0; reading < 12; reading++) {
        const text = `${parts.join('\n')}\n`;
        const loader = {
          load: (pattern: string) => [
            { path: `/etc/${pattern}`, text: pattern === 'more.conf' ? ' alpha\n' : included },
          ],
        };
        const said = (used?: ReadingMemory) => {
          const input = { file: '/etc/k.conf', text, loader, memory: used };
          const { config, diagnostics } = parseKeepalivedConfig(input);
          return { config, diagnostics };
        };
        expect(said(memory), text).toEqual(said());
        const change = random();
        if (change < 0.1) included = service();
        else if (change < 0.7) parts[Math.floor(random() * parts.length)] = part();
        else if (change < 0.8) parts.splice(Math.floor(random() * parts.length), 0, part());
        else if (change < 0.9) parts.splice(Math.floor(random() * parts.length), 1);
      }
    }
  });

  it('gives the services that stand where they stood as the same objects, and no others', () => {
    const memory = new ReadingMemory();
    const text = (weight: number, alert = '') =>
      `global_defs {\n router_id x\n${alert}\n}\n${[1, 2, 3].map((n) => `virtual_server 192.0.2.${n} 80 {\n protocol TCP\n real_server 10.0.0.${n} 80 {\n  weight ${n === 2 ? weight : 1}\n }\n}\n`).join('')}`;
    const read = (from: string) => parseKeepalivedConfig({ file: 'k', text: from, memory }).config.virtualServers;
    const first = read(text(1));
    const same = (from: string) => read(from).map((server, i) => server === first[i]);
    expect(same(text(1))).toEqual([true, true, true]);
    expect(same(text(9))).toEqual([true, false, true]);
    expect(same(text(9, ' smtp_alert'))).toEqual([false, false, false]);
    expect(same(`\n${text(9)}`)).toEqual([false, false, false]);
  });

  it('does not hold the texts of any number of readings, but for ever what never changes', () => {
    const memory = new ReadingMemory();
    const text = (weight: number) =>
      [1, 2]
        .map(
          (n) =>
            `virtual_server 192.0.2.${n} 80 {\n protocol TCP\n real_server 10.0.0.1 80 {\n weight ${n * weight}\n }\n}\n`,
        )
        .join('');
    const read = (from: string) => parseKeepalivedConfig({ file: 'k', text: from, memory }).config.virtualServers[0];
    const servers = (weightOf: (i: number) => number) =>
      new Set(
        Array.from({ length: 50 }, (_, i) => read(`${text(1)}${text(weightOf(i)).replaceAll('192.0.2', '192.0.3')}`)),
      );
    expect(servers(() => 1).size).toBe(1);
    expect([6, 7, 8]).toContain(servers((i) => i + 2).size);
  });
});
