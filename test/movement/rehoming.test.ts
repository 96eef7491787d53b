/**
 * Re-homing under every interleaving of a small world: never two homes, no home without what was
 * acknowledged, and always somebody who becomes home. And that the search finds what is wrong.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { explore } from './explorer.ts'
import { type Bounds, type Rules, rules } from './small-world.ts'

const oneMove: Bounds = { writes: 2, crashes: 1, failures: 2, moves: [[0, 1]] }
const thereAndOn: Bounds = {
  ...{ writes: 1, crashes: 0, failures: 1 },
  moves: [
    [0, 1],
    [1, 2],
  ],
}
const thereAndBack: Bounds = {
  ...{ writes: 1, crashes: 1, failures: 0 },
  moves: [
    [0, 1],
    [1, 0],
  ],
}

for (const [name, bounds] of Object.entries({ oneMove, thereAndOn, thereAndBack })) {
  test(`${name}: nothing goes wrong`, () => {
    const { states, homes, violation } = explore(bounds)
    assert.is(violation, undefined, JSON.stringify(violation))
    assert.ok(states > 50_000, `${states} states`)
    assert.ok(homes.has('two'), 'the group has moved in some of them')
  })
}

const worse: Readonly<Record<string, readonly [Bounds, Partial<Rules>, RegExp]>> = {
  'a registrar that grants whatever is asked': [oneMove, { decide: () => 'grant' }, /two homes/],
  'a next home that asks for nothing of earlier ones': [
    thereAndOn,
    { endsOf: ({ feed, position }) => [{ feed, position }] },
    /L: a home lacks/,
  ],
  'a taker that marks what another has won': [
    oneMove,
    {
      stepTaker: (of, state, event) =>
        state === 'claiming' && event.kind === 'registered' && event.home
          ? { state: 'marking', effect: { kind: 'mark', home: { ...event.home, region: of.self } } }
          : rules.stepTaker(of, state, event),
    },
    /two homes/,
  ],
  'a home that resumes without asking': [
    oneMove,
    {
      stepHome: (of, state, event) =>
        state === 'handingOver' && event.kind === 'failed'
          ? {
              state: 'marking',
              effect: { kind: 'mark', home: { region: of.self, term: of.term + 1 } },
            }
          : rules.stepHome(of, state, event),
    },
    /two homes/,
  ],
}

for (const [name, [bounds, changes, expected]] of Object.entries(worse)) {
  test(`it finds ${name}`, () => {
    const { violation } = explore(bounds, { ...rules, ...changes })
    assert.match(violation?.what ?? 'nothing', expected)
  })
}

test.run()
