import { MAX_META_BYTES, isMemberName } from './packet.ts';
import { encodeTags } from './serf.ts';
import type { SwimSettings } from './settings.ts';
import { encodeUtf8 } from './utf8.ts';

/** What is wrong with settings, in words for whoever wrote them; undefined when nothing is. */
export function settingsProblem(settings: SwimSettings): string | undefined {
  if (!isMemberName(settings.name)) return `the member name "${settings.name}" is empty or longer than 128 bytes`;
  const { address, port } = settings.advertise;
  if (address === '0.0.0.0' || address === '::')
    return `the advertised address ${address} is no address that others could send to; set the one they shall use`;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return `the advertised port ${port} is not from 1 to 65535`;
  const meta = encodeTags(settings.tags).length;
  if (meta > MAX_META_BYTES) return `the tags take ${meta} bytes, and at most ${MAX_META_BYTES} can be told`;
  if (encodeUtf8(settings.label).length > 255) return 'the label is longer than 255 bytes';
  if (settings.sendPlain && !settings.acceptPlain)
    return 'sending plain gossip without accepting it would make this member deaf to those that do the same';
  const { probeInterval, probeTimeout, packetSize, awarenessMaximum } = settings;
  if (probeTimeout >= probeInterval)
    return `probeTimeout (${probeTimeout / 1000} ms) is to be shorter than probeInterval (${probeInterval / 1000} ms)`;
  if (packetSize < MIN_PACKET || packetSize > MAX_PACKET)
    return `packetSize ${packetSize} is not from ${MIN_PACKET} to ${MAX_PACKET}`;
  if (awarenessMaximum < 1) return 'awarenessMaximum is at least 1';
  return undefined;
}

/** Room for the largest metadata and a name, and what an UDP datagram can hold. */
const MIN_PACKET = 900;
const MAX_PACKET = 65_000;
