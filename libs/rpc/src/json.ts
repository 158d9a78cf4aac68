interface Message<T> {
  toJSON(message: T): unknown;
}

/**
 * A message as JSON with everything it has: the generated `toJSON` leaves out lists and maps that are empty, which a
 * script would have to tell from those that it misspelt.
 */
export function toJson<T>(type: Message<T>, message: T): unknown {
  return withEmpty(message, type.toJSON(message));
}

function withEmpty(message: unknown, json: unknown): unknown {
  if (Array.isArray(message) && Array.isArray(json))
    return json.map((one, index) => withEmpty(message[index] as unknown, one));
  if (!isRecord(message) || !isRecord(json)) return json;
  const whole: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(message)) {
    // A oneof stands in JSON under the name of the case that is set.
    const [key, field] =
      isRecord(value) && typeof value['$case'] === 'string' ? [value['$case'], value['value']] : [name, value];
    if (key in json) whole[key] = withEmpty(field, json[key]);
    else if (Array.isArray(field)) whole[key] = [];
    else if (isRecord(field) && Object.keys(field).length === 0) whole[key] = {};
  }
  return { ...whole, ...Object.fromEntries(Object.entries(json).filter(([key]) => !(key in whole))) };
}

/** Dates and bytes are values, not records. */
function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
