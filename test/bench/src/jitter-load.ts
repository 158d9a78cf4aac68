import type { ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import { CLIENT, type Stand } from './stand.ts';

/** What goes on beside the adverts: nothing, an SNMP manager that walks all the time, or that and checks of many real servers. */
export type Load = 'rest' | 'snmp' | 'checks';

const KEEPALIVED_MIB = '1.3.6.1.4.1.9586.100.5';
const SERVERS = 2_000;
const A_SERVICE = 100;
const CHECK_EVERY_S = 2;
const DEADLINE_MS = 20_000;
/** Addresses of the servers, all of the client's namespace. */
const SERVER_NET = '10.9.0.0/16';

/** 2,000 real servers, each asked every 2 s. keepalived's checker does not start without ip_vs, so only ours is given them. */
export function servicesFor(load: Load): string {
  if (load !== 'checks') return '';
  const lines: string[] = [];
  for (let n = 0; n < SERVERS; n++) {
    const [service, server] = [Math.floor(n / A_SERVICE), n % A_SERVICE];
    if (server === 0)
      lines.push(
        ...(n === 0 ? [] : ['}']),
        `virtual_server 192.0.2.250 ${8_000 + service} {`,
        `  delay_loop ${CHECK_EVERY_S}`,
        '  lb_kind DR',
        '  protocol TCP',
      );
    lines.push(`  real_server 10.9.${service}.${server + 1} 80 {`, '    TCP_CHECK {', '    }', '  }');
  }
  return `${lines.join('\n')}\n}\n`;
}

/** Starts what the load needs before the router; the answer is to be called when the router runs, and makes it bear it. */
export async function startLoad(load: Load, stand: Stand, agentx: string): Promise<() => Promise<void>> {
  switch (load) {
    case 'rest':
      return () => Promise.resolve();
    case 'snmp':
      return startWalk(stand, agentx);
    case 'checks': {
      const listen = "require('node:net').createServer((socket)=>socket.end()).listen(80,()=>console.log('up'))";
      stand.route('a', SERVER_NET, CLIENT);
      stand.ownAll('client', SERVER_NET);
      await told(stand.spawn('client', [process.execPath, '-e', listen]), 'a server', (text) => text.includes('up'));
      return startWalk(stand, agentx);
    }
  }
}

function startWalk(stand: Stand, agentx: string): () => Promise<void> {
  const conf = join(stand.directory, 'snmpd.conf');
  mkdirSync(join(stand.directory, 'run'), { recursive: true });
  writeFileSync(conf, `rocommunity public\nmaster agentx\nagentXSocket unix:${agentx}\nagentXTimeout 60\n`);
  stand.spawn('a', [
    'sh',
    '-c',
    `mount --bind ${stand.directory}/run /run && exec snmpd -f -LE 0 -C -c ${conf} -I -smux udp:127.0.0.1:161`,
  ]);
  const walk = `snmpbulkwalk -v2c -c public -t 60 -r 0 -Oqn 127.0.0.1 ${KEEPALIVED_MIB}`;
  return async () => {
    const walker = stand.spawn('a', ['sh', '-c', `while :; do ${walk} | grep -v "No " | wc -l; done`], { MIBS: '' });
    await told(walker, 'a walk of the virtual routers', (text) => text.split('\n').some((line) => Number(line) > 50));
  };
}

async function told(child: ChildProcess, what: string, holds: (text: string) => boolean): Promise<void> {
  let text = '';
  child.stdout?.on('data', (piece: Buffer) => (text += piece.toString()));
  await waitFor(() => holds(text), { deadline: DEADLINE_MS, what: `${what} (${text})` });
}
