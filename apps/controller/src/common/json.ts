import { z } from 'zod';

const textMap = z.record(z.string(), z.string());

/** A map that this controller wrote as JSON; whatever else stands there is not ours. */
export function readTextMap(json: string): Record<string, string> {
  return textMap.parse(JSON.parse(json));
}
