/** A real server of a plan: .10 or .11 behind the director. */
interface PlannedServer {
  readonly last: 10 | 11;
  readonly weight: number;
  readonly upper: number;
  readonly lower: number;
}

interface PlannedService {
  readonly port: number;
  readonly scheduler: string;
  readonly persistence: number;
  readonly servers: readonly PlannedServer[];
}

/** What a storm has in its file. The service on port 80 and the instance STORM are in every plan and never edited. */
export interface StormPlan {
  readonly services: readonly PlannedService[];
  readonly garpDelay: number;
  readonly otherPriority: number;
  readonly comment: number;
}

const VIP = '198.51.100.15';
const SCHEDULERS = ['rr', 'wrr', 'lc', 'wlc', 'sh'];
const PORTS = [81, 82, 83, 84, 85, 86];
const UNCHANGED: PlannedService = {
  port: 80,
  scheduler: 'rr',
  persistence: 0,
  servers: [10, 11].map((last) => ({ last: last === 10 ? 10 : 11, weight: 1, upper: 0, lower: 0 })),
};

export function firstPlan(): StormPlan {
  return { services: [], garpDelay: 5, otherPriority: 50, comment: 0 };
}

/** One edit, as an operator makes them. */
export function editPlan(plan: StormPlan, random: () => number): StormPlan {
  const below = (limit: number) => Math.floor(random() * limit);
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const server = (last: 10 | 11): PlannedServer => {
    const upper = random() < 0.5 ? 0 : 100 + below(100);
    return { last, weight: below(20), upper, lower: upper === 0 ? 0 : 1 + below(90) };
  };
  const service = (port: number): PlannedService => ({
    port,
    scheduler: one(SCHEDULERS),
    persistence: random() < 0.3 ? 60 + below(300) : 0,
    servers: random() < 0.3 ? [server(one([10, 11]))] : [server(10), server(11)],
  });
  const free = PORTS.filter((port) => plan.services.every((each) => each.port !== port));
  switch (below(6)) {
    case 0:
      if (free.length > 0) return { ...plan, services: [...plan.services, service(one(free))] };
      return { ...plan, services: plan.services.slice(1) };
    case 1:
      return { ...plan, services: plan.services.filter(() => random() < 0.8) };
    case 2:
    case 3: {
      const chosen = plan.services.length === 0 ? undefined : one(plan.services);
      return { ...plan, services: plan.services.map((each) => (each === chosen ? service(each.port) : each)) };
    }
    case 4:
      return { ...plan, otherPriority: 1 + below(90), garpDelay: 1 + below(9) };
    default:
      return { ...plan, comment: plan.comment + 1, services: [...plan.services].reverse() };
  }
}

export function planText({ services, garpDelay, otherPriority, comment }: StormPlan): string {
  const block = ({ port, scheduler, persistence, servers }: PlannedService) =>
    [
      `virtual_server ${VIP} ${port} {`,
      ` lb_algo ${scheduler}`,
      ' lb_kind NAT',
      ' protocol TCP',
      ' delay_loop 5',
      ...(persistence === 0 ? [] : [` persistence_timeout ${persistence}`]),
      ...servers.flatMap(({ last, weight, upper, lower }) => [
        ` real_server 192.168.1.${last} 80 {`,
        `  weight ${weight}`,
        ...(upper === 0 ? [] : [`  uthreshold ${upper}`, `  lthreshold ${lower}`]),
        '  TCP_CHECK {\n   connect_timeout 20\n   retry 3\n  }',
        ' }',
      ]),
      '}',
    ].join('\n');
  return `# edit ${comment}
vrrp_instance STORM {
 version 3
 state BACKUP
 interface eth0
 virtual_router_id 51
 priority 200
 advert_int 0.5
 garp_master_delay ${garpDelay}
 virtual_ipaddress {
  198.51.100.20/24
 }
}
vrrp_instance OTHER {
 version 3
 state BACKUP
 interface eth0
 virtual_router_id 52
 priority ${otherPriority}
 advert_int 0.5
 virtual_ipaddress {
  198.51.100.21/24
 }
}
${[UNCHANGED, ...services].map(block).join('\n')}
`;
}

/** What `ipvsadm -Sn` prints of the plan, sorted. */
export function planTable({ services }: StormPlan): readonly string[] {
  return [UNCHANGED, ...services]
    .flatMap(({ port, scheduler, persistence, servers }) => [
      `-A -t ${VIP}:${port} -s ${scheduler}${persistence === 0 ? '' : ` -p ${persistence}`}`,
      ...servers.map(({ last, weight }) => `-a -t ${VIP}:${port} -r 192.168.1.${last}:80 -m -w ${weight}`),
    ])
    .sort();
}

/** Real server, upper and lower threshold, as `ipvsadm -Ln --thresholds` has them, sorted. */
export function planThresholds({ services }: StormPlan): readonly string[] {
  return [UNCHANGED, ...services]
    .flatMap(({ servers }) => servers.map(({ last, upper, lower }) => `192.168.1.${last}:80 ${upper} ${lower}`))
    .sort();
}
