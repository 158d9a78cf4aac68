import { micros } from '@keepfleet/machine';
import { parseIp } from '@keepfleet/wire';
import { z } from 'zod';

// What the schemas of this process are made of.
export const ip = z.string().transform((text, context) => {
  const address = parseIp(text);
  if (address.ok) return address.value;
  context.addIssue({ code: 'custom', message: `not an IP address: ${text}` });
  return z.NEVER;
});
export const port = z.int().min(0).max(65_535);
export const duration = z.int().nonnegative().transform(micros);
/** A checker that would run all the time, or give up at once, is a mistake. */
export const span = z.int().positive().transform(micros);
export const count = z.int().nonnegative();
export const text = z.string().nullable();
