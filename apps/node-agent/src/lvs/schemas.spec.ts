import { isDeepStrictEqual } from 'node:util';
import { parseKeepalivedConfig } from '@keepfleet/config';
import { Balancer, OptionsKeeper, type LvsSnapshot, type Operation, encodeOperation, reportOf } from '@keepfleet/ipvs';
import { instant } from '@keepfleet/machine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withLikeness } from '../link/index.ts';
import { lvsSettings } from '../settings/index.ts';
import { lvsCommandSchema, lvsSettingsSchema, lvsOutcomeSchema, lvsSnapshotSchema, settingsSchema } from './schemas.ts';

const text = `
virtual_server_group g {
  198.51.100.20-22 80
  fwmark 7
}
virtual_server 198.51.100.15 80 {
  delay_loop 2
  lb_algo sh
  sh-port
  lb_kind NAT
  protocol TCP
  persistence_timeout 300
  sorry_server 192.168.1.99 80
  real_server 192.168.1.10 80 {
    weight 3
    HTTP_GET {
      url {
        path /
        status_code 200
      }
      url {
        path /second
        status_code 200
      }
      connect_timeout 3
    }
    TCP_CHECK {
      bindto 192.168.1.1
    }
  }
}
virtual_server group g {
  lb_kind TUN
  protocol TCP
  real_server 192.168.1.11 80 {
  }
}
`;
const settings = lvsSettings(parseKeepalivedConfig({ file: 'k.conf', text, configId: 'l1' }).config);
interface Place {
  readonly at: object;
  readonly field: string;
}

/** Every field of every object and list in a JSON value. */
function placesIn(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([field, inner]) => [{ at: value, field }, ...placesIn(inner)]);
}

const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('settings on the link', () => {
  it('of a configuration arrive as they were sent', () => {
    expect(settings.virtualServers).toHaveLength(2);
    expect(lvsSettingsSchema.parse(throughJson(settings))).toEqual(settings);
    expect(lvsSettingsSchema.parse(throughJson(withLikeness(settings)))).toEqual(settings);
  });

  it.each<[string, object]>([
    ['an address that is none', { target: { kind: 'address', address: '198.51.100.300', port: 80 } }],
    ['a port too high', { target: { kind: 'address', address: '198.51.100.1', port: 65_536 } }],
    ['a scheduler name that the kernel cannot hold', { scheduler: 'a-name-of-16-char' }],
    ['a scheduler name with a blank', { scheduler: 'r r' }],
    ['a missing list', { realServers: undefined }],
  ])('with %s are refused', (_name, change) => {
    const [first, ...rest] = settings.virtualServers;
    const broken = { ...settings, virtualServers: [{ ...first, ...change }, ...rest] };
    expect(lvsSettingsSchema.safeParse(throughJson(broken)).success).toBe(false);
  });

  describe('are read to the same, and refused with the same words, whether the schema is asked about all of it or not', () => {
    const plain = `virtual_server 198.51.100.16 80 {
      protocol UDP
      real_server 192.168.1.20 80 {
      }
      real_server 192.168.1.21 80 {
        weight 2
      }
    }
    `;
    const of = (conf: string) =>
      lvsSettings(parseKeepalivedConfig({ file: 'k.conf', text: conf, configId: 'l1' }).config);
    const asked = settingsSchema();
    // Compared without a matcher: there are thousands of them.
    const isReadAlike = (sent: unknown) => {
      const before = structuredClone(sent);
      const expected = asked.safeParse(sent);
      const read = lvsSettingsSchema.safeParse(sent);
      return (
        isDeepStrictEqual(sent, before) &&
        isDeepStrictEqual(read.data, expected.data) &&
        JSON.stringify(read.error?.issues) === JSON.stringify(expected.error?.issues)
      );
    };
    const change = ({ at, field }: Place, value: unknown) => {
      if (value === undefined) Reflect.deleteProperty(at, field);
      else Reflect.set(at, field, structuredClone(value));
    };
    const numbers = [-1, 0, -0, 1, 1.5, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 53];
    const words = ['', 'tcp', 'nat', 'dr', 'tun', 'fwmark', 'group', '10.0.0.1', '10.0.0.01', '10.0.0.256', '::0001'];
    const others = [null, true, undefined, [], {}, [1], { kind: 'nat' }, { kind: 'nat', more: 1 }, { like: {} }];
    const odd = [...numbers, ...words, ...others];

    it.each([true, false])('with any field of a usual server as any odd value (alike: %s)', (alike) => {
      const settings = of(plain);
      const sent = () => throughJson(alike ? withLikeness(settings) : settings);
      const readOtherwise: unknown[] = [];
      for (const i of placesIn(sent()).keys()) {
        for (const value of odd) {
          const changed = sent();
          const place = placesIn(changed)[i];
          if (place !== undefined) change(place, value);
          if (!isReadAlike(changed)) readOtherwise.push([place?.field, value]);
        }
      }
      expect(readOtherwise).toEqual([]);
    });

    it('with several changes, and fields of a later version', () => {
      const settings = of(`${text}${plain}`);
      const value = fc.oneof(fc.constantFrom<unknown>(...odd), fc.jsonValue());
      fc.assert(
        fc.property(fc.boolean(), fc.array(fc.tuple(fc.nat(), value, fc.boolean())), (alike, changes) => {
          const sent = throughJson(alike ? withLikeness(settings) : settings);
          for (const [i, next, later] of changes) {
            const places = placesIn(sent);
            const place = places[i % places.length];
            if (place !== undefined) change(later ? { at: place.at, field: 'later' } : place, next);
          }
          expect(isReadAlike(sent)).toBe(true);
        }),
      );
    });
  });

  it('that pass can all be encoded for the kernel', () => {
    const balancer = new Balancer();
    balancer.handle({ kind: 'table', services: [] }, instant(0));
    const outputs = balancer.handle({ kind: 'configure', settings: lvsSettingsSchema.parse(settings) }, instant(1));
    const operations = outputs.flatMap((output): readonly Operation[] =>
      output.kind === 'apply' ? output.operations : [],
    );
    expect(operations.map((operation) => encodeOperation(operation).command)).toEqual([1, 5, 1, 5, 1, 5, 1, 5, 1, 5]);
  });
});

