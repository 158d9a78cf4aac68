import { parseIp } from '@keepfleet/wire';
import { z } from 'zod';
import { endpointWithPort } from './endpoint.ts';

const SNMP_PORT = 161;
const TRAP_PORT = 162;

/** RFC 3414 section 11.2. */
const SHORTEST_PASSWORD = 8;

const oid = z
  .string()
  .regex(/^\.?[0-2](\.\d{1,10}){0,127}$/, 'expected an object identifier in numbers, such as 1.3.6.1.4.1.9586.100.5')
  .transform((text) => text.replace(/^\./, ''));

const password = z.string().min(SHORTEST_PASSWORD, 'expected at least 8 characters').max(255);
const access = z.enum(['read-only', 'read-write']);

const network = z.string().refine(
  (text) => {
    const [address = '', length, more] = text.split('/');
    const longest = address.includes(':') ? 128 : 32;
    return (
      parseIp(address).ok &&
      more === undefined &&
      (length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= longest))
    );
  },
  { error: 'expected an IP address or ADDRESS/LENGTH' },
);

const community = z.strictObject({
  name: z.string().min(1).max(255).describe('The word that managers send; it travels in clear.'),
  access: access.default('read-only'),
  from: z.array(network).default([]).describe('Addresses or networks that may use it; empty: everybody.'),
  view: z.string().optional().describe('Name of a view; missing: everything.'),
});

const user = z
  .strictObject({
    name: z.string().min(1).max(32),
    auth: z
      .strictObject({
        protocol: z.enum(['SHA', 'SHA-224', 'SHA-256', 'SHA-384', 'SHA-512']).default('SHA-256'),
        password,
      })
      .optional()
      .describe('Missing: whoever knows the name is believed.'),
    privacy: z
      .strictObject({ protocol: z.enum(['AES', 'AES-192', 'AES-256']).default('AES'), password })
      .optional()
      .describe('Missing: not encrypted.'),
    access: access.default('read-only'),
    view: z.string().optional().describe('Name of a view; missing: everything.'),
  })
  .superRefine((value, context) => {
    if (value.privacy !== undefined && value.auth === undefined)
      context.addIssue({ code: 'custom', path: ['privacy'], message: 'needs auth too' });
    if (value.access === 'read-write' && value.auth === undefined)
      context.addIssue({ code: 'custom', path: ['access'], message: 'is read-write, and that needs auth' });
  });

const view = z.strictObject({
  include: z.array(oid).default([]).describe('Subtrees that are shown; empty: all.'),
  exclude: z.array(oid).default([]).describe('Subtrees that are not shown.'),
});

const standalone = z.strictObject({
  listen: z
    .array(endpointWithPort(SNMP_PORT))
    .min(1)
    .prefault([`127.0.0.1:${SNMP_PORT}`])
    .describe('IP[:PORT] to answer at, by UDP; default 127.0.0.1:161.'),
  communities: z.array(community).default([]).describe('For versions 1 and 2c.'),
  contact: z.string().max(255).default('').describe('sysContact.'),
  location: z.string().max(255).default('').describe('sysLocation.'),
});

const receiver = z
  .strictObject({
    address: endpointWithPort(TRAP_PORT).describe('IP[:PORT] of the receiver; default port 162.'),
    community: z.string().min(1).max(255).optional().describe('Version 2c.'),
    user: z.string().optional().describe('Version 3: name of one of the users.'),
    inform: z.boolean().default(false).describe('Repeat until the receiver has answered.'),
    timeout: z
      .number()
      .min(0.1)
      .max(60)
      .default(1)
      .describe('Seconds before an inform is repeated, doubled each time up to a minute.'),
  })
  .superRefine((value, context) => {
    if ((value.community === undefined) === (value.user === undefined))
      context.addIssue({ code: 'custom', path: ['community'], message: 'or user: expected one of the two' });
  });

const notifications = z.strictObject({
  receivers: z.array(receiver).default([]).describe('Whom this agent tells by itself, besides those of snmpd.'),
  burst: z.int().min(1).max(10_000).default(100).describe('Notifications that go out at once after a quiet time.'),
  perSecond: z.number().min(0.1).max(1000).default(20).describe('Rate after that; the rest wait, up to 1,000.'),
});

/** The `snmp` part of agent.yaml. */
export const snmpSettings = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Whether this node is a sub-agent of a master agent.'),
    agentx: z
      .string()
      .regex(/^(unix:\/|\/|tcp:)/, 'expected unix:/PATH or tcp:HOST:PORT')
      .optional()
      .describe(
        'Where the master agent listens for sub-agents, as net-snmp writes it; default snmp_socket of keepalived.conf, else unix:/var/agentx/master.',
      ),
    standalone: standalone.optional().describe('Missing: managers ask the master agent only.'),
    users: z.array(user).default([]).describe('Users of version 3, for standalone and for notifications.'),
    views: z.record(z.string(), view).default({}).describe('What communities and users may see.'),
    notifications: notifications.prefault({}).describe('Sent with enable_traps in keepalived.conf.'),
  })
  .superRefine((value, context) => {
    const named: readonly (readonly [readonly PropertyKey[], string | undefined])[] = [
      ...value.users.map((one, i) => [['users', i, 'view'], one.view] as const),
      ...(value.standalone?.communities ?? []).map(
        (one, i) => [['standalone', 'communities', i, 'view'], one.view] as const,
      ),
    ];
    for (const [path, name] of named) {
      if (name !== undefined && value.views[name] === undefined)
        context.addIssue({ code: 'custom', path: [...path], message: `there is no view ${name}` });
    }
    for (const [i, { user: name }] of value.notifications.receivers.entries()) {
      if (name !== undefined && !value.users.some((one) => one.name === name))
        context.addIssue({
          code: 'custom',
          path: ['notifications', 'receivers', i, 'user'],
          message: `there is no user ${name}`,
        });
    }
    const names = value.users.map((one) => one.name);
    const twice = names.findIndex((name, i) => names.indexOf(name) !== i);
    if (twice >= 0)
      context.addIssue({ code: 'custom', path: ['users', twice, 'name'], message: `${names[twice]} is there twice` });
  });

export type SnmpSettings = z.output<typeof snmpSettings>;
