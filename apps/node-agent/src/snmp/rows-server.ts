/**
 * Serves rows that come as JSON lines on stdin, so that the drivers can be proved against real peers without the rest of an
 * agent: `node rows-server.ts SOCKET [AGENT.YAML [ENGINE-FILE]]`, with - for no master agent. A set changes the rows in
 * memory; it, its undo and the status asked for are JSON lines on stdout. The end of stdin is the end of the program.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { formatAgentFileProblem, parseAgentFile } from '@keepfleet/config';
import { type Change, KeptRowNumbers, type MibRows, type Notification } from '@keepfleet/mib';
import type { SetOutcome } from './agentx.ts';
import { bootEngine } from './engine-file.ts';
import { SnmpService } from './service.ts';

type Line =
  | { readonly type: 'rows'; readonly rows: MibRows }
  /** Sets are refused from now on, or accepted again. */
  | { readonly type: 'refuse'; readonly refuse: boolean }
  | { readonly type: 'notify'; readonly notification: Notification }
  | { readonly type: 'status' };

const [, , socket = '-', agentYaml, engineFile] = process.argv;
const file = parseAgentFile('agent.yaml', agentYaml === undefined ? '' : readFileSync(agentYaml, 'utf8'));
if (!file.ok) throw new Error(file.problems.map(formatAgentFileProblem).join('\n'));

let rows: MibRows | undefined;
let refuse = false;
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();

const snmp = new SnmpService({
  settings: file.value.snmp,
  agentx: socket === '-' ? undefined : socket,
  node: { name: 'L1', version: '0.1.0' },
  numbers: new KeptRowNumbers(),
  engine: () =>
    bootEngine({
      path: engineFile ?? '/nonexistent/engine',
      write: (path, text) => writeFileSync(path, text),
      warn: (message) => print({ type: 'log', level: 'warn', message }),
    }),
  onSet: async (changes, actor): Promise<SetOutcome> => {
    if (refuse || rows === undefined) return { ok: false, reason: 'told to refuse' };
    const before = rows;
    print({ type: 'set', changes, actor });
    show(changes.reduce(changed, before));
    return {
      ok: true,
      undo: async () => {
        print({ type: 'undo', changes });
        show(before);
      },
    };
  },
  log: {
    info: (fields, message) => print({ type: 'log', level: 'info', message, ...fields }),
    warn: (fields, message) => print({ type: 'log', level: 'warn', message, ...fields }),
  },
});

for await (const text of createInterface({ input: process.stdin })) {
  const line = JSON.parse(text) as Line;
  switch (line.type) {
    case 'rows':
      show(line.rows);
      break;
    case 'refuse':
      refuse = line.refuse;
      break;
    case 'notify':
      snmp.notify(line.notification);
      break;
    case 'status': {
      const { agentx, ...others } = snmp.status();
      print({
        type: 'status',
        status: { ...agentx, ...others },
        maxDelayMs: delay.max / 1e6,
        rssBytes: process.memoryUsage.rss(),
        cpuMicros: process.cpuUsage().user + process.cpuUsage().system,
      });
      delay.reset();
      break;
    }
  }
}
await snmp.close();
delay.disable();

function show(next: MibRows): void {
  rows = next;
  snmp.update(next);
}

function changed(all: MibRows, change: Change): MibRows {
  if (change.kind === 'weight') {
    return {
      ...all,
      virtualServers: all.virtualServers.map((service) =>
        service.key !== change.virtualServer
          ? service
          : {
              ...service,
              realServers: service.realServers.map((server) =>
                server.key === change.realServer ? { ...server, weight: change.value } : server,
              ),
            },
      ),
    };
  }
  return {
    ...all,
    instances: all.instances.map((instance) => {
      if (instance.name !== change.instance) return instance;
      switch (change.kind) {
        case 'base-priority':
          return { ...instance, basePriority: change.value, effectivePriority: change.value };
        case 'preempt':
          return { ...instance, preempt: change.value };
        case 'accept':
          return { ...instance, accept: change.value };
        case 'promote-secondaries':
          return { ...instance, promoteSecondaries: change.value };
      }
    }),
  };
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
