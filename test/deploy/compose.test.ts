import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseDocument } from 'yaml'
import { z } from 'zod'
import { requirePolicy } from '../../src/cli/required-policy.ts'
import { refusal } from './commands.ts'
import { copies, parseDockerfile, restsOf, wordsOf } from './dockerfile.ts'
import { deploy, read } from './places.ts'

const mountSchema = z.union([
  z.string(),
  z.object({ source: z.string(), target: z.string(), read_only: z.literal(true) }),
])
const serviceSchema = z.object({
  build: z.object({ context: z.literal('..'), dockerfile: z.literal('deploy/Dockerfile') }),
  entrypoint: z.array(z.string()),
  command: z.array(z.string()),
  ports: z.array(z.string()),
  volumes: z.array(mountSchema),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
})
const composeSchema = z.object({
  services: z.record(z.string(), serviceSchema),
  volumes: z.record(z.string(), z.null()),
})

const document = parseDocument(read('deploy/compose.yaml'), { merge: true })
const { services, volumes } = composeSchema.parse(document.toJS())
const policy = requirePolicy(`${deploy}/denizen.yaml`)
const image = parseDockerfile(read('deploy/Dockerfile')).at(-1) ?? []

test('it is YAML without a doubt', () => {
  assert.equal(document.errors, [])
  assert.equal(document.warnings, [])
})

test('each region of the policy is a service with a volume of its own', () => {
  const regions = policy.regions.map(({ id }) => id)
  assert.equal(Object.keys(services), regions)
  assert.equal(Object.keys(volumes), regions)
  const [data] = restsOf(image, 'VOLUME')
  for (const region of regions) {
    assert.ok(services[region]?.volumes.includes(`${region}:${data}`), region)
  }
})

test('serve accepts what each of them is started with', () => {
  const entry = wordsOf(image, 'ENTRYPOINT')
  for (const [region, { entrypoint, command }] of Object.entries(services)) {
    assert.equal(entrypoint.slice(0, entry.length), entry)
    const args = [...entrypoint.slice(entry.length), ...command]
    assert.is(refusal(args), undefined)
    assert.ok(args.includes(`--region=${region}`), region)
    for (const peer of Object.keys(services)) {
      assert.ok(args.includes(`--peer=${peer}=${peer}:7101`), `${region} knows ${peer}`)
    }
  }
})

test('clients come in over loopback, where the node says that it is', () => {
  for (const { ports, command } of Object.values(services)) {
    const [, port] = /^127\.0\.0\.1:(\d+):7001$/.exec(ports[0] ?? '') ?? []
    assert.ok(command.includes(`--advertise=http://127.0.0.1:${port}`), ports[0])
  }
})

test('the others wait for the keeper to live, not to serve: it waits for them', () => {
  for (const [region, { depends_on }] of Object.entries(services)) {
    const expected = { [policy.keeper]: { condition: 'service_healthy' } }
    assert.equal(depends_on, region === policy.keeper ? {} : expected)
  }
  const [, script] = wordsOf(image, 'HEALTHCHECK')
  assert.ok(copies(image).some(({ sources }) => sources.includes(script ?? '')))
  assert.match(read('deploy/healthcheck.js'), "'/healthz'")
})

test('what is mounted from the checkout is for reading, and what the node is told to read', () => {
  for (const { volumes: mounts, entrypoint } of Object.values(services)) {
    const targets = mounts.flatMap(mount => (typeof mount === 'string' ? [] : [mount.target]))
    const files = entrypoint.flatMap(word => /^--(?:config|access)=(.*)$/.exec(word)?.[1] ?? [])
    assert.is(files.length, 2)
    for (const file of files) {
      assert.ok(
        targets.some(target => file.startsWith(target)),
        file,
      )
    }
  }
})

test.run()
