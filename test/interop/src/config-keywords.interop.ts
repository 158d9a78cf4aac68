import assert from 'node:assert/strict';
import { type KeywordExample, keywordExamples } from '@keepfleet/config';
import { afterAll, describe, it } from 'vitest';
import { DIED, Judge, type Judgement } from './config-keywords.ts';

// Each keyword with its least and greatest values, below, above, of the wrong type, missing and one too many: what we find
// fault with beside what `keepalived -t` does. Needs Debian's keepalived.

interface Explanation {
  /** Of the statement, behind the name of its block: `global_defs: vrrp_ipsets some`. */
  readonly statement: RegExp;
  /** Of the message of the one that finds fault. */
  readonly message: RegExp;
  readonly why: string;
}

/** What keepalived finds fault with and we do not. */
const THEIRS: readonly Explanation[] = [
  {
    statement: /\d\.\d/,
    message: /^invalid number '\d+\.\d+'/,
    why: 'it takes whole seconds there before 2.3.2',
  },
  { statement: /^bfd_instance: \w+_[rt]x/, message: /too many decimal places/, why: 'it takes three decimals' },
  { statement: /\{\n\}$/, message: /has no entries|empty/, why: 'an empty list is no fault' },
  {
    statement: /ff05::7/,
    message: /should be link-local/,
    why: 'it warns of a group that routers pass on, and takes it',
  },
  {
    statement: /lower_prio_repeat 4294967295/,
    message: /outside range \[0, 2147483647\]/,
    why: 'as many as vrrp_garp_master_repeat, from which it is taken, may be',
  },
  { statement: /vrrp_iptables/, message: /iptables not supported/, why: 'about the programs on its host' },
  { statement: /vrrp_ipsets/, message: /Unknown keyword/, why: 'it is built without' },
  { statement: /config_save_dir/, message: /^cp: /, why: 'there is no such directory' },
  { statement: /interface|vrf/, message: /doesn't exist|Non-existent/, why: 'the host is not looked at here' },
  { statement: /^vrrp_sync_group: group/, message: /already specified/, why: 'two lists count together' },
  { statement: /http_protocol 2/, message: /Invalid http_protocol/, why: 'ours alone' },
  { statement: /^SSL: /, message: /already specified - replacing/, why: 'the last counts here too, as everywhere' },
  {
    statement:
      /: (?:startup_script|shutdown_script|tmp_config_directory|net_namespace|net_namespace_ipvs|instance|vrf)[ \n]/,
    message: /already|Duplicate|Cannot specify VRF/,
    why: 'it has no effect here, which is said of each of them',
  },
  {
    statement: /^url: digest (0+)\ndigest \1/,
    message: /is a duplicate/,
    why: 'one that is there twice is there once',
  },
  { statement: /^FILE_CHECK: /, message: /Unknown keyword/, why: 'later releases take there what every checker takes' },
];

/** What we find fault with and keepalived does not. */
const OURS: readonly Explanation[] = [
  { statement: / some$| some \{\n\}$/, message: /\[extra-parameter\]$/, why: 'it takes what follows in silence' },
  { statement: /./, message: /\[deprecated\]$/, why: 'it takes it in silence' },
  {
    statement: /delay_before_retry|warmup|delay_loop|child_wait_time/,
    message: /\[out-of-range\]$/,
    why: 'it does not look at the limits of these times',
  },
  { statement: /threshold 0/, message: /\[out-of-range\]$/, why: '0 is what holds without it' },
  {
    statement: / maybe$/,
    message: /\[bad-value\]$/,
    why: 'it takes any other word for on, or leaves it out in silence',
  },
  { statement: /default_interface x{16}/, message: /\[bad-value\]$/, why: 'it looks when it is used' },
  {
    statement: /: (?:smtp_helo_name|notify_deleted|script|misc_path|status_code|regex\w*)(?: |$)/,
    message: /\[(?:missing-parameter|out-of-range|bad-value)\]$/,
    why: 'it takes a keyword without its value, or a wrong one, in silence there',
  },
  { statement: /^SMTP_CHECK: bindto/, message: /another family/, why: 'it looks at it in the other checkers only' },
];

const instance = (name: string, lines: string) =>
  `vrrp_instance ${name} {\ninterface eth0\nvirtual_router_id 9\nvirtual_ipaddress {\n192.0.2.9\n}\n${lines}\n}`;
const service = (lines: string, servers = 'real_server 192.0.2.20 80 {\nweight 1\n}') =>
  `virtual_server 192.0.2.9 80 {\nlb_algo rr\nlb_kind NAT\n${lines}\n${servers}\n}`;
const TOP = 'the top level';
const STRICT = 'strict_mode\n';

/** Settings that are right by themselves and not beside each other, one by one: what, in which block, its lines. */
const CROSS_CHECKS: readonly (readonly [string, string, string])[] = [
  ['nothing is wrong with an instance', TOP, instance('I', '')],
  ['a quote stands in quotes behind a backslash', 'global_defs', 'router_id "a\\"b"'],
  ['a backslash stands before the end of quotes', 'global_defs', 'router_id "a\\"'],
  ['nothing is wrong with two backslashes before the end of quotes', 'global_defs', 'router_id "a\\\\"'],
  ['nothing is wrong with an escaped quote in a command', 'vrrp_instance', 'notify "/bin/echo \\"a\\"" root'],
  [
    'state MASTER stands beside AH',
    TOP,
    instance('I', 'state MASTER\npriority 100\nauthentication {\nauth_type AH\nauth_pass some\n}'),
  ],
  ['nothing is wrong with a service', TOP, service('protocol TCP')],
  ['a service has no protocol', TOP, service('')],
  ['a service of one packet is not UDP', TOP, service('protocol TCP\nops')],
  ['nothing is wrong with a UDP service of one packet', TOP, service('protocol UDP\nops')],
  ['a service on every port is not persistent', TOP, service('protocol TCP').replace('.9 80', '.9 0')],
  ['a mark has a protocol', TOP, service('protocol TCP').replace('192.0.2.9 80', 'fwmark 9')],
  [
    'a real server is there twice',
    TOP,
    service('protocol TCP', 'real_server 192.0.2.20 80 {\n}\nreal_server 192.0.2.20 80 {\n}'),
  ],
  ['a quorum is more than the weights', TOP, service('protocol TCP\nquorum 2')],
  ['the hysteresis is not below the quorum', TOP, service('protocol TCP\nhysteresis 1')],
  ['a real server behind DR has another port', TOP, service('protocol TCP\nlb_kind DR').replace('.20 80', '.20 81')],
  ['a service has no real server', TOP, service('protocol TCP', '')],
  [
    'a service has real servers of the other family',
    TOP,
    service('protocol TCP').replace('192.0.2.20', '2001:db8::20'),
  ],
  // It merges the two in silence.
  ['ours: a service is there twice', TOP, `${service('protocol TCP')}\n${service('protocol TCP')}`],
  // It leaves the service out in silence.
  [
    'ours: a service names a group that is nowhere',
    TOP,
    service('protocol TCP').replace('192.0.2.9 80', 'group nowhere'),
  ],
  ['an instance has no address', TOP, instance('I', '').replace('192.0.2.9\n', '')],
  ['an instance has no virtual router id', TOP, instance('I', '').replace('virtual_router_id 9\n', '')],
  ['two instances have one virtual router id on one interface', TOP, `${instance('I', '')}\n${instance('J', '')}`],
  ['two instances have one name', TOP, `${instance('I', '')}\n${instance('I', '').replace('id 9', 'id 10')}`],
  ['nopreempt stands beside state MASTER', TOP, instance('I', 'state MASTER\nnopreempt')],
  ['preempt_delay stands beside state MASTER', TOP, instance('I', 'state MASTER\npreempt_delay 5')],
  ['an instance tracks a script that is nowhere', TOP, instance('I', 'track_script {\nnowhere\n}')],
  ['an instance tracks a file that is nowhere', TOP, instance('I', 'track_file {\nnowhere\n}')],
  ['an instance tracks a process that is nowhere', TOP, instance('I', 'track_process {\nnowhere\n}')],
  ['an instance tracks a BFD session that is nowhere', TOP, instance('I', 'track_bfd {\nnowhere\n}')],
  ['a sync group has one instance', TOP, `${instance('I', '')}\nvrrp_sync_group S {\ngroup {\nI\n}\n}`],
  [
    'a sync group names an instance that is nowhere',
    TOP,
    `${instance('I', '')}\nvrrp_sync_group S {\ngroup {\nI\nnowhere\n}\n}`,
  ],
  ['two sync groups have one instance', 'vrrp_sync_group', '}\nvrrp_sync_group H {\ngroup {\nV\nW\n}'],
  ['version 3 has a password', TOP, instance('I', 'version 3\nauthentication {\nauth_type PASS\nauth_pass some\n}')],
  ['nothing is said of strict mode with unicast peers', TOP, instance('I', `${STRICT}unicast_peer {\n192.0.2.2\n}`)],
  ['strict mode has a password', TOP, instance('I', `${STRICT}authentication {\nauth_type PASS\nauth_pass some\n}`)],
  ['strict mode has a delay of preemption', TOP, instance('I', `${STRICT}preempt_delay 5`)],
  ['strict mode has state MASTER without priority 255', TOP, instance('I', `${STRICT}state MASTER\npriority 100`)],
  ['strict mode has priority 255 without state MASTER', TOP, instance('I', `${STRICT}state BACKUP\npriority 255`)],
  ['strict mode accepts though it is no owner', TOP, instance('I', `${STRICT}accept`)],
  ['strict mode has no address', TOP, instance('I', STRICT).replace('192.0.2.9\n', '')],
  ['strict mode has another count of missed adverts', TOP, instance('I', `${STRICT}down_timer_adverts 4`)],
  ['strict mode sends adverts to one of higher priority', TOP, instance('I', `${STRICT}higher_prio_send_advert on`)],
  ['strict mode answers one of lower priority', TOP, instance('I', `${STRICT}lower_prio_no_advert off`)],
  [
    'strict mode begins with an IPv6 address that is not link-local',
    TOP,
    instance('I', STRICT).replace('192.0.2.9', '2001:db8::9'),
  ],
  ['strict mode has version 2 and IPv6', TOP, instance('I', `${STRICT}version 2`).replace('192.0.2.9', 'fe80::9')],
];

const LANES = 3;
const examples = keywordExamples().filter(({ newer, block }) => !newer && block !== 'GRPC_CHECK');
const judge = new Judge();
const needed = new Set<Explanation>();
let judged = 0;
let died = 0;
afterAll(() => judge.close());

describe('our verdict on a keyword beside that of keepalived -t', () => {
  for (const block of new Set(examples.map((example) => example.block)))
    it(`is the same in ${block}, or the difference is explained`, async () => {
      const waiting = examples.filter((example) => example.block === block).values();
      const unexplained: string[] = [];
      const lane = async () => {
        for (const example of waiting) unexplained.push(...differences(example, await judge.judge(example)));
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      assert.deepEqual(unexplained, []);
    });

  for (const [what, block, text] of CROSS_CHECKS)
    it(`is the same where ${what}`, async () => {
      const { theirs, ours } = await judge.judge({ block, text });
      const isFaulted = !/^nothing/.test(what);
      assert.deepEqual(
        [theirs.length > 0, ours.length > 0],
        [isFaulted && !/^ours/.test(what), isFaulted],
        JSON.stringify({ theirs, ours }),
      );
    });

  it('was compared for every keyword, but for those that make keepalived fall', () => {
    assert.equal(judged + died, examples.length);
    assert.ok(died < examples.length / 20, `${died} of ${examples.length}`);
  });

  it('has no explanation that nothing needs', () => {
    assert.deepEqual(
      [...THEIRS, ...OURS].filter((one) => !needed.has(one)),
      [],
    );
  });
});

function differences({ block, text, what }: KeywordExample, { theirs, ours, code }: Judgement): string[] {
  if (code === DIED) {
    died++;
    return [];
  }
  judged++;
  if (theirs.length > 0 === ours.length > 0) return [];
  const [table, messages] = theirs.length > 0 ? [THEIRS, theirs] : [OURS, ours];
  const statement = `${block}: ${text}`;
  const explanation = table.find(
    (one) => one.statement.test(statement) && messages.some((each) => one.message.test(each)),
  );
  if (explanation === undefined)
    return [`${what}: ${statement}: keepalived ${JSON.stringify(theirs)}, we ${JSON.stringify(ours)}`];
  needed.add(explanation);
  return [];
}
