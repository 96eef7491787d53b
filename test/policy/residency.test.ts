/** Residency, partitions, homing and durability: what is permitted, refused and warned of. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { notEnforcedYet } from '../../src/policy/diagnostic.ts'
import { compileText, expectAt, placementOf, policyWith } from './small-world.ts'

test('home and serve are store unless they are written', () => {
  const plain = placementOf('  a: { residency: { store: [eea] } }')
  assert.equal([plain.home, plain.serve], [plain.store, plain.store])
  const full = placementOf(
    '  a: { residency: { store: [eea, uk], home: [country:DE], serve: [eea] } }',
  )
  assert.equal(full.store, ['eu-central', 'eu-west', 'uk-south'])
  assert.equal(full.home, ['eu-central'])
  assert.equal(full.serve, ['eu-central', 'eu-west'])
})

test('anywhere is every region, and says so', () => {
  const { anywhere, store, forbidden } = placementOf('  a: { residency: anywhere }')
  assert.is(anywhere, true)
  assert.is(store.length, 8)
  assert.equal(forbidden, {})
  assert.is(placementOf('  a: { residency: { store: [{ except: [cn] }] } }').anywhere, false)
})

test('defaults: hint, redirect, whole key, 64 slots', () => {
  const { homing, outside, groupBySegments, slots, prefix, id, law } = placementOf(
    '  a: { residency: anywhere }',
  )
  assert.equal(
    { homing, outside, groupBySegments, slots, prefix, id, law },
    {
      homing: { kind: 'hint' },
      outside: 'redirect',
      groupBySegments: null,
      slots: 64,
      prefix: '',
      id: 'a',
      law: [],
    },
  )
})

test('a selection that is empty', () => {
  const told = { message: 'no region of the cluster is in country:FR' }
  expectAt(policyWith('  a: { residency: { store: §[country:FR] } }'), 'empty_selection', told)
  const home = policyWith('  a: { residency: { store: [eea], home: §[country:FR] } }')
  expectAt(home, 'empty_selection')
  const serve = policyWith('  a: { residency: { store: [eea], serve: §{ all: [eea, us] } } }')
  expectAt(serve, 'empty_selection')
})

test('home outside store', () => {
  const text = policyWith('  a: { residency: { store: [eea], home: §[eea, us] } }')
  const message = 'us-east may home but not store: us-east (US) is not in eea'
  expectAt(text, 'home_outside_store', { message })
})

test('partitions inherit what they do not override', () => {
  const { policy } = compileText(
    policyWith(`  t:
    residency: { store: [eea] }
    outside: refuse
    homing: hash
    groupBy: { segments: 2 }
    partitions:
      "eu/": {}
      "us/": { residency: { store: [us] }, outside: redirect, homing: hint }`),
  )
  const [eu, us] = policy?.placements ?? []
  assert.equal([eu?.id, eu?.name, eu?.prefix, eu?.groupBySegments], ['t/eu/', 't', 'eu/', 2])
  assert.equal(
    [eu?.outside, eu?.homing, eu?.store],
    ['refuse', { kind: 'hash' }, ['eu-central', 'eu-west']],
  )
  assert.equal([us?.outside, us?.homing, us?.store], ['redirect', { kind: 'hint' }, ['us-east']])
})

const partitioned = (key: string, groupBy = 'groupBy: { segments: 2 }'): string =>
  policyWith(
    `  t:\n    residency: anywhere\n    ${groupBy}\n    partitions:\n      "eu/": {}\n      ${key}: {}`,
  )

test('prefixes of partitions', () => {
  expectAt(partitioned('§"us"'), 'bad_prefix', { suggestion: 'write "us/"' })
  expectAt(partitioned('§"a/b/c/"'), 'bad_prefix', { message: 'has 3 segments, groups have 2' })
  expectAt(partitioned('§"/"'), 'bad_prefix')
  expectAt(partitioned('§"a//"'), 'bad_prefix')
  expectAt(partitioned('§"../"'), 'bad_prefix')
  expectAt(partitioned('§""'), 'bad_prefix')
  expectAt(partitioned('§"eu/"'), 'yaml_error', { message: 'unique' })
  expectAt(partitioned('§"eu/acme/"'), 'nested_partition', { severity: 'warning' })
  const wholeKeys = compileText(partitioned('"a/b/c/"', 'outside: refuse'))
  assert.ok(wholeKeys.policy, 'a group of one key lies on one side of every prefix')
})

test('a partition needs a residency of its own or of the dataset', () => {
  const text = policyWith('  t:\n    partitions:\n      §"eu/": { outside: refuse }')
  expectAt(text, 'missing_field', { message: 't/eu/ has no residency' })
  expectAt(policyWith('  t: { residency: anywhere, partitions: §{} }'), 'bad_value')
})

test('homes that are pinned or given by prefix', () => {
  const homing = (text: string): string =>
    policyWith(`  a: { residency: { store: [eea] }, groupBy: { segments: 1 }, homing: ${text} }`)
  expectAt(homing('{ pinned: §us-east }'), 'home_not_permitted', {
    message: 'us-east may not home a: us-east (US) is not in eea',
    suggestion: 'permitted: eu-central, eu-west',
  })
  expectAt(homing('{ pinned: §eu-wst }'), 'unknown_region', {
    suggestion: 'did you mean "eu-west"?',
  })
  expectAt(homing('{ prefix: { "a/": eu-west, "b/": §us-east } }'), 'home_not_permitted')
  expectAt(homing('{ prefix: { §"a": eu-west } }'), 'bad_prefix')
  expectAt(homing('{ prefix: { §"a/b/": eu-west } }'), 'bad_prefix')
  const { homing: good } = placementOf(
    '  a: { residency: anywhere, homing: { prefix: { "a/": eu-west, "a/b/": us-east, "c/": eu-west } } }',
  )
  assert.equal(good, {
    kind: 'prefix',
    homes: [
      { prefix: 'a/b/', region: 'us-east' },
      { prefix: 'a/', region: 'eu-west' },
      { prefix: 'c/', region: 'eu-west' },
    ],
  })
})

test('a dataset’s homes by prefix go to the partitions that they concern', () => {
  const text = (homes: string): string =>
    policyWith(`  t:
    residency: { store: [eea] }
    homing: { prefix: { ${homes} } }
    partitions:
      "eu/": {}
      "us/": { residency: { store: [us] } }`)
  const { policy } = compileText(text('"eu/a/": eu-west, "us/": us-east'))
  assert.equal(
    policy?.placements.map(({ homing }) => homing),
    [
      { kind: 'prefix', homes: [{ prefix: 'eu/a/', region: 'eu-west' }] },
      { kind: 'prefix', homes: [{ prefix: 'us/', region: 'us-east' }] },
    ],
  )
  expectAt(text('§"jp/": eu-west'), 'bad_prefix', { message: 'no partition takes keys' })
  const own =
    '  t: { residency: anywhere, partitions: { "eu/": { homing: { prefix: { §"us/": us-east } } } } }'
  expectAt(policyWith(own), 'bad_prefix', { message: 'no key of t/eu/ begins with "us/"' })
})

test('acks above the regions that may store', () => {
  const text = policyWith('  a: { residency: { store: [eea] }, acks: §3 }')
  expectAt(text, 'acks_above_regions', { suggestion: 'at most acks: 2' })
  const failover = policyWith('  a: { residency: { store: [eea] }, failover: §auto }')
  expectAt(failover, 'failover_needs_acks')
})

test('warnings: stored but not served, access, one copy', () => {
  const warning = { severity: 'warning' } as const
  expectAt(
    policyWith('  a: { residency: { store: [eea], serve: §[eu-west] } }'),
    'stored_not_served',
    {
      ...warning,
      message: 'eu-central (DE)',
    },
  )
  expectAt(
    policyWith('  a: { residency: { store: [eea], serve: §[eea, us] } }'),
    'served_not_stored',
    {
      ...warning,
      message: 'access from us-east (US)',
    },
  )
  expectAt(policyWith('  a: { residency: { store: §[us] } }'), 'single_copy', warning)
  const quiet = compileText(policyWith('  a: { residency: { store: [eea] } }'))
  assert.equal(quiet.diagnostics, [])
})

test('settings that are not enforced yet are listed', () => {
  const { policy, diagnostics } = compileText(
    policyWith(`  a:
    residency: anywhere
    acks: 2
    failover: auto
    rehome: { after: 3 }
  b: { residency: anywhere, acks: 1, failover: manual }
  c: { residency: anywhere, partitions: { "x/": { acks: local } } }`),
  )
  assert.ok(policy)
  assert.equal(
    notEnforcedYet(diagnostics).map(({ line, column, severity }) => [line, column, severity]),
    [
      [8, 15, 'warning'],
      [9, 13, 'warning'],
      [11, 57, 'warning'],
    ],
  )
})

test('acks are compiled as they are written, and a partition may have its own', () => {
  const { policy, diagnostics } = compileText(
    policyWith(`  a: { residency: anywhere, acks: 1 }
  b: { residency: anywhere, acks: 2, partitions: { "x/": { acks: quorum }, "y/": {} } }
  c: { residency: anywhere, acks: all }`),
  )
  assert.equal(diagnostics, [])
  assert.equal(
    policy?.placements.map(({ id, acks }) => [id, acks]),
    [
      ['a', undefined],
      ['b/x/', 'quorum'],
      ['b/y/', 2],
      ['c', 'all'],
    ],
  )
})

test('a TTL is compiled to ms, and a partition may have its own', () => {
  const { policy, diagnostics } = compileText(
    policyWith(`  a: { residency: anywhere }
  b: { residency: anywhere, ttl: 30d, partitions: { "x/": { ttl: 5s }, "y/": {} } }`),
  )
  assert.equal(notEnforcedYet(diagnostics), [])
  assert.equal(
    policy?.placements.map(({ id, ttlMs }) => [id, ttlMs]),
    [
      ['a', undefined],
      ['b/x/', 5_000],
      ['b/y/', 30 * 86_400_000],
    ],
  )
})

test('an inherited mistake is reported once', () => {
  const text = policyWith(
    '  t: { residency: { store: [§eaa] }, partitions: { "a/": {}, "b/": {} } }',
  )
  expectAt(text, 'unknown_selector')
})

test('a region can not hold more stores than a node may open', () => {
  const many = Array.from({ length: 513 }, (_, n) => `  d${n}: { residency: anywhere }`).join('\n')
  const { policy, diagnostics } = compileText(policyWith(many))
  assert.is(policy, undefined)
  assert.is(diagnostics[0]?.code, 'too_many_stores')
})

test.run()
