import { builtinModules } from 'node:module';

/** NestJS asks for these only where an application uses them; this one does not. */
const absent = [
  /^@nestjs\/microservices/,
  /^@nestjs\/websockets/,
  /^@nestjs\/platform-express$/,
  /^@fastify\/(view|multipart)$/,
  /^class-transformer/,
  /^class-validator/,
];

export default {
  input: 'src/main.ts',
  platform: 'node',
  // better-sqlite3 is native.
  external: [...builtinModules, /^node:/, 'better-sqlite3', ...absent],
  output: { file: 'dist/main.js', format: 'esm', codeSplitting: false },
};
