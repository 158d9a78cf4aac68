import { seededRandom } from '@keepfleet/testkit';
import { describe, expect, it } from 'vitest';
import { parseKeepalivedConfig } from '../parse.ts';

/** Bodies of real servers: clean ones, ones with something to say of them, and ones that mean something else elsewhere. */
const BODIES = [
  [' weight 3', ' TCP_CHECK {', '  connect_timeout 2', ' }'],
  [' weight 4', ' HTTP_GET {', '  url {', '   path /', '  }', ' }'],
  [' weight 5', ' TCP_CHECK {', '  bindto 2001:db8::1', ' }'],
  [' BFD_CHECK {', '  name nowhere', ' }'],
  [' MISC_CHECK {', ' }'],
  [' wieght 3'],
  [' weight x'],
  [' weight 3 4', ' TCP_CHECK { }'],
  [' include more.conf'],
  [' weight $W'],
  [' weight 6 }', ' weight 7'],
  [' notify_up "/bin/true"'],
  [' alpha', ' auth_pass secret'],
  [],
];

function textOf(random: () => number): string[] {
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
  const lines = ['$W=8'];
  for (let service = 1; service <= 6; service++) {
    if (random() < 0.3) lines.push(`$W=${service}`);
    lines.push(
      `${pick(['virtual_server', 'virtual_server', 'virtual_sever', 'vrrp_instance'])} 192.0.2.${service} 80 {`,
      'protocol TCP',
    );
    for (let server = 1; server <= 5; server++) {
      const indent = pick(['', '', ' ']);
      const opening =
        random() < 0.2
          ? [`${indent}real_server 10.0.0.${server} 80`, '{']
          : [`${indent}real_server 10.0.0.${server} 80 {${pick(['', '', ' TCP_CHECK {', ` weight ${server}`])}`];
      lines.push(...opening, ...pick(BODIES), pick([' }', ' }', ' }', '}', ' } delay_loop 3', ' } # end']));
    }
    lines.push('}');
  }
  return lines;
}

describe('real servers whose blocks have the same text', () => {
  it('mean, stand and are judged as if each were read by itself', () => {
    const random = seededRandom(17);
    const loader = { load: () => [{ path: '/etc/more.conf', text: 'weight 9\n' }] };
    for (let i = 0; i < 300; i++) {
      const lines = textOf(random);
      const parse = (text: string) => {
        const { config, diagnostics } = parseKeepalivedConfig({ file: '/etc/k.conf', text, loader });
        return { config, diagnostics: diagnostics.map(({ sourceLine: _, ...rest }) => rest) };
      };
      // A comment on each line makes every block one of its own.
      const commented = lines.map((line, number) => `${line} #${number}`).join('\n');
      expect(parse(`${lines.join('\n')}\n`), lines.join('\n')).toEqual(parse(`${commented}\n`));
    }
  });

  it('are of the file that has them', () => {
    const server = ' real_server 10.0.0.1 80 {\n  weight 2\n  TCP_CHECK { }\n }\n';
    const service = (n: number) => `virtual_server 192.0.2.${n} 80 {\n protocol TCP\n${server}}\n`;
    const loader = { load: () => [{ path: '/etc/b.conf', text: `\n\n${service(2)}` }] };
    const { config } = parseKeepalivedConfig({ file: '/etc/a.conf', text: `${service(1)}include b.conf\n`, loader });
    const places = config.virtualServers.map(({ realServers: [first] }) => [first?.at, first?.checks[0]?.at]);
    expect(places).toEqual([
      [
        { file: '/etc/a.conf', line: 3, column: 2 },
        { file: '/etc/a.conf', line: 5, column: 3 },
      ],
      [
        { file: '/etc/b.conf', line: 5, column: 2 },
        { file: '/etc/b.conf', line: 7, column: 3 },
      ],
    ]);
  });
});
