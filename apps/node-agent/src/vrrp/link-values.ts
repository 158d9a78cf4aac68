import type { Duration } from '@keepfleet/machine';
import { type IpAddress, type MacAddress, parseIp, parseMac } from '@keepfleet/wire';
import { z } from 'zod';

// Values in the messages between the control and the vrrp process.

export const address = z.string().transform((text, context): IpAddress => {
  const parsed = parseIp(text);
  if (parsed.ok) return parsed.value;
  context.issues.push({ code: 'custom', message: `${text} is not an IP address`, input: text });
  return z.NEVER;
});

export const mac = z.string().transform((text, context): MacAddress => {
  const parsed = parseMac(text);
  if (parsed.ok) return parsed.value;
  context.issues.push({ code: 'custom', message: `${text} is not a MAC address`, input: text });
  return z.NEVER;
});

export const duration = z
  .int()
  .nonnegative()
  .transform((microseconds) => microseconds as Duration);

export const count = z.int().nonnegative();
export const family = z.enum(['ipv4', 'ipv6']);
export const optional = z.exactOptional;
