import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { dumpedLvs, modelledLvs } from './config-dump-lvs.ts';
import { mayStart } from './config-dump.ts';
import { type Case, ConfigStand, corpus, debian, ours } from './config-stand.ts';

// Our model of services, servers and checkers beside what keepalived itself prints of its own when it starts with the same
// file. It asks IPVS for nothing that the dump has, so the kernel needs none. Needs root, keepalived and a C compiler.

/** Every kind of service and of checker that Debian's keepalived has, with what each can be told. */
const EVERYTHING = `global_defs {
  router_id director
  lvs_timeouts tcp 700 tcpfin 60 udp 200
}
virtual_server_group many {
  198.51.100.20-21 80
  198.51.100.30 8080
  fwmark 9
}
virtual_server 198.51.100.15 80 {
  delay_loop 1.5
  lb_algo wrr
  lb_kind NAT
  protocol TCP
  persistence_timeout 120
  persistence_granularity 255.255.255.0
  quorum 6
  hysteresis 1
  alpha
  omega
  ha_suspend
  retry 3
  delay_before_retry 2.5
  connect_timeout 4
  warmup 7
  weight 5
  virtualhost www.example.net
  sorry_server 192.168.1.99 80
  sorry_server_inhibit
  real_server 192.168.1.10 80 {
    weight 4
    inhibit_on_failure
    uthreshold 100
    lthreshold 50
    TCP_CHECK {
      connect_timeout 3
      retry 1
      delay_before_retry 1
      warmup 1
      connect_ip 192.168.1.110
      connect_port 8080
      bindto 192.168.1.1
      bind_port 4000
    }
  }
  real_server 192.168.1.11 80 {
    lvs_method TUN type gue port 5000
    HTTP_GET {
      url {
        path /a
        digest 9b3a0c85a887a256d6939da88aabd8cd
        status_code 200
      }
      url {
        path /b
        virtualhost other.example.net
        status_code 200-204 301
      }
      http_protocol 1.1
      connect_timeout 5
    }
    SSL_GET {
      enable_sni
      url {
        path /c
        regex "ok"
      }
    }
  }
  real_server 192.168.1.12 80 {
    lvs_method DR
    weight 0
    alpha off
    SMTP_CHECK {
      helo_name director.example.net
      connect_ip 192.168.1.112
      connect_port 2525
    }
    DNS_CHECK {
      type A
      name www.example.net
    }
    PING_CHECK {
    }
    UDP_CHECK {
      payload 48 65 6c 6c 6f
      require_reply
    }
  }
}
virtual_server 198.51.100.15 81 {
  lb_algo sh
  lb_kind DR
  sh-port
  sh-fallback
  protocol SCTP
  quorum 1
  real_server 192.168.1.10 81 {
    weight 3
  }
}
virtual_server 198.51.100.15 82 {
  lb_algo mh
  lb_kind TUN
  mh-port
  mh-fallback
  protocol UDP
  ops
  real_server 192.168.1.10 82 {
  }
}
virtual_server fwmark 7 {
  lb_algo wlc
  lb_kind DR
  persistence_timeout
  real_server 192.168.1.10 0 {
    weight 70000
  }
}
virtual_server fwmark 8 {
  lb_kind NAT
  real_server fd00::10 53 {
  }
}
virtual_server 2001:db8::15 53 {
  lb_algo rr
  lb_kind NAT
  protocol UDP
  persistence_timeout 60
  persistence_granularity 64
  real_server fd00::10 53 {
    weight 0
  }
  real_server fd00::11 53 {
    inhibit_on_failure off
  }
}
virtual_server group many {
  lb_algo lc
  lb_kind NAT
  protocol TCP
  real_server 192.168.1.11 80 {
  }
}
`;

interface Difference {
  readonly line: RegExp;
  /** Undefined where the other has nothing. */
  readonly instead?: RegExp;
  readonly why: string;
}

/** Lines of keepalived's that ours do not have, and what they have instead. */
const DIFFERENCES: readonly Difference[] = [
  {
    line: /^Using smtp notification = yes$/,
    instead: /^Using smtp notification = no$/,
    why: 'a real server alerts by mail unless told otherwise, which needs an smtp_server, and without one it does not here',
  },
  {
    line: /^connection timeout = 3\.000000$/,
    instead: /^connection timeout = 5\.000000$/,
    why: 'what stands in a block that it does not know it takes for what is around it',
  },
  { line: /^Payload specified = no$/, why: 'said by the absence of its length' },
];

/** Checkers that only keepalived has. */
const MORE_CHECKERS: Readonly<Record<string, string>> = {
  SMTP_CHECK: 'each block "host" is a checker there, and they are one here',
  '011': 'the same file',
};

const directory = mkdtempSync(join(tmpdir(), 'kf-dump-'));
const everything: Case = { title: 'everything', path: join(directory, 'everything.conf'), configId: 'l1' };
const cases = [
  ...[...debian, ...corpus, ...ours].filter((one) => mayStart(readFileSync(one.path, 'utf8'))),
  everything,
];
const needed = new Set<Difference>();
let stand: ConfigStand;
let compared = 0;

beforeAll(() => {
  writeFileSync(everything.path, EVERYTHING);
  stand = new ConfigStand(cases);
}, 300_000);

afterAll(() => {
  stand.close();
  rmSync(directory, { recursive: true });
});

describe("our model of services beside keepalived's own dump", () => {
  for (const one of cases) {
    it(`${one.title} has the same services, servers and checkers`, async () => {
      const { config, diagnostics } = stand.read(one);
      // A file with errors is refused here as a whole and used there as far as it goes.
      if (diagnostics.some(({ severity, kind }) => severity === 'error' && !kind.startsWith('host-'))) return;
      if (config.virtualServers.length === 0) return;
      const theirs = dumpedLvs(await stand.dumpLvs(one));
      assert.ok(theirs !== undefined);
      const mine = modelledLvs(config);
      if (MORE_CHECKERS[one.title] === undefined) assert.deepEqual(Object.keys(mine), Object.keys(theirs));
      else assert.ok(Object.keys(mine).length < Object.keys(theirs).length, 'no difference any more');
      for (const [title, lines] of Object.entries(theirs)) {
        if (MORE_CHECKERS[one.title] !== undefined && title.includes(' -> ')) continue;
        const own = mine[title] ?? [];
        const alone = { theirs: without(lines, own), ours: without(own, lines) };
        for (const line of alone.theirs) {
          const explanation = DIFFERENCES.find(
            (each) =>
              each.line.test(line) && (each.instead === undefined || alone.ours.some((two) => each.instead?.test(two))),
          );
          assert.ok(explanation !== undefined, `${title}: ${JSON.stringify(alone, undefined, 1)}`);
          needed.add(explanation);
          if (explanation.instead !== undefined)
            alone.ours.splice(
              alone.ours.findIndex((two) => explanation.instead?.test(two)),
              1,
            );
        }
        assert.deepEqual(alone.ours, [], title);
        compared++;
      }
    });
  }

  it('was looked at for more than a few services, servers and checkers', () => {
    assert.ok(compared > 20, String(compared));
  });

  it('has no explanation that nothing needs', () => {
    // A checkout without the corpus does not need them all.
    if (corpus.length > 0)
      assert.deepEqual(
        DIFFERENCES.filter((one) => !needed.has(one)),
        [],
      );
  });
});

/** What of the first list is not in the second, as often as it is there. */
function without(lines: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return lines.filter((line) => {
    const index = left.indexOf(line);
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  });
}
