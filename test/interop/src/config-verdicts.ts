import { type Diagnostic, type DiagnosticKind, describeLanguage } from '@keepfleet/config';

/** One thing that keepalived found, without the place in front of it. */
export interface Complaint {
  readonly line: number | undefined;
  readonly text: string;
}

/** Its messages, each once: every process of it prints its own. */
export function complaintsOf(output: string): readonly Complaint[] {
  const found = new Map<string, Complaint>();
  for (const whole of output.split('\n')) {
    const [, line, text = ''] = /^(?:\((?:\S+: )?Line (\d+)\) )?(.*)$/.exec(whole) ?? [];
    if (text === '') continue;
    const complaint = { line: line === undefined ? undefined : Number(line), text };
    found.set(`${line}:${text}`, complaint);
  }
  return [...found.values()];
}

interface Pairing {
  readonly theirs: RegExp;
  readonly kind: DiagnosticKind;
  readonly ours: RegExp;
}

/** Messages of keepalived that name no line, with what we say for each. */
export const PAIRINGS: readonly Pairing[] = [
  { theirs: /^Disabling track script \S+ since not found/, kind: 'host-program', ours: /has no program/ },
  { theirs: /^SECURITY VIOLATION/, kind: 'host-security', ours: /runs as root/ },
  { theirs: /^Sync group \S+ has only 1/, kind: 'ignored', ours: /has one instance only/ },
  { theirs: /^Sync group \S+ has no virtual/, kind: 'ignored', ours: /has no instance/ },
  { theirs: /No VIP specified/, kind: 'missing-setting', ours: /no virtual_ipaddress/ },
  { theirs: /A unicast keyword has been specified/, kind: 'ignored', ours: /there is no unicast_peer/ },
  { theirs: /Unknown interface!/, kind: 'missing-setting', ours: /has no interface/ },
  { theirs: /Unknown interface!/, kind: 'host-interface', ours: /is the loopback interface/ },
  { theirs: /the virtual router id must be set/, kind: 'missing-setting', ours: /has no virtual_router_id/ },
  { theirs: /nopreempt will not work/, kind: 'ignored', ours: /nopreempt has no effect/ },
  { theirs: /There are \d+ missing '}'s/, kind: 'missing-close', ours: /the file ends inside/ },
  { theirs: /Ignoring track_interface \S+ since own/, kind: 'ignored', ours: /tracks its own interface/ },
  { theirs: /protocol specified for fwmark/, kind: 'ignored', ours: /a mark has no protocol/ },
  { theirs: /^No script set for vrrp_script/, kind: 'missing-setting', ours: /has no script/ },
  { theirs: /^Warning - quorum \d+ for/, kind: 'adjusted', ours: /can never be reached/ },
  { theirs: /tracked interface weight due to SYNC group/, kind: 'ignored', ours: /has no effect in the sync group/ },
  { theirs: /is configured on VRRP instance and sync group/, kind: 'duplicate', ours: /is tracked by the sync group/ },
  {
    theirs: /^Configuration error: BFD instance \S+ has no neighbor/,
    kind: 'missing-setting',
    ours: /has no neighbor_ip/,
  },
  { theirs: /^Unable to set uid\/gid for script/, kind: 'host-user', ours: /this node has no user/ },
  { theirs: /IPv4 ipvlan requires a source/, kind: 'ignored', ours: /has no address to send from/ },
  { theirs: /Initial state master is incompatible with AH/, kind: 'ignored', ours: /does not go with auth_type AH/ },
  { theirs: /^Unable to set default user/, kind: 'bad-value', ours: /for "enable_script_security"/ },
];

interface Explanation {
  readonly text: RegExp;
  readonly why: string;
}

