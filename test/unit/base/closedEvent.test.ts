import assert from 'node:assert/strict';
import { ClosedEvent } from '../../../server/src/base/closedEvent.ts';

describe('That a client has closed', () => {
  function create(): { closed: ClosedEvent; told: string[]; errors: unknown[] } {
    const errors: unknown[] = [];
    return { closed: new ClosedEvent((error) => errors.push(error)), told: [], errors };
  }

  it('is told once to those who asked before, and at once to those who ask afterwards', () => {
    const { closed, told } = create();
    closed.on(() => told.push('before'));
    closed.on(() => told.push('not any more')).dispose();
    closed.fire();
    closed.fire();
    closed.on(() => told.push('after'));
    assert.deepEqual(told, ['before', 'after']);
  });

  it('is told to the others where one of them throws', () => {
    const { closed, told, errors } = create();
    const fail = (): never => assert.fail('on purpose');
    closed.on(fail);
    closed.on(() => told.push('other'));
    closed.fire();
    closed.on(fail);
    assert.deepEqual([told, errors.length], [['other'], 2]);
  });
});
