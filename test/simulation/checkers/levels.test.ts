/** What disks lack of what was acknowledged, and what explains it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkLevels } from '../../../src/simulation/checkers/levels.ts'
import type { OperationRecord } from '../../../src/simulation/history.ts'
import type { PolicyInForce, Shortfall } from '../../../src/simulation/observations.ts'
import { del, factsOf, messages, put } from './by-hand.ts'

const onTwo = put('k=1', [0, 5], '0.1', { acks: 2 })

const shortfall: Shortfall = {
  ...{ dataset: 'd', key: 'k', version: '0.1', acks: 2, holders: ['a'] },
  ...{ when: 'it was acknowledged', atMs: 5, epoch: 1 },
}

const policy = (epoch: number, ...store: readonly string[]): PolicyInForce => ({
  epoch,
  datasets: new Map([['d', { store: new Set(store), serve: new Set(store) }]]),
})

const levels = (
  found: Partial<Shortfall>,
  operations: readonly OperationRecord[],
  { policies = [policy(1, 'a', 'b', 'c')], erases = false } = {},
): string => {
  const facts = factsOf(...operations)
  return messages(checkLevels(facts, [{ ...shortfall, ...found }], { policies, erases })).join()
}

test('D: fewer disks than were acknowledged', () => {
  assert.match(
    levels({}, [onTwo]),
    /d k: 0\.1 was acknowledged on 2; when it was acknowledged, at 5 ms, only a had it/,
  )
  assert.match(levels({ holders: [], acks: 1, when: 'a died' }, [onTwo]), /a died.* nobody had it/)
})

test('D: a level can not be held in more regions than every policy up to then permits', () => {
  const shrunk = [policy(1, 'a', 'b'), policy(2, 'a')]
  assert.is(levels({ epoch: 2 }, [onTwo], { policies: shrunk }), '')
  assert.match(levels({ epoch: 1 }, [onTwo], { policies: shrunk }), /acknowledged on 2/)
  assert.match(levels({ epoch: 2, holders: [] }, [onTwo], { policies: shrunk }), /nobody/)
})

test('D: what was erased need not be there, where groups are erased', () => {
  // As the eraser writes it down: of which nobody was told how it ended.
  const erased = del('k', [10, null])
  assert.is(levels({ holders: [] }, [onTwo, erased], { erases: true }), '')
  assert.match(levels({ holders: [] }, [onTwo, erased]), /nobody/)
  assert.match(levels({ holders: [] }, [onTwo], { erases: true }), /nobody/)
})

test.run()
