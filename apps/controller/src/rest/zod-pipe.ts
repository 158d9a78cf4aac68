import type { PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { RefusedError } from '../common/refusal.ts';
import { issueText } from '../operations/change.ts';

/** Holds what came in against a schema; a controller never sees anything else. */
export class ZodPipe<S extends z.ZodType> implements PipeTransform<unknown, z.infer<S>> {
  readonly #schema: S;

  constructor(schema: S) {
    this.#schema = schema;
  }

  transform(value: unknown): z.infer<S> {
    const parsed = this.#schema.safeParse(value ?? {});
    if (!parsed.success) throw new RefusedError({ kind: 'invalid', message: issueText(parsed.error) });
    return parsed.data;
  }
}
