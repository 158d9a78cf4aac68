/**
 * Serves rows that come as JSON lines on stdin, so that the driver can be proved against a real snmpd without the rest of
 * an agent: `node rows-server.ts SOCKET`. A set changes the rows in memory; it, its undo and the status asked for are
 * JSON lines on stdout. The end of stdin is the end of the program.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import type { Change, MibRows } from '@keepfleet/mib';
import { type SetOutcome, startSnmp } from './snmp.ts';

type Line =
  | { readonly type: 'rows'; readonly rows: MibRows }
  /** Sets are refused from now on, or accepted again. */
  | { readonly type: 'refuse'; readonly refuse: boolean }
  | { readonly type: 'status' };

let rows: MibRows | undefined;
let refuse = false;
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();

const snmp = startSnmp({
  socket: process.argv[2] ?? '',
  onSet: async (changes): Promise<SetOutcome> => {
    if (refuse || rows === undefined) return { ok: false, reason: 'told to refuse' };
    const before = rows;
    print({ type: 'set', changes });
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
    case 'status':
      print({
        type: 'status',
        status: snmp.status(),
        maxDelayMs: delay.max / 1e6,
        rssBytes: process.memoryUsage.rss(),
        cpuMicros: process.cpuUsage().user + process.cpuUsage().system,
      });
      delay.reset();
      break;
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
      return change.kind === 'base-priority'
        ? { ...instance, basePriority: change.value, effectivePriority: change.value }
        : { ...instance, preempt: change.value };
    }),
  };
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
