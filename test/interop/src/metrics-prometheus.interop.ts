import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentStand } from './agent-stand.ts';

// Debian's Prometheus scrapes an agent and its controller: what its API answers is what SNMP and the fleet API say.

const MIB = '1.3.6.1.4.1.9586.100.5';
const STATE = `${MIB}.2.3.1.4.1`;
const NODE_METRICS = '127.0.0.1:9650';
const CONTROLLER = '127.0.0.1:8080';
const PROMETHEUS = '127.0.0.1:9090';

const stand = new AgentStand();
const ROUTER = { iname: 'VI_1', intf: 'lan0', vrid: '51' };

const instance = (name: string, priority: number, address: string, more = '') => `vrrp_instance ${name} {
  interface lan0
  virtual_router_id 51
  priority ${priority}
  advert_int 1
  virtual_ipaddress {
    ${address}
  }
${more}}
`;

const CONFIGURATION = `global_defs {
  router_id L1
  enable_snmp_vrrp
  enable_snmp_rfc
  snmp_socket unix:${stand.socket}
  script_user root
}
vrrp_script present {
  script "/usr/bin/test -e ${stand.path('present')}"
  interval 1
  weight -20
}
${instance('VI_1', 150, '192.0.2.100/24', '  virtual_ipaddress_excluded {\n    192.0.2.101/24\n  }\n  track_script {\n    present\n  }\n')}`;

/** Column of vrrpRouterStatsTable, and the name of the exporters for keepalived. */
const COUNTERS = [
  [1, 'keepalived_become_master_total'],
  [2, 'keepalived_advertisements_received_total'],
  [6, 'keepalived_priority_zero_received_total'],
  [9, 'keepalived_address_list_errors_total'],
] as const;

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** Of an instant query; nothing while Prometheus does not answer. */
function query(expression: string): readonly Sample[] {
  const { stdout } = stand.inside(
    ...['curl', '-sSG', '--data-urlencode', `query=${expression}`, `http://${PROMETHEUS}/api/v1/query`],
  );
  if (!stdout.startsWith('{')) return [];
  const answer = JSON.parse(stdout) as { status: string; error?: string; data?: { result: readonly Sample[] } };
  if (answer.data === undefined) throw new Error(`${expression}: ${answer.error}`);
  return answer.data.result;
}

/** What the one series has; undefined where there is none, or another. */
function one(name: string, labels: Readonly<Record<string, string>> = {}): string | undefined {
  const selector = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const found = query(`${name}{${selector.join(',')}}`);
  return found.length === 1 ? found[0]?.value[1] : undefined;
}

const rest = <T>(what: string): T => JSON.parse(stand.inside('curl', '-sS', `http://${CONTROLLER}${what}`).stdout) as T;

beforeAll(async () => {
  await stand.start();
  stand.connect();
  stand.file('present', '');
  stand.file('keepalived.conf', CONFIGURATION);
  stand.file(
    'agent.yaml',
    `node: L1\nmetrics: { listen: "${NODE_METRICS}" }\ncontroller: { addresses: ["127.0.0.1:7443"], plaintext: true }\n`,
  );
  const jobs = Object.entries({ node: NODE_METRICS, controller: CONTROLLER }).map(
    ([job, target]) => `  - { job_name: ${job}, static_configs: [{ targets: ["${target}"] }] }\n`,
  );
  const scrape = stand.file('prometheus.yml', `global: { scrape_interval: 1s }\nscrape_configs:\n${jobs.join('')}`);
  stand.launchController(CONTROLLER);
  stand.launchAgent();
  stand.launch('prometheus', [
    ...['prometheus', `--config.file=${scrape}`, `--storage.tsdb.path=${stand.path('tsdb')}`],
    ...[`--web.listen-address=${PROMETHEUS}`, '--log.level=warn'],
  ]);
  await stand.eventually('VI_1 is master', async () => (await stand.value(STATE)) === '2');
});

afterAll(() => stand.close());

