/** The short form of `npm run fuzz`: the cases that once failed, and some thousand fixed ones. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fuzz } from './drive.ts'
import { minimise } from './minimise.ts'
import { targets } from './targets.ts'

for (const [name, { shortCases }] of Object.entries(targets)) {
  test(`${name}: ${shortCases} cases`, async () => {
    const finding = await fuzz(name, { seed: 1, count: shortCases })
    const input = finding?.input && Buffer.from(finding.input).toString('latin1')
    assert.is(finding, undefined, `${JSON.stringify({ ...finding, input }, null, 2)}`)
  })
}

test('a failing case is made as small as it can be', async () => {
  const holds = async (bytes: Uint8Array): Promise<boolean> =>
    bytes.includes(7) && bytes.includes(9)
  const input = Uint8Array.from({ length: 100 }, (_, index) => index % 10)
  assert.equal([...(await minimise(input, holds))].sort(), [7, 9])
})

test.run()
