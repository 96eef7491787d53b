import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { editDistance, nearest } from '../../src/policy/suggest.ts'
import { expectAt, placementOf, policyWith } from './small-world.ts'

const storing = (selector: string) =>
  placementOf(`  a: { residency: { store: ${selector} } }`).store

test('each kind of selector', () => {
  assert.equal(storing('[eu-west]'), ['eu-west'])
  assert.equal(storing('eu-west'), ['eu-west'])
  assert.equal(storing('[country:JP]'), ['ap-northeast'])
  assert.equal(storing('[subdivision:CA-QC]'), ['ca-east'])
  assert.equal(storing('[provider:aws]'), ['ap-northeast', 'eu-west', 'us-east'])
  assert.equal(storing('[operator:DE]'), ['eu-central'])
  assert.equal(storing('[tag:bank]'), ['eu-central'])
  assert.equal(storing('[eea]'), ['eu-central', 'eu-west'])
  assert.equal(storing('[adequate:eu]'), ['ap-northeast', 'uk-south'])
  assert.equal(storing('[adequate:eu+dpf]'), ['ap-northeast', 'uk-south', 'us-east'])
  assert.equal(storing('[adequate:eu+dpf+commercial]'), [
    'ap-northeast',
    'ca-east',
    'uk-south',
    'us-east',
  ])
})

test('a list means any of, and order never matters', () => {
  assert.equal(storing('[us-east, eea, country:US]'), ['eu-central', 'eu-west', 'us-east'])
  assert.equal(storing('[country:US, us-east, eea]'), ['eu-central', 'eu-west', 'us-east'])
})

test('any, all and except hold together', () => {
  assert.equal(storing('{ all: [eea, provider:aws] }'), ['eu-west'])
  assert.equal(storing('{ all: [eea], except: [operator:US] }'), ['eu-central'])
  assert.equal(storing('{ any: [eea, us], all: [provider:aws] }'), ['eu-west', 'us-east'])
  assert.equal(storing('{ any: [us, { all: [eea], except: [eu-west] }] }'), [
    'eu-central',
    'us-east',
  ])
  assert.equal(storing('{ except: [provider:aws, cn, ru] }'), ['ca-east', 'eu-central', 'uk-south'])
})

test('reasons name the selector', () => {
  const { forbidden } = placementOf(
    '  a: { residency: { store: { any: [eea, us], except: [operator:US] }, serve: [eea, us] } }',
  )
  assert.equal(forbidden['us-east'], {
    home: 'us-east (US) is in operator:US, which is excepted',
    store: 'us-east (US) is in operator:US, which is excepted',
  })
  const reason = 'ru-center (RU) is in none of eea, us'
  assert.equal(forbidden['ru-center'], { home: reason, store: reason, serve: reason })
  assert.is(forbidden['eu-central'], undefined)
  const one = placementOf('  a: { residency: { store: [country:US] } }')
  assert.is(one.forbidden['eu-west']?.store, 'eu-west (IE) is not in country:US')
  const named = placementOf('  a: { residency: { store: [eu-west] } }')
  assert.is(named.forbidden['us-east']?.store, 'us-east (US) is not eu-west')
  const all = placementOf('  a: { residency: { store: { all: [eea, provider:aws] } } }')
  assert.is(all.forbidden['eu-central']?.store, 'eu-central (DE) is not in provider:aws')
})

test('unknown selectors are refused at their place, with a suggestion', () => {
  const cases: [string, string | undefined][] = [
    ['eu-wst', 'did you mean "eu-west"?'],
    ['DE', 'did you mean "country:DE"?'],
    ['country:de', 'did you mean "country:DE"?'],
    ['country:UK', 'did you mean "country:GB"?'],
    ['country:EU', 'did you mean "eu"?'],
    ['country:Germany', 'write two capital letters, such as country:DE'],
    ['contry:DE', 'did you mean "country:"?'],
    ['operator:us', 'did you mean "operator:US"?'],
    ['subdivision:QC', 'write it as in subdivision:CA-QC'],
    ['provider:awss', 'did you mean "aws"?'],
    ['tag:gren', 'did you mean "green"?'],
    ['adequate:fr', 'use ch, eu, uk'],
    ['adequate:eu+dpff', 'did you mean "dpf"?'],
  ]
  for (const [atom, suggestion] of cases) {
    const text = policyWith(`  a: { residency: { store: [eea, §"${atom}"] } }`)
    expectAt(text, 'unknown_selector', suggestion === undefined ? {} : { suggestion })
  }
  const nested = policyWith(
    '  a: { residency: { store: { all: [eea], except: [us, §provider:asw] } } }',
  )
  expectAt(nested, 'unknown_selector')
  expectAt(policyWith('  a: { residency: { store: [eea, §{}] } }'), 'unknown_selector')
})

test('a region of the catalogue that is not in the cluster', () => {
  const text =
    'cluster: x\nregions: [eu-west]\ndatasets: { a: { residency: { store: [eu-west, §us-east] } } }\n'
  expectAt(text, 'unknown_selector', { suggestion: 'add it to `regions`' })
})

test('edit distance', () => {
  assert.is(editDistance('kitten', 'sitting'), 3)
  assert.is(editDistance('', 'abc'), 3)
  assert.is(editDistance('same', 'same'), 0)
  assert.is(nearest('profils', ['cities', 'profiles']), 'profiles')
  assert.is(nearest('xyz', ['cities', 'profiles']), undefined)
  assert.is(nearest('us', ['uk']), undefined)
})

test.run()
