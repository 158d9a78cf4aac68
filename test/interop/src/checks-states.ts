import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

// Real servers that are as files say, and the states that they are led through: quorum, hysteresis, sorry servers, what is
// inhibited, alpha and omega. After each the kernel's table and the lines of the pipe must be keepalived's.

const VIP = '198.51.100.16';
/** Fewest and most servers of a service. */
const NAMES = ['a', 'b', 'c'] as const;

interface Service {
  readonly port: number;
  /** Of the virtual server. */
  readonly lines: string;
  readonly weights: readonly number[];
  /** Of each real server. */
  readonly more?: string;
}

const mail = (port: number) =>
  `notification_email {\n a@example.org\n }\n notification_email_from l1@example.org\n smtp_server 127.0.0.1 ${port}\n smtp_helo_name l1`;
const sorry = 'sorry_server 192.0.2.99 80';
const services: readonly Service[] = [
  { port: 1, lines: '', weights: [1, 1, 1] },
  { port: 2, lines: 'quorum 4\n hysteresis 1', weights: [3, 2, 1] },
  { port: 3, lines: `smtp_alert\n quorum 4\n hysteresis 1\n ${sorry}`, weights: [3, 2, 1] },
  { port: 4, lines: `quorum 4\n hysteresis 2\n ${sorry}\n sorry_server_inhibit`, weights: [3, 2, 1] },
  { port: 5, lines: `quorum 2\n ${sorry}\n inhibit_on_failure`, weights: [1, 1, 1] },
  { port: 6, lines: `quorum 6\n hysteresis 6\n ${sorry}`, weights: [3, 2, 1] },
  { port: 7, lines: `alpha\n omega\n quorum 2\n ${sorry}`, weights: [1, 1, 1] },
  { port: 8, lines: 'omega\n smtp_alert\n quorum 3\n hysteresis 1', weights: [2, 1, 1] },
  { port: 9, lines: 'quorum 99', weights: [2, 2, 2] },
  { port: 10, lines: `quorum 3\n ${sorry}`, weights: [1, 3, 1] },
  { port: 11, lines: 'sorry_server 192.0.2.11 80\n quorum 2', weights: [1, 1, 1] },
  { port: 12, lines: `alpha\n quorum 2\n hysteresis 1\n inhibit_on_failure`, weights: [1, 1, 1] },
];

/** As many say of a server that it is another now. */
export const SERVICES = services.length;
/** Servers of which there is a word at the start. */
export const ALPHA_SERVERS = services
  .filter(({ lines }) => lines.startsWith('alpha'))
  .reduce((sum, { weights }) => sum + weights.length, 0);

/** Which of the servers are well: one after another, so that both programs see each. */
export const walk: readonly (readonly (typeof NAMES)[number][])[] = [
  ['a', 'b', 'c'],
  ['a', 'b'],
  ['a'],
  [],
  ['c'],
  ['b', 'c'],
  ['a', 'b', 'c'],
  ['b', 'c'],
  ['a', 'b', 'c'],
];

/** Without the last server of each service, or without that and the last service. */
export function statesConfiguration(
  directory: string,
  mailPort: number,
  without?: 'the last server' | 'the last service',
): string {
  const kept = without === 'the last service' ? services.slice(0, -1) : services;
  return [
    `global_defs {\n router_id L1\n lvs_notify_fifo ${directory}/fifo\n notify_fifo ${directory}/common\n script_user root\n ${mail(mailPort)}\n}`,
    ...kept.map(({ port, lines, weights, more = '' }) => {
      const servers = without === undefined ? weights : weights.slice(0, -1);
      return [
        `virtual_server ${VIP} ${port} {`,
        ` lvs_sched rr\n lvs_method NAT\n protocol TCP\n ${lines}`,
        ...['quorum_up', 'quorum_down'].map((word) => ` ${word} "${directory}/note ${word} ${port}"`),
        ...servers.map((weight, i) => {
          const script = `"/usr/bin/test -e ${join(directory, `well-${NAMES[i] ?? ''}`)}"`;
          const check = `MISC_CHECK {\n misc_path ${script}\n delay_loop 2\n retry 0\n warmup 0\n }`;
          const notify = ['notify_up', 'notify_down'].map(
            (word) => ` ${word} "${directory}/note ${word} ${port} ${i}"\n`,
          );
          return ` real_server 192.0.2.1${i} 80 {\n weight ${weight}\n ${more}\n${notify.join('')} ${check}\n }`;
        }),
        '}',
      ].join('\n');
    }),
  ].join('\n\n');
}

export function makeWell(directory: string, well: readonly string[]): void {
  for (const name of NAMES) {
    const path = join(directory, `well-${name}`);
    if (well.includes(name)) writeFileSync(path, '');
    else rmSync(path, { force: true });
  }
}

export async function table(): Promise<string> {
  const { stdout } = await promisify(execFile)('ipvsadm', ['-Sn']);
  return stdout.trim().split('\n').sort().join('\n');
}
