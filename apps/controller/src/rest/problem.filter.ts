import { Catch, HttpException, Inject, Injectable, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Logger } from 'pino';
import { z } from 'zod';
import { RefusedError, type RefusalKind } from '../common/refusal.ts';
import { LOG } from '../common/tokens.ts';

/** RFC 9457. `type` names the refusal, so that programs need not read the text. */
export const problemDto = z
  .object({ type: z.string(), title: z.string(), status: z.int(), detail: z.string() })
  .meta({ id: 'Problem' });

export const problems: Record<RefusalKind, { readonly status: number; readonly title: string }> = {
  invalid: { status: 400, title: 'The request makes no sense as written' },
  'not-found': { status: 404, title: 'There is no such thing' },
  budget: { status: 409, title: 'Too little would be left' },
  unavailable: { status: 409, title: 'What it is about cannot be reached' },
  conflict: { status: 409, title: 'Something stands against it' },
  'key-reused': { status: 422, title: 'The idempotency key was used for another request' },
  changed: { status: 412, title: 'It changed meanwhile' },
};

const withStatus = z.object({ statusCode: z.int().min(400).max(499), message: z.string() });

export function sendProblem(reply: FastifyReply, problem: z.infer<typeof problemDto>): FastifyReply {
  return reply.status(problem.status).header('content-type', 'application/problem+json').send(JSON.stringify(problem));
}

@Catch()
@Injectable()
export class ProblemFilter implements ExceptionFilter {
  readonly #log: Logger;

  constructor(@Inject(LOG) log: Logger) {
    this.#log = log;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    void sendProblem(reply, this.#problem(error));
  }

  #problem(error: unknown): z.infer<typeof problemDto> {
    if (error instanceof RefusedError) {
      const { kind, message } = error.refusal;
      return { type: `urn:keepfleet:problem:${kind}`, ...problems[kind], detail: message };
    }
    // Nest's own (no such route) and Fastify's own (body too large, not JSON) know their status.
    const known =
      error instanceof HttpException
        ? { statusCode: error.getStatus(), message: error.message }
        : withStatus.safeParse(error).data;
    if (known !== undefined) {
      return { type: 'about:blank', title: known.message, status: known.statusCode, detail: known.message };
    }
    this.#log.error({ error }, 'REST: a request failed');
    const detail = 'the controller failed to answer; its log says why';
    return { type: 'about:blank', title: 'Internal error', status: 500, detail };
  }
}