describe('a Prometheus that scrapes the agent and the controller', () => {
  it('takes every sample, and promtool has no complaint', async () => {
    await stand.eventually('both are scraped', () => query('up == 1').length === 2);
    for (const [at, least] of [
      [NODE_METRICS, 30],
      [CONTROLLER, 20],
    ] as const) {
      const text = stand.inside('curl', '-sS', `http://${at}/metrics`).stdout;
      expect(text.match(/^# TYPE /gm)?.length).toBeGreaterThan(least);
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
      expect([at, status, stdout, stderr]).toEqual([at, 0, '', '']);
    }
  });

  it('has the counters that managers have', async () => {
    // A master of a higher priority and with another address comes, and leaves with priority 0.
    const keepalived = stand.launchKeepalived(instance('P', 200, '192.0.2.102/24'));
    await stand.eventually('the peer is master', async () => (await stand.value(STATE)) === '1');
    await stand.eventually('Prometheus sees the backup', () => query('keepalived_vrrp_state == 1').length === 1);
    await stand.stop(keepalived);
    await stand.eventually('VI_1 is master again', async () => (await stand.value(STATE)) === '2');
    const { ifIndex } = stand;
    for (const [column, name] of COUNTERS) {
      const counted = await stand.value(`1.3.6.1.2.1.68.2.4.1.${column}.${ifIndex}.51`);
      expect([name, Number(counted) > 0]).toEqual([name, true]);
      await stand.eventually(`${name} is ${counted}`, () => one(name, ROUTER) === counted);
    }
    // Adverts go on, so that this one is between two looks.
    const sent = () => Number(one('keepalived_advertisements_sent_total', ROUTER) ?? Number.NaN);
    const before = sent();
    await stand.eventually('three adverts more', () => sent() >= before + 3);
  });

  it('has the state, by the names and labels of the exporters', async () => {
    const address = (ip_address: string) => ({ ...ROUTER, ip_address });
    await stand.eventually('the state', () => one('keepalived_vrrp_state', address('192.0.2.100')) === '2');
    await stand.eventually('the other', () => one('keepalived_vrrp_excluded_state', address('192.0.2.101')) === '2');
    await stand.eventually('the delay', () => one('keepalived_gratuitous_arp_delay_total', ROUTER) === '5');
    await stand.eventually('a good script', () => one('keepalived_script_status', { name: 'present' }) === '1');
    expect(one('keepalived_script_state', { name: 'present' })).toMatch(/^[0-3]$/);
    rmSync(stand.path('present'));
    await stand.eventually('a bad script', () => one('keepalived_script_status', { name: 'present' }) === '0');
    await stand.eventually('what it weighs', () => one('keepalived_vrrp_priority', ROUTER) === '130');
    await stand.eventually('for managers too', async () => (await stand.value(`${MIB}.2.3.1.8.1`)) === '130');
    stand.link('down');
    await stand.eventually('a fault', () => one('keepalived_vrrp_state', address('192.0.2.100')) === '3');
    await stand.eventually('for managers too', async () => (await stand.value(STATE)) === '3');
  });

  it("has the controller's fleet as its API tells it", async () => {
    await stand.eventually('one agent', () => one('keepfleet_agents_connected') === '1');
    await stand.eventually('one current node', () => one('keepfleet_nodes', { freshness: 'current' }) === '1');
    // In fault as it is left by the test before.
    await stand.eventually('the controller sees it', () => {
      const [router] = rest<{ routers: { health: string }[] }>('/v1/routers').routers;
      return router?.health === 'no-master';
    });
    await stand.eventually('its health', () => one('keepfleet_virtual_routers', { health: 'no-master' }) === '1');
    await stand.eventually('its events', () => {
      const { events } = rest<{ events: unknown[] }>('/v1/events?limit=1000');
      return events.length > 0 && one('keepfleet_events_stored_total') === String(events.length);
    });
  });

  it('sees an agent that is gone', async () => {
    stand.signalControl('SIGTERM');
    await stand.eventually('the scrape fails', () => one('up', { job: 'node' }) === '0');
    await stand.eventually('no agent', () => one('keepfleet_agents_connected') === '0');
    expect(query('keepalived_vrrp_state')).toEqual([]);
  });
});
