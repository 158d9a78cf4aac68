import { applyDecorators, type INestApplication } from '@nestjs/common';
import { ApiQuery, ApiResponse, DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { z } from 'zod';
import { version } from '../version.ts';
import { problemDto, problems } from './problem.filter.ts';

type Schemas = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;

/** The answer of a route by its schema, and the problems that any route may answer with. */
export function Answers(status: number, schema: z.ZodType, ...refusals: number[]): MethodDecorator {
  return applyDecorators(
    ApiResponse({ status, description: 'as asked', schema: reference(schema) }),
    Problems(...refusals),
  );
}

/** The problems that a route may answer with. */
export function Problems(...refusals: number[]): MethodDecorator {
  const titles = new Map(Object.values(problems).map((problem) => [problem.status, problem.title]));
  return applyDecorators(
    ...refusals.map((code) =>
      ApiResponse({
        status: code,
        description: titles.get(code) ?? 'problem',
        content: { 'application/problem+json': { schema: reference(problemDto) } },
      }),
    ),
  );
}

/** Describes each parameter of a query by the schema that it is read with. */
export function Queries(schema: z.ZodObject): MethodDecorator {
  return applyDecorators(
    ...Object.entries(schema.shape).map(([name, field]) => {
      const { description, ...rest } = z.toJSONSchema(z.object({ field }), { io: 'input', unrepresentable: 'any' })
        .properties?.['field'] as { description?: string };
      return ApiQuery({ name, required: false, schema: rest, ...(description === undefined ? {} : { description }) });
    }),
  );
}

export function reference(schema: z.ZodType): { $ref: string } {
  const id = z.globalRegistry.get(schema)?.id;
  if (id === undefined) throw new Error('a schema of the API needs an id');
  return { $ref: `#/components/schemas/${id}` };
}

/** The description of the REST API, made from its routes and from the schemas that it reads and writes by. */
export function openApiDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Keepfleet controller')
    .setDescription('The fleet as one system: nodes, virtual routers, virtual services, events and operations.')
    .setVersion(version)
    .build();
  const document = SwaggerModule.createDocument(app, config, { operationIdFactory: (_, method) => method });
  document.components = { schemas: components() };
  return document;
}

/** Requests by what may be written, where defaults may be left out; answers by what is always there. */
const REQUESTS = new Set(['Change', 'OperationRequest', 'CancelRequest', 'ForgetRequest']);

function components(): Schemas {
  const uri = (id: string) => `#/components/schemas/${id}`;
  const written = z.toJSONSchema(z.globalRegistry, { uri, io: 'input' }).schemas;
  const answered = z.toJSONSchema(z.globalRegistry, { uri, io: 'output' }).schemas;
  const ids = Object.keys(answered).sort();
  return Object.fromEntries(ids.map((id) => [id, bare((REQUESTS.has(id) ? written[id] : answered[id]) ?? {})]));
}

/** A component needs no name of its own inside. */
function bare(schema: object): Schemas[string] {
  const entries = Object.entries(schema).filter(([name]) => name !== '$schema' && name !== '$id' && name !== 'id');
  return Object.fromEntries(entries);
}
