import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { refusal } from './commands.ts'
import { copies, parseDockerfile, restsOf, wordsOf } from './dockerfile.ts'
import { checkout, read } from './places.ts'

const stages = parseDockerfile(read('deploy/Dockerfile'))
const image = stages.at(-1) ?? []

test('every stage stands on the major version of Node that package.json asks for', () => {
  const { engines } = JSON.parse(read('package.json'))
  const major = /\d+/.exec(engines.node)?.[0]
  assert.is(stages.length, 2)
  for (const stage of stages) {
    assert.match(restsOf(stage, 'FROM')[0] ?? '', new RegExp(`^node:${major}-slim( AS |$)`))
  }
})

test('what it copies is there, and .dockerignore lets it through', () => {
  const lines = read('.dockerignore').trim().split('\n')
  const rules = lines.filter(line => !line.startsWith('#'))
  assert.is(rules[0], '*')
  const letThrough = rules.slice(1).map(rule => rule.replace(/^!/, ''))
  const sources = stages.flatMap(copies).flatMap(copy => (copy.stage ? [] : copy.sources))
  assert.ok(sources.length > 5)
  for (const source of sources) {
    assert.ok(existsSync(join(checkout, source)), source)
    assert.ok(letThrough.includes(source), `.dockerignore keeps ${source} out`)
  }
  assert.equal([...new Set(sources)].sort(), [...letThrough].sort(), 'nothing else gets in')
})

test('stages that it copies from come before', () => {
  const names = stages.map(stage => / AS (\S+)$/.exec(restsOf(stage, 'FROM')[0] ?? '')?.[1])
  for (const [index, stage] of stages.entries()) {
    for (const { stage: from } of copies(stage)) {
      assert.ok(from === undefined || names.slice(0, index).includes(from), from)
    }
  }
})

test('it has only the packages that a node needs', () => {
  assert.ok(restsOf(stages[0] ?? [], 'RUN').includes('npm ci --omit=dev'))
})

test('it runs as a user without rights, who owns the volume', () => {
  const order = image.map(({ name }) => name)
  const [user, ...others] = restsOf(image, 'USER')
  assert.is(user, 'node')
  assert.equal(others, [])
  assert.ok(order.indexOf('USER') > order.lastIndexOf('RUN'), 'nothing is built as that user')
  const [volume = ''] = restsOf(image, 'VOLUME')
  const made = restsOf(image, 'RUN').find(command => command.endsWith(` ${volume}`))
  assert.match(made ?? '', `--owner=${user}`)
})

test('its commands are ones that the program has', () => {
  const entry = wordsOf(image, 'ENTRYPOINT')
  assert.equal(entry, ['node', 'bin/denizen.js'])
  assert.is(refusal(wordsOf(image, 'CMD')), undefined)
  const [, script = ''] = wordsOf(image, 'HEALTHCHECK')
  assert.ok(
    copies(image).some(({ target }) => target === `./${script}`),
    script,
  )
})

test.run()
