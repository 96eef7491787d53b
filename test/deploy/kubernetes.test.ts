import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { requirePolicy } from '../../src/cli/required-policy.ts'
import { refusal } from './commands.ts'
import { parseDockerfile, restsOf } from './dockerfile.ts'
import { deploy, read } from './places.ts'

const labelsSchema = z.record(z.string(), z.string())
const port = z.union([z.string(), z.number()])
const objectSchema = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({ name: z.string(), labels: labelsSchema }),
})
const serviceSchema = objectSchema.extend({
  spec: z.object({
    publishNotReadyAddresses: z.boolean().default(false),
    selector: labelsSchema,
    ports: z.array(z.object({ port: z.number(), targetPort: port })),
  }),
})
const budgetSchema = objectSchema.extend({
  spec: z.object({ selector: z.object({ matchLabels: labelsSchema }) }),
})
const named = z.object({ name: z.string() })
const probeSchema = z.object({
  httpGet: z.object({ path: z.string(), port, scheme: z.literal('HTTPS') }),
})
const containerSchema = z.object({
  args: z.array(z.string()),
  ports: z.array(named.extend({ containerPort: z.number() })),
  livenessProbe: probeSchema,
  readinessProbe: probeSchema,
  resources: z.object({ requests: z.object({ cpu: z.string(), memory: z.string() }) }),
  securityContext: z.object({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
  }),
  volumeMounts: z.array(named.extend({ mountPath: z.string() })),
})
const podSchema = z.object({
  metadata: z.object({ labels: labelsSchema }),
  spec: z.object({
    automountServiceAccountToken: z.literal(false),
    terminationGracePeriodSeconds: z.number(),
    securityContext: z.object({ runAsNonRoot: z.literal(true) }),
    containers: z.tuple([containerSchema]),
    volumes: z.array(named),
  }),
})
const setSchema = objectSchema.extend({
  apiVersion: z.literal('apps/v1'),
  spec: z.object({
    serviceName: z.string(),
    replicas: z.literal(1),
    selector: z.object({ matchLabels: labelsSchema }),
    template: podSchema,
    volumeClaimTemplates: z.array(
      z.object({
        metadata: named,
        spec: z.object({ accessModes: z.tuple([z.literal('ReadWriteOncePod')]) }),
      }),
    ),
  }),
})

const regions = requirePolicy(`${deploy}/denizen.yaml`).regions.map(({ id }) => id)

/** The objects of a region, REGION put in as the file's head says. */
function objectsOf(region: string): readonly unknown[] {
  const text = read('deploy/kubernetes/region.yaml').replaceAll('REGION', region)
  const documents = parseAllDocuments(text)
  assert.ok(Array.isArray(documents))
  for (const { errors, warnings } of documents) assert.equal([...errors, ...warnings], [])
  return documents.map(document => document.toJS())
}

const ofKind = (region: string, kind: string): readonly unknown[] =>
  objectsOf(region).filter(object => objectSchema.parse(object).kind === kind)

const setOf = (region: string) => setSchema.parse(ofKind(region, 'StatefulSet')[0])
const containerOf = (region: string) => setOf(region).spec.template.spec.containers[0]

test('it is one file, with one object for each thing that a region needs', () => {
  assert.equal(readdirSync(join(deploy, 'kubernetes')), ['region.yaml'])
  const kinds = objectsOf('eu-west').map(object => objectSchema.parse(object).kind)
  assert.equal(kinds, ['Service', 'Service', 'PodDisruptionBudget', 'StatefulSet'])
})

test('serve accepts what the container is started with', () => {
  for (const region of regions) {
    const { args } = containerOf(region)
    assert.is(refusal(args), undefined)
    assert.ok(args.includes(`--region=${region}`))
    const peers = args.flatMap(arg => /^--peer=([^=]+)=/.exec(arg)?.[1] ?? [])
    assert.equal(peers, regions)
  }
})

test('everything selects the one pod of the region', () => {
  const { spec, metadata } = setOf('us-east')
  const { labels } = spec.template.metadata
  assert.equal(spec.selector.matchLabels, labels)
  assert.equal(metadata.labels, labels)
  assert.is(labels['denizen/region'], 'us-east')
  const budget = budgetSchema.parse(ofKind('us-east', 'PodDisruptionBudget')[0])
  assert.equal(budget.spec.selector.matchLabels, labels)
  for (const service of ofKind('us-east', 'Service')) {
    assert.equal(serviceSchema.parse(service).spec.selector, labels)
  }
})

test('services lead to ports of the container, which serve listens on', () => {
  const { ports, args } = containerOf('us-east')
  const portOf = new Map<string | number, number>(ports.map(it => [it.name, it.containerPort]))
  const [clients, peers] = ofKind('us-east', 'Service').map(it => serviceSchema.parse(it))
  const clientPort = portOf.get(clients?.spec.ports[0]?.targetPort ?? '')
  const peerPort = portOf.get(peers?.spec.ports[0]?.targetPort ?? '')
  assert.ok(args.includes(`--listen=0.0.0.0:${clientPort}`))
  assert.ok(args.includes(`--peer-listen=0.0.0.0:${peerPort}`))
  assert.is(setOf('us-east').spec.serviceName, peers?.metadata.name)
})

test('peers reach a node before it is ready, clients only after', () => {
  const services = ofKind('us-east', 'Service').map(it => serviceSchema.parse(it))
  assert.equal(
    services.map(({ spec }) => spec.publishNotReadyAddresses),
    [false, true],
  )
  const { livenessProbe, readinessProbe, ports } = containerOf('us-east')
  assert.is(livenessProbe.httpGet.path, '/healthz')
  assert.is(readinessProbe.httpGet.path, '/readyz')
  for (const { httpGet } of [livenessProbe, readinessProbe]) {
    assert.ok(ports.some(({ name }) => name === httpGet.port))
  }
})

test('every file that serve is told to read, and its data, is in a volume', () => {
  const { spec } = setOf('us-east')
  const { args, volumeMounts } = containerOf('us-east')
  const given = [...spec.template.spec.volumes, ...spec.volumeClaimTemplates.map(it => it.metadata)]
  assert.equal(volumeMounts.map(({ name }) => name).sort(), given.map(({ name }) => name).sort())
  const paths = args.flatMap(arg => /^--[\w-]+=(\/.*)$/.exec(arg)?.[1] ?? [])
  assert.ok(paths.length >= 8)
  for (const path of paths) {
    assert.ok(
      volumeMounts.some(({ mountPath }) => path === mountPath || path.startsWith(`${mountPath}/`)),
      path,
    )
  }
  const data = volumeMounts.find(({ name }) => name === 'data')?.mountPath
  const image = parseDockerfile(read('deploy/Dockerfile')).at(-1) ?? []
  assert.equal(restsOf(image, 'VOLUME'), [data])
})

test.run()
