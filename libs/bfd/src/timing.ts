import { type Duration, type RandomSource, micros } from '@keepfleet/machine';

/** Between two packets, RFC 5880 section 6.8.2: neither side is pressed beyond what it said. */
export function transmitInterval(desiredMinTx: Duration, remoteMinRx: Duration): Duration {
  return desiredMinTx > remoteMinRx ? desiredMinTx : remoteMinRx;
}

/** How long silence may last, RFC 5880 section 6.8.4: the neighbour's multiplier of the interval that it sends with. */
export function detectionTime(remoteDetectMult: number, requiredMinRx: Duration, remoteMinTx: Duration): Duration {
  return micros(remoteDetectMult * transmitInterval(requiredMinRx, remoteMinTx));
}

/**
 * The wait for the next packet, RFC 5880 section 6.8.7: shorter than the interval by 0 to 25 %, so that senders do not
 * fall into step; by 10 to 25 % where a single packet missed is a failure.
 */
export function jittered(interval: Duration, detectMult: number, random: RandomSource): Duration {
  const longest = detectMult === 1 ? 0.9 : 1;
  return micros(interval * (0.75 + random() * (longest - 0.75)));
}
