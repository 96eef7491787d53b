/** Cursors of watches: refused as `bad_request`, or they name what they say. */
import { DenizenError } from '../../../src/model/errors.ts'
import { formatCursor, parseCursor } from '../../../src/routing/watch-cursor.ts'
import { fromTexts, mutateText } from '../mutate.ts'
import { type FuzzTarget, rule } from '../target.ts'

const words = fromTexts('~', '.', '-', '0', 'zzzzzzzzzz', 'vvvvvvvvvvvvvvvvvvvvvvvvvv', '~0.0', 'é')

export const open = (): FuzzTarget => ({
  generate: random => {
    const points = Array.from({ length: random.below(9) }, () => ({
      incarnation: random.below(2 ** 31).toString(32),
      commit: random.below(2 ** 31) * 2 ** random.below(20),
    }))
    return mutateText(random, formatCursor({ region: 'eu-west', points }), words)
  },
  check(input) {
    const text = new TextDecoder().decode(input)
    try {
      const cursor = parseCursor(text)
      rule(
        cursor.points.every(({ commit }) => Number.isSafeInteger(commit)),
        'commits are counted in safe integers',
      )
      const again = parseCursor(formatCursor(cursor))
      rule(JSON.stringify(again) === JSON.stringify(cursor), 'it reads the same again')
    } catch (error) {
      if (!(error instanceof DenizenError && error.code === 'bad_request')) throw error
    }
  },
})
