import { describe, expect, it } from 'vitest';
import { matchesExpression } from './expression.ts';

describe('an expression of a query', () => {
  it.each<[string, string, boolean]>([
    ['agent', 'agent', true],
    ['agent', 'node-agent-1', true],
    ['^agent$', 'node-agent', false],
    ['^agent$', 'agent', true],
    ['^a.*t$', 'agent', true],
    ['ag+ent|router', 'aggent', true],
    ['ag+ent|router', 'my router', true],
    ['^v1\\.2$', 'v1.2', true],
    ['^v1\\.2$', 'v1x2', false],
    ['^ab?c$', 'ac', true],
    ['', 'anything', true],
    ['^$', '', true],
    ['^$', 'x', false],
    ['(a+)+$', 'aaaa', false],
    ['[a-z]', 'a', false],
    ['\\d', '1', false],
    ['a\\', 'a', false],
    ['x'.repeat(300), 'x'.repeat(300), false],
  ])('%s against %s: %s', (expression, text, wanted) => {
    expect(matchesExpression(expression, text)).toBe(wanted);
  });

  it('takes no more time than its length times that of the text', () => {
    expect(matchesExpression(`${'a*'.repeat(120)}b$`, 'a'.repeat(512))).toBe(false);
  });
});
