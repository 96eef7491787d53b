import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ListItem, Operation } from '../../src/execution/operation.ts'
import type { ListStoreReply } from '../../src/execution/operations/list.ts'
import { compareUtf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import type { Key } from '../../src/model/key.ts'
import { limits } from '../../src/model/limits.ts'
import { mergePages } from '../../src/routing/list-copy.ts'
import { Session } from '../../src/routing/session.ts'
import { hmacSha256 } from '../../src/runtime/mac.ts'
import { dataset, policy } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'
import { seededRandom, seedsOfRun } from '../support/seeded-random.ts'

const item = (key: string, bytes = 0): ListItem => ({
  key: key as Key,
  version: { term: 0, seq: 1 },
  mediaType: '',
  ...(bytes > 0 && { value: new Uint8Array(bytes) }),
})

const merging = suite('merging pages')

merging('pages of stores, read to the end, are all keys in order, each once', () => {
  for (const seed of seedsOfRun(300)) {
    const random = seededRandom(seed)
    const stores: string[][] = Array.from({ length: 1 + random.below(5) }, () => [])
    const count = random.below(60)
    for (let n = 0; n < count; n++) {
      const text = random.pick(['a', 'é', '\uffff', '\u{10000}', 'a/'])
      random.pick(stores).push(`${text}${random.below(30)}~${n}`)
    }
    for (const keys of stores) keys.sort(compareUtf8)
    const all = stores.flat().toSorted(compareUtf8)
    const deleted = new Set(all.filter(() => random.below(3) === 0))
    const limit = 1 + random.below(12)
    const found: string[] = []
    let after: string | undefined
    for (let pages = 0; ; pages++) {
      assert.ok(pages <= all.length + 1, `seed ${seed}: every page goes on`)
      const replies = stores.map((keys): ListStoreReply => {
        const from = after
        const rest = keys.filter(key => from === undefined || compareUtf8(key, from) > 0)
        // A store may end its page early, because of its bytes.
        const size = Math.min(limit, 1 + random.below(limit))
        // Some of what a store looks at is deleted: it has no item, but may end the page.
        const seen = rest.slice(0, size)
        return {
          items: seen.filter(key => !deleted.has(key)).map(key => item(key)),
          upTo: rest.length <= size ? null : (seen.at(-1) as Key),
        }
      })
      const page = mergePages(replies, limit, 1 + random.below(100))
      assert.ok(page.items.length <= limit)
      found.push(...page.items.map(({ key }) => key))
      if (page.next === undefined) break
      assert.ok(after === undefined || compareUtf8(page.next, after) > 0, `seed ${seed}: forwards`)
      after = page.next
    }
    const live = all.filter(key => !deleted.has(key))
    assert.equal(found, live, `seed ${seed}`)
  }
})

merging('a page ends before its values grow past the bound, after one at least', () => {
  const pages = [
    { items: [item('a', 60), item('c', 60)], upTo: null },
    { items: [item('b', 30), item('d', 500)], upTo: null },
  ]
  const keys = (bytesMax: number) => mergePages(pages, 10, bytesMax)
  assert.equal(
    keys(100).items.map(({ key }) => key),
    ['a', 'b'],
  )
  assert.is(keys(100).next, 'b')
  assert.is(keys(10).items.length, 1)
  assert.is(keys(1_000).next, undefined)
})

merging.run()

const regions = ['one', 'two', 'three', 'four']
const storing = ['one', 'two', 'three']
const data = policy(regions, [
  dataset('hint', storing, { serve: regions, groupBySegments: 1, slots: 16 }),
  dataset('pinned', ['two'], { serve: regions, slots: 16 }),
  {
    ...dataset('parts/eu/', storing, { serve: regions, groupBySegments: 2, slots: 16 }),
    ...{ name: 'parts', prefix: 'eu/' },
  },
])
const strong = { consistency: 'strong' } as const
const session = { consistency: 'session' } as const

const put = (key: string, bytes = 1): Operation => ({
  kind: 'put',
  key: key as Key,
  value: new Uint8Array(bytes),
  mediaType: '',
  precondition: {},
})
const all = { prefix: '', limit: 100, values: true }

async function codeOf(task: Promise<unknown>): Promise<string> {
  const error = await task.catch(failed => failed)
  return error instanceof DenizenError ? error.code : 'no failure'
}

const lists = suite('lists')

lists('a list of large values comes through another region, page by page', async () => {
  const world = await RoutingWorld.open(data)
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  for (const name of names) {
    await world.at('two').router.execute('pinned', [put(name, limits.valueBytesMax)], strong)
  }
  const found: string[] = []
  for (let after: string | undefined = ''; after !== undefined; ) {
    const request = { ...all, ...(after !== '' && { after }) }
    const page = await world.at('four').lists.list('pinned', request, session)
    found.push(...page.items.map(({ key }) => key))
    after = page.next
  }
  assert.equal(found, names)
})

lists('a strong list is the home’s; of a group that nobody wrote it is empty', async () => {
  const world = await RoutingWorld.open(data)
  await world.at('three').router.execute('hint', [put('g/a'), put('g/b'), put('h/a')], strong)
  for (const region of regions) {
    const group = { ...all, prefix: 'g/' }
    const page = await world.at(region).lists.list('hint', group, strong)
    assert.equal(
      page.items.map(({ key }) => key),
      ['g/a', 'g/b'],
    )
    assert.equal([page.receipt.home, page.receipt.role], ['three', 'home'])
    const none = await world.at(region).lists.list('hint', { ...all, prefix: 'x/' }, strong)
    assert.equal([none.items, none.receipt.role, none.receipt.home], [[], 'replica', undefined])
    assert.is(
      await codeOf(world.at(region).lists.list('hint', all, strong)),
      'prefix_spans_partitions',
    )
  }
  world.link('three', 'cut', 'known')
  const list = world.at('one').lists.list('hint', { ...all, prefix: 'g/' }, strong)
  assert.match(await codeOf(list), /home_unreachable|registrar_unavailable/)
})

lists(
  'a list of a group has its keys and no others, whether or not keys lie below it',
  async () => {
    const world = await RoutingWorld.open(data)
    const keys = ['g', 'g/a', 'g/b/c', 'g-', 'g!', 'gg', 'f/g/a']
    await world.at('three').router.execute('hint', keys.map(put), strong)
    for (const key of ['g', 'g/zz'] as Key[]) {
      const found: string[] = []
      for (let after: string | undefined, n = 0; n < 9; n++) {
        const request = { prefix: '', group: key, limit: 1, values: true, ...(after && { after }) }
        const page = await world.at('one').lists.list('hint', request, strong)
        assert.is(page.receipt.role, 'home')
        found.push(...page.items.map(item => item.key))
        after = page.next
        if (after === undefined) break
      }
      assert.equal(found, ['g', 'g/a', 'g/b/c'])
    }
  },
)

lists('a group of a partition is listed through any region, and taken for no attack', async () => {
  const world = await RoutingWorld.open(data)
  await world.at('three').router.execute('parts', [put('eu/g/a'), put('eu/h/a')], strong)
  for (const region of regions) {
    const request = { ...all, group: 'eu/g' as Key }
    const page = await world.at(region).lists.list('parts', request, strong)
    assert.equal(
      page.items.map(({ key }) => key),
      ['eu/g/a'],
    )
  }
})

lists('a copy that starts is passed over', async () => {
  const world = await RoutingWorld.open(data)
  world.link('one', 'starting')
  const page = await world.at('four').lists.list('hint', all, session)
  assert.is(page.receipt.servedBy, 'two')
})

lists('a session is served by a copy that has all it saw, or told that there is none', async () => {
  const world = await RoutingWorld.open(data)
  const { session: token } = await world
    .at('three')
    .router.execute('hint', [put('g/a')], { consistency: 'session' })
  assert.ok(token)
  const context = { ...session, session: token }
  const page = await world.at('one').lists.list('hint', all, context)
  assert.equal([page.items.length, page.receipt.servedBy], [1, 'three'])
  world.link('three', 'cut', 'known')
  assert.is(await codeOf(world.at('one').lists.list('hint', all, context)), 'session_ahead')
  const eventual = { ...context, consistency: 'eventual' } as const
  assert.is((await world.at('one').lists.list('hint', all, eventual)).items.length, 0)
})

lists('a session that outgrew its token is served at the home, or not at all', async () => {
  const world = await RoutingWorld.open(data)
  await world.at('three').router.execute('hint', [put('g/a')], strong)
  const long = new Session()
  for (let n = 0; n < 500; n++) long.add(`d${n}`, { slot: 0, feed: 65_537, position: 1 })
  const token = long.encode(hmacSha256('07'.repeat(32)), () => false)
  const context = { ...session, session: token }
  const page = await world.at('one').lists.list('hint', { ...all, prefix: 'g/' }, context)
  assert.equal([page.items.length, page.receipt.servedBy], [1, 'three'])
  assert.is(await codeOf(world.at('one').lists.list('hint', all, context)), 'session_ahead')
  const only = await world.at('one').lists.list('pinned', all, context)
  assert.is(only.receipt.servedBy, 'two')
})

lists.run()
