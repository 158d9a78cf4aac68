import { runInGuest } from '@keepfleet/test-lab';
import type { Measure } from './table.ts';

const SIZES = ['50x100', '2300x16'];
const PROGRAMS = ['ours', 'ipvsadm', 'kernel', 'keepalived'] as const;
const GUEST_MS = 3 * 60_000;

interface Times {
  readonly program: number;
  readonly change: number;
  readonly dump: number;
}

interface Result {
  /** Services, and servers of each. */
  readonly size: string;
  /** `program` from the settings, sent to a process that waits for them, until it says that they are in force. */
  readonly ours: Times & { readonly fromStart: number };
  readonly ipvsadm: Times;
  readonly keepalived: Times;
  /** The changes and the dump by themselves, without who wants them. */
  readonly kernel: Times;
}

const COLUMNS = ['program', 'one change', 'dump'] as const;
const cells = ({ program, change, dump }: Times) => [program, change, dump].map((time) => Math.round(time));

/**
 * Tables of 5,000 and 36,800 real servers on a real kernel, in a guest: by the lvs process, told by its link, beside
 * `ipvsadm -R`, `-e` and `-Sn`, and beside keepalived, from its start or signal until the kernel has it.
 */
export async function measureIpvs(progress: (text: string) => void): Promise<Measure[]> {
  const results: Result[] = [];
  for (const size of SIZES) {
    const times: Record<string, Times> = {};
    for (const program of PROGRAMS) {
      progress(`ipvs: ${size} servers by ${program}, in a guest with one CPU`);
      times[program] = await timesOf(size, program);
    }
    results.push({ size, ...(times as unknown as Omit<Result, 'size'>) });
  }
  return results.flatMap(({ size, ours, ipvsadm, keepalived, kernel }) => {
    const [services = 0, servers = 0] = size.split('x').map(Number);
    const what = `ipvs: ${services * servers} servers in ${services} services, ms`;
    const withKeepalived = ['program', 'one change'];
    return [
      { what, columns: COLUMNS, ours: cells(ours), theirs: cells(ipvsadm), peer: 'ipvsadm' },
      {
        what: `  from the start of the program, ms`,
        columns: ['program'],
        ours: [Math.round(ours.fromStart)],
        theirs: [Math.round(keepalived.program)],
      },
      {
        what: `  the same beside keepalived (start and SIGHUP), ms`,
        columns: withKeepalived,
        ours: cells(ours).slice(0, 2),
        theirs: cells(keepalived).slice(0, 2),
      },
      {
        what: `  the same beside the kernel's part of it, ms`,
        columns: COLUMNS,
        ours: cells(ours),
        theirs: cells(kernel),
        peer: 'kernel',
      },
    ];
  });
}

async function timesOf(size: string, program: string): Promise<Times> {
  const { output, code } = await runInGuest(`exec node test/bench/src/ipvs-guest-main.ts ${size} ${program}`, {
    timeout: GUEST_MS,
    megabytes: 1_024,
  });
  const line = output.split('\n').find((each) => each.startsWith('{'));
  if (line === undefined)
    throw new Error(`${size} by ${program}: the guest ended with ${code}: ${output.slice(-2_000)}`);
  return JSON.parse(line) as Times;
}