describe('a snapshot on the link', () => {
  it('arrives as it was sent, with nothing left out', () => {
    const balancer = new Balancer();
    balancer.handle({ kind: 'table', services: [] }, instant(0));
    balancer.handle({ kind: 'configure', settings }, instant(1));
    const checkers = () => [
      { what: 'TCP_CHECK', state: 'up', ran: true, lastResult: 'fine', failures: 0, since: 1 } as const,
    ];
    const snapshot: LvsSnapshot = reportOf(balancer, {
      unixMillis: (at) => at,
      options: new OptionsKeeper().report,
      checkers,
    });
    expect(lvsSnapshotSchema.parse(throughJson(snapshot))).toEqual(snapshot);
    expect(snapshot.virtualServers[0]?.realServers[0]?.kernel).toMatchObject({ weight: 3 });
  });
});

describe('a command', () => {
  it.each([{ kind: 'connections' }, { kind: 'flush' }, { kind: 'connections', address: '192.0.2.1', port: -1 }])(
    'that is not known or not whole is refused: %j',
    (command) => {
      expect(lvsCommandSchema.safeParse(command).success).toBe(false);
    },
  );
});

describe('the answer to a command', () => {
  const counts = { active: 1, inactive: 2, persistent: 0 };
  const services = [{ service: 'tcp/198.51.100.15:80', server: '192.168.1.10:80', weight: null, ...counts }];

  it.each([
    { ok: true, services, total: counts },
    { ok: false, reason: 'no such server' },
  ])('is read: %j', (outcome) => {
    expect(lvsOutcomeSchema.parse(outcome)).toEqual(outcome);
  });

  it.each([undefined, {}, { ok: true }, { ok: true, services, total: { active: -1, inactive: 0, persistent: 0 } }])(
    'is refused: %j',
    (outcome) => {
      expect(lvsOutcomeSchema.safeParse(outcome).success).toBe(false);
    },
  );
});
