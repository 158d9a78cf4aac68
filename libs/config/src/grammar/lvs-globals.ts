import type { IpAddress } from '@keepfleet/wire';
import type { LvsSyncDaemon, LvsTimeouts } from '../model/model.ts';
import type { Arguments } from './context.ts';
import { syntax } from './form.ts';
import { address, integer, interfaceName } from './readers.ts';

const LONGEST_TIMEOUT = 2_678_400;
const LONGEST_MESSAGE = 65_507;

/** `tcp N tcpfin N udp N`, each once, in any order; 0 leaves the kernel's. */
export const lvsTimeouts = syntax(
  '[tcp SECONDS] [tcpfin SECONDS] [udp SECONDS]',
  'tcp 900 tcpfin 120 udp 300',
  (args: Arguments): LvsTimeouts | undefined => {
    const found: { tcp?: number; tcpFin?: number; udp?: number } = {};
    if (args.peek() === undefined) args.missing('tcp, tcpfin or udp with a number of seconds');
    for (let word = args.take(); word !== undefined; word = args.take()) {
      const field = ({ tcp: 'tcp', tcpfin: 'tcpFin', udp: 'udp' } as const)[word.text];
      if (field === undefined) return args.bad(word, 'tcp, tcpfin or udp');
      const seconds = integer(0, LONGEST_TIMEOUT)(args);
      if (seconds !== undefined) found[field] = seconds;
    }
    return { tcp: found.tcp ?? 0, tcpFin: found.tcpFin ?? 0, udp: found.udp ?? 0 };
  },
);

/** Options in any order; the bare forms of old files are an instance, or a number that is the id. */
export const lvsSyncDaemon = syntax(
  'INTERFACE [[inst] VRRP-INSTANCE] [id 0..255] [maxlen 1..65507] [port 1..65535] [ttl 1..255] [group MULTICAST]',
  'eth0 VI_1 id 7 maxlen 1400 port 8848 ttl 1 group 224.0.0.81',
  (args: Arguments): LvsSyncDaemon | undefined => {
    const name = interfaceName(args);
    if (name === undefined) return undefined;
    const found: {
      instance?: string;
      syncId?: number;
      maxLength?: number;
      port?: number;
      ttl?: number;
      group?: IpAddress;
    } = {};
    for (let word = args.take(); word !== undefined; word = args.take()) {
      switch (word.text) {
        case 'inst':
          Object.assign(found, defined('instance', args.need('the name of a vrrp_instance')?.text));
          break;
        case 'id':
          Object.assign(found, defined('syncId', integer(0, 255)(args)));
          break;
        case 'maxlen':
          Object.assign(found, defined('maxLength', integer(1, LONGEST_MESSAGE)(args)));
          break;
        case 'port':
          Object.assign(found, defined('port', integer(1, 65_535)(args)));
          break;
        case 'ttl':
          Object.assign(found, defined('ttl', integer(1, 255)(args)));
          break;
        case 'group': {
          const written = args.peek();
          const group = address(args);
          if (group === undefined || written === undefined) break;
          if (!/^(ff|22[4-9]\.|23\d\.)/.test(group)) args.bad(written, 'a multicast address');
          else found.group = group;
          break;
        }
        default:
          if (/^\d+$/.test(word.text) && Number(word.text) <= 255) found.syncId = Number(word.text);
          else found.instance = word.text;
      }
    }
    return { interface: name, ...found };
  },
);

function defined(field: string, value: unknown): object {
  return value === undefined ? {} : { [field]: value };
}
