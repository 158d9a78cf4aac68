/** The size of a user's configuration whose reload killed keepalived. */
const SERVICES = 2_300;
const REAL_SERVERS = 37_000;
const CHANGED = 1_150;

/** The service of the server whose weight changes. */
export const CHANGED_SERVICE = `10.10${netOf(CHANGED)}.1:80`;

/** Services and real servers, one line each. */
export const linesInTheKernel = SERVICES + REAL_SERVERS;

/**
 * 161,800 lines. One server in the middle has the given weight. `checkEvery`: seconds between two checks, so that a table
 * whose servers are nowhere can be looked at before they count as down.
 */
export function largeConfiguration(weight: number, checkEvery = 600): string {
  const lines: string[] = [];
  for (let service = 0; service < SERVICES; service++) {
    const net = netOf(service);
    lines.push(
      `virtual_server 10.10${net}.1 80 {`,
      `    delay_loop ${checkEvery}`,
      '    lb_algo wrr',
      '    lb_kind DR',
      '    protocol TCP',
    );
    const until = Math.round(((service + 1) * REAL_SERVERS) / SERVICES);
    const from = Math.round((service * REAL_SERVERS) / SERVICES);
    for (let server = 0; server < until - from; server++) {
      const changed = service === CHANGED && server === 5;
      lines.push(
        `    real_server 10.${net}.${server + 2} 80 {`,
        `        weight ${changed ? weight : server + 1}`,
        '        TCP_CHECK { }',
        '    }',
      );
    }
    lines.push('}');
  }
  return `${lines.join('\n')}\n`;
}

function netOf(service: number): string {
  return `${service >> 8}.${service & 0xff}`;
}