/** What keepalived says and we do not. */
export const THEIRS_ONLY: readonly Explanation[] = [
  {
    text: /already exists and is not a private macvlan/,
    why: 'the namespace has an interface of each name, that of a virtual MAC too',
  },
  { text: /^Unknown keyword '\}'$/, why: 'the end of a block that is skipped as a whole here' },
  { text: /^Unknown keyword '\\'$/, why: 'it makes words of the backslashes that end comments' },
  { text: /^Config files missing '\S*[*?[]/, why: 'a directory for later files may be empty' },
  {
    text: /^WARNING - interface \S+ for vrrp_instance/,
    why: 'an instance with an error is left out before the host is looked at',
  },
  {
    text: /^Warning - cannot track route|^Route cannot be tracked|for routes is deprecated/,
    why: 'that a route is not watched is no fault of the file',
  },
  { text: /no (scheduler|forwarding method) set, setting default/, why: 'a documented default is no fault' },
  { text: /^iptables not supported/, why: 'about the programs on its host' },
  {
    text: /track script \S+ not found, ignoring/,
    why: 'a script may stand behind what tracks it; one that does not exist we report',
  },
  { text: /^Invalid smtp server/, why: 'the name of a mail server is looked up when there is mail' },
  {
    text: /promote_secondaries is automatically/,
    why: 'promote_secondaries has no effect yet, which is said instead',
  },
  {
    text: /^Non-existent interface specified/,
    why: 'an instance with an error is left out before the host is looked at',
  },
];

/** What we say and keepalived does not. */
export const OURS_ONLY: readonly (Explanation & { readonly kind: DiagnosticKind })[] = [
  {
    kind: 'host-program',
    text: /has no program/,
    why: 'keepalived looks only for scripts that are tracked, and finds out about the others when they are to run',
  },
  { kind: 'deprecated', text: /^"(host|lvs_flush_onstop)" is deprecated/, why: 'keepalived takes it in silence' },
  {
    kind: 'extra-parameter',
    text: /have no effect/,
    why: 'keepalived takes what follows the last parameter in silence',
  },
  {
    kind: 'duplicate',
    text: /has \S+ already; this line has no effect/,
    why: 'keepalived takes the first and drops the other in silence',
  },
  {
    kind: 'unresolved-reference',
    text: /there is no usable bfd_instance/,
    why: 'keepalived drops the tracking of a bfd_instance that it has disabled in silence',
  },
  { kind: 'ignored', text: /nothing tracks vrrp_script/, why: 'keepalived says it only in its log' },
  {
    kind: 'bad-value',
    text: /is not ipv6 like its virtual server/,
    why: 'keepalived leaves the refusal to the kernel',
  },
  {
    kind: 'ignored',
    text: /^virtual_server \S+ has no real server and is left out/,
    why: 'its real servers are of the wrong family',
  },
  {
    kind: 'missing-setting',
    text: /has no virtual_router_id/,
    why: 'keepalived stops at the interface that does not exist',
  },
];

/** Of a file whose braces do not pair, keepalived goes on to find fault with every line, and we say it once. */
export const STRUCTURE: ReadonlySet<DiagnosticKind> = new Set([
  'unexpected-open',
  'unexpected-close',
  'unexpected-block',
  'missing-close',
  'unmatched-quote',
  // keepalived takes the braces of a ${NAME} that nothing defines for a block.
  'undefined-name',
]);

const NEWER: ReadonlySet<string> = new Set(
  describeLanguage().flatMap(({ keywords }) => keywords.flatMap((one) => (one.since === undefined ? [] : one.keyword))),
);

/** Debian's keepalived is older than the language here. */
function isNewer(text: string): boolean {
  return NEWER.has(/^Unknown keyword '(\S+)'$/.exec(text)?.[1] ?? '');
}

export interface Comparison {
  readonly unexplained: readonly string[];
  /** The explanations that were needed. */
  readonly used: ReadonlySet<object>;
}

/** Every complaint of one side must be one of the other's, or be explained. */
export function compare(
  complaints: readonly Complaint[],
  diagnostics: readonly Diagnostic[],
  stopped: boolean,
): Comparison {
  const used = new Set<object>();
  const taken = new Set<Diagnostic>();
  const unexplained: string[] = [];
  const broken = diagnostics.some(({ kind }) => STRUCTURE.has(kind));
  for (const { line, text } of complaints) {
    const pairings = PAIRINGS.filter(({ theirs }) => theirs.test(text));
    const found = diagnostics.filter((one) => {
      const pairing = pairings.find(({ kind, ours }) => one.kind === kind && ours.test(one.message));
      if (pairing !== undefined) used.add(pairing);
      return pairing !== undefined || (line !== undefined && covers(one, line));
    });
    for (const one of found) taken.add(one);
    if (found.length > 0 || broken || isNewer(text)) continue;
    const explanation = THEIRS_ONLY.find((one) => one.text.test(text));
    if (explanation === undefined) unexplained.push(`keepalived alone: ${line ?? '-'}: ${text}`);
    else used.add(explanation);
  }
  // At a missing parameter keepalived ends, and what it would have said of the rest nobody knows.
  for (const one of stopped ? [] : diagnostics) {
    if (taken.has(one) || (broken && complaints.length > 0)) continue;
    const explanation = OURS_ONLY.find(({ kind, text }) => kind === one.kind && text.test(one.message));
    if (explanation === undefined) unexplained.push(`we alone: ${one.line}: ${one.message} [${one.kind}]`);
    else used.add(explanation);
  }
  return { unexplained, used };
}

/** A block that is skipped as a whole is read on by keepalived, line by line. */
function covers({ kind, line, message }: Diagnostic, at: number): boolean {
  const last = kind === 'unknown-keyword' ? /up to line (\d+)/.exec(message)?.[1] : undefined;
  return at >= line && at <= Number(last ?? line);
}
