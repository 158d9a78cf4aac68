/** Between two runs of a check. */
export const CHECK_EVERY_S = 5;
const SERVERS_OF_A_SERVICE = 100;

export interface ChecksResult {
  readonly program: string;
  readonly count: number;
  /** Checks that were made at all. */
  readonly checked: number;
  /** Intervals that were measured. */
  readonly runs: number;
  /** p50, p99 and the largest, milliseconds. */
  readonly lateness: readonly number[];
  /** Percent of a processor: of the process that checks, and of all. */
  readonly processor: number;
  readonly processorOfAll: number;
  /** Percent of the time that it was ready to run and something else had the processor. */
  readonly waiting: number;
  readonly descriptors: number;
  /** MB. */
  readonly memory: number;
  /** p50, p99 and the largest time to an answer over the link, milliseconds; none of keepalived. */
  readonly answers: readonly number[];
}

/** Of the server that has this check; all are of this host. */
export function addressOf(index: number): string {
  return `10.${1 + (index >> 14)}.${(index >> 7) & 0x7f}.${1 + (index & 0x7f)}`;
}

/** Half HTTP_GET, half TCP_CHECK, each of a server of its own. */
export function checksConfiguration(count: number): string {
  const lines = [`global_defs {`, `  router_id bench`, `}`];
  for (let index = 0; index < count; index++) {
    if (index % SERVERS_OF_A_SERVICE === 0)
      lines.push(
        ...(index === 0 ? [] : ['}']),
        `virtual_server 198.51.100.1 ${1_000 + index / SERVERS_OF_A_SERVICE} {`,
        `  lb_algo rr`,
        `  lb_kind NAT`,
        `  protocol TCP`,
      );
    const times = `delay_loop ${CHECK_EVERY_S}\n retry 1\n warmup ${CHECK_EVERY_S}\n connect_timeout 4`;
    const check = index % 2 === 0 ? `HTTP_GET {\n url {\n path /\n }\n ${times}\n }` : `TCP_CHECK {\n ${times}\n }`;
    lines.push(`  real_server ${addressOf(index)} 80 {`, `    ${check}`, `  }`);
  }
  return `${[...lines, '}'].join('\n')}\n`;
}
